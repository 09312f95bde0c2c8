#pragma once

// Reads and unpacks .tar.gz files with libarchive. Gunzip decompresses the file, libarchive reads the tar: an error message
// tells which of the two is damaged.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/release/gunzip.h"
#include "common/release/owner_ids.h"

struct archive;
struct archive_entry;

namespace ops {

/// A header of the tar. The names are unchecked.
struct ArchiveEntry {
  enum class Kind { file, folder, symbolic_link, hard_link, other };

  Kind kind = Kind::other;
  std::string name;
  std::string target;  // of a link
  mode_t mode = 0;     // permissions with the set-uid, set-gid and sticky bits
  uint64_t size = 0;   // bytes of a file, holes included
  int64_t uid = 0;
  int64_t gid = 0;
  bool has_capabilities = false;
};

class ArchiveReader {
 public:
  explicit ArchiveReader(const std::string& path);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// The next entry; nullopt at the end, and on an error, which is then in `fault`.
  std::optional<ArchiveEntry> next(ReleaseOutcome& fault);

  /// The next piece of the entry's content, valid until the next call; nullopt as for next().
  std::optional<std::string_view> read(ReleaseOutcome& fault);

  /// Decompressed bytes so far, with the headers and the padding of the tar.
  uint64_t bytes_read() const { return gunzip_.bytes_read(); }

 private:
  friend class ArchiveWriter;
  static ssize_t read_gunzip(archive* tar, void* self, const void** block);

  bool has_too_long_header() const;
  bool reaches_end();
  ReleaseOutcome fault() const;

  Gunzip gunzip_;
  std::string head_;  // the first decompressed bytes
  std::unique_ptr<archive, int (*)(archive*)> tar_;
  bool is_open_ = false;
  bool reads_header_ = false;
  uint64_t header_begin_ = 0;       // bytes_read() before the current header
  archive_entry* entry_ = nullptr;  // owned by tar_
  int64_t offset_ = 0;              // in the file, of the last piece
};

/// Writes entries to disk.
class ArchiveWriter {
 public:
  ArchiveWriter();

  struct Attributes {
    mode_t mode = 0;
    /// The file gets the owner, the group and the capabilities of the entry. Otherwise it belongs to the process's user.
    bool preserve = false;
  };

  /// Writes the entry that `from` read last, with its content, to `path`. `hard_link` is the path of the target of a hard link,
  /// or "".
  ReleaseOutcome write(ArchiveReader& from, const std::string& path, Attributes attributes, const std::string& hard_link,
                       const std::stop_token& cancel);

  /// Sets the times and modes of folders. Call it after the last entry.
  ReleaseOutcome finish();

 private:
  void set_attributes(archive_entry* entry, Attributes attributes) const;

  std::unique_ptr<archive, int (*)(archive*)> disk_;
  const OwnerIds users_{"/etc/passwd"};
  const OwnerIds groups_{"/etc/group"};
};

}  // namespace ops
