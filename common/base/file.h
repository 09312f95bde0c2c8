#pragma once

// File operations of both daemons. A durable change always takes the same four steps: write a temporary file, fsync it, rename
// it, fsync the folder. After a crash or a power cut the file has either the old content or the new content, never a part.

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

/// The whole content; an error when the file is larger than `limit` bytes.
Result<std::string> read_file(const std::string& path, size_t limit);

/// The whole content; nullopt when the file is missing, is unreadable or a folder, or is larger than `limit` bytes. An error
/// only when the host failed (see is_host_error): the file may then exist or not.
Result<std::optional<std::string>> find_file(const std::string& path, size_t limit);

/// Whether the errno describes the host and not the file: an I/O error, no free descriptor, no memory.
bool is_host_error(int error_number);

/// Writes all of `content`, with several system calls if needed. `path` is for the error message.
Result<void> write_all(int fd, std::string_view content, const std::string& path);

/// Replaces the content of `path` atomically and durably. The temporary file is `path` + ".new": one writer at a time.
Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode);

/// Like replace_file, but removes a folder that has this name. Only for names that the daemons own.
Result<void> put_file(const std::string& path, std::string_view content, mode_t mode);

/// Replaces the content of `path` atomically but not durably (no fsync): for content that is useless after a crash. The mode is
/// 0600.
Result<void> write_note(const std::string& path, std::string_view content);

/// Makes durable which files were created, renamed or removed in the folder. `path` may be a symbolic link to it.
Result<void> sync_directory(const std::string& path);

/// fsyncs every regular file and folder below `path`, and `path` itself. Does not follow symbolic links below it.
Result<void> sync_tree(const std::string& path);

/// Creates the folder and its missing parents. An existing folder is no error.
Result<void> make_directories(const std::string& path);

/// Removes the file, or the folder with its content. A missing file is no error. Does not follow symbolic links.
Result<void> remove_tree(const std::string& path);

bool is_directory(const std::string& path);

/// Whether `path` is `folder` or lies below it. Follows symbolic links. Neither needs to exist.
bool is_within(const std::string& path, const std::string& folder);

/// Whether every user of the host may read the file. False when it cannot be examined.
bool is_world_readable(const std::string& path);

/// A warning with its remedy when a user or group other than root and this process's own may write the file, or may add files
/// to the folder or remove them. "" when there is no such user or group, or when `path` cannot be examined. A folder's sticky
/// bit makes no difference: it does not prevent new files.
std::string unsafe_permissions(const std::string& path);

/// unsafe_permissions() of `path`, and of all folders above it, as sshd's StrictModes examines them: the owner of a folder
/// above can replace what `path` names. A folder above may be writable for other users if it has the sticky bit, as /tmp has.
/// Examines the path as it is written, and with its links resolved.
std::string unsafe_path(const std::string& path);

}  // namespace ops
