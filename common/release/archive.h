#pragma once

// .tar.gz files, read and unpacked by libarchive. Two readers work one behind the other: the first undoes gzip, the second
// reads the tar. So an error says which of the two is bad.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/release/gunzip.h"

struct archive;
struct archive_entry;

namespace ops {

/// A header of the tar.
struct ArchiveEntry {
  enum class Kind { file, folder, symbolic_link, hard_link, other };

  Kind kind = Kind::other;
  std::string name;    // as it was packed
  std::string target;  // of a link
  mode_t mode = 0;     // permissions, and the set-uid, set-gid and sticky bits
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

  /// nullopt at the end, and, with `fault` set, when the archive cannot be read.
  std::optional<ArchiveEntry> next(ReleaseOutcome& fault);

  /// The next piece of the entry's content, valid until the next call; nullopt as above.
  std::optional<std::string_view> read(ReleaseOutcome& fault);

  /// Bytes that came out of gzip so far, tar's headers and padding included.
  uint64_t bytes_read() const { return gunzip_.bytes_read(); }

 private:
  friend class ArchiveWriter;
  static ssize_t read_gunzip(archive* tar, void* self, const void** block);

  bool has_too_long_header() const;
  bool reaches_end();
  ReleaseOutcome fault() const;

  Gunzip gunzip_;
  std::string head_;  // of what gzip holds
  std::unique_ptr<archive, int (*)(archive*)> tar_;
  bool is_open_ = false;
  bool reads_header_ = false;
  uint64_t header_begin_ = 0;       // as bytes_read() was
  archive_entry* entry_ = nullptr;  // of tar_
  int64_t offset_ = 0;              // of the piece that was read last
};

/// Writes entries to the disk.
class ArchiveWriter {
 public:
  ArchiveWriter();

  /// Creates the entry that `from` read last, and its content, as `path`. `hard_link` is the path of a hard link's target.
  ReleaseOutcome write(ArchiveReader& from, const std::string& path, mode_t mode, const std::string& hard_link,
                       const std::stop_token& cancel);

  /// Sets the times and modes of folders. To be called after the last entry.
  ReleaseOutcome finish();

 private:
  std::unique_ptr<archive, int (*)(archive*)> disk_;
};

}  // namespace ops
