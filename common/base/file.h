#pragma once

// Files, as both daemons use them. Durable change always goes the same way: write beside, fsync, rename, fsync the folder,
// so that a crash or a power cut leaves the old content or the new, never a part.

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace ops {

/// Owns a file descriptor and closes it.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

/// The whole file; an error when it is larger than `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit);

/// The file's content, or nullopt when there is none that could be read: no file, a folder, more than `limit` bytes. An error
/// only when the host failed (see below): then nobody knows.
Result<std::optional<std::string>> find_file(const std::string& path, size_t limit);

/// Whether this errno tells of the host's state, and nothing of the file: an I/O error, no descriptors, no memory.
bool is_host_error(int error_number);

/// Writes all of `content`, also when the kernel takes it in parts.
Result<void> write_all(int fd, std::string_view content, const std::string& path);

/// Makes `path` hold `content`, atomically and durably. The temporary file is `path` + ".new", so one writer at a time.
Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode);

/// The same for a name that is ours alone: a folder in its place is removed.
Result<void> put_file(const std::string& path, std::string_view content, mode_t mode);

/// Makes `path` hold `content` atomically, but without a sync, for what is worth nothing after a crash. Its owner alone reads
/// it.
Result<void> write_note(const std::string& path, std::string_view content);

/// Makes what was created, renamed or removed in this folder durable. It may be reached through a link, to another disk say.
Result<void> sync_directory(const std::string& path);

/// fsyncs every regular file and folder below `path`, and `path` itself. Links are not followed.
Result<void> sync_tree(const std::string& path);

/// Creates the folder and those above it; no error when it is there.
Result<void> make_directories(const std::string& path);

/// Removes the file or the folder with all that is in it; no error when there is none. Links are not followed.
Result<void> remove_tree(const std::string& path);

bool is_directory(const std::string& path);

/// Whether `path` is the folder or lies below it, links followed; neither need exist.
bool is_within(const std::string& path, const std::string& folder);

/// Whether users other than the file's owner and group may read it.
bool may_be_read_by_all(const std::string& path);

/// Says that others than root and this process's own user (or their groups) may write this file, or put files into this folder
/// or take them away, and what to do about it; "" when they may not, or it can't be looked at. The sticky bit does not help:
/// new names are enough.
std::string unsafe_permissions(const std::string& path);

}  // namespace ops
