#include "common/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace ops {

namespace fs = std::filesystem;

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

namespace {

/// Appends the file to `content`. Returns 0 or an errno, EFBIG when the file is larger than `limit` bytes. Sets `doing` to the
/// step that failed, for system_error.
int read_up_to(const std::string& path, size_t limit, std::string& content, const char*& doing) {
  doing = "open";
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file) return errno;
  doing = "read";
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return 0;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > limit) return EFBIG;
  }
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  std::string content;
  const char* doing = "";
  const int error = read_up_to(path, limit, content, doing);
  if (error == 0) return content;
  if (error == EFBIG) return Error{cat("cannot read ", path, ": it is larger than ", limit, " bytes")};
  return system_error(doing, path, error);
}

Result<std::optional<std::string>> find_file(const std::string& path, size_t limit) {
  std::string content;
  const char* doing = "";
  const int error = read_up_to(path, limit, content, doing);
  if (error == 0) return std::optional(content);
  if (is_host_error(error)) return system_error(doing, path, error);
  return std::optional<std::string>();
}

bool is_host_error(int error_number) {
  return error_number == EIO || error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM;
}

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

namespace {

Result<void> write_durably(const std::string& path, std::string_view content, mode_t mode) {
  if (auto removed = remove_tree(path); !removed) return removed;  // a crash may leave one with another mode or owner
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return system_error("create", path);
  if (auto written = write_all(file.get(), content, path); !written) return written;
  if (::fsync(file.get()) != 0) return system_error("sync", path);
  return {};
}

Result<void> sync_path(const std::string& path, int flags) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (!file) return system_error("open", path);
  if (::fsync(file.get()) != 0) return system_error("sync", path);
  return {};
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::string beside = path + ".new";
  if (auto written = write_durably(beside, content, mode); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const Error error = system_error("replace", path);
    ::unlink(beside.c_str());
    return error;
  }
  return sync_directory(fs::path(path).parent_path());
}

Result<void> write_note(const std::string& path, std::string_view content) {
  const std::string beside = path + ".new";
  const Fd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error("create", beside);
  if (auto written = write_all(file.get(), content, beside); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  return ::rename(beside.c_str(), path.c_str()) == 0 ? Result<void>() : system_error("replace", path);
}

Result<void> put_file(const std::string& path, std::string_view content, mode_t mode) {
  auto replaced = replace_file(path, content, mode);
  if (replaced || !is_directory(path)) return replaced;
  if (auto removed = remove_tree(path); !removed) return removed;
  return replace_file(path, content, mode);
}

Result<void> sync_directory(const std::string& path) { return sync_path(path.empty() ? "." : path, O_DIRECTORY); }

Result<void> sync_tree(const std::string& path) {
  std::error_code error;
  fs::recursive_directory_iterator entry(path, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::file_status status = entry->symlink_status(error);
    if (error) break;
    if (status.type() != fs::file_type::regular && status.type() != fs::file_type::directory) continue;
    if (auto synced = sync_path(entry->path(), O_NOFOLLOW); !synced) return synced;
  }
  if (error) return system_error("list", path, error.value());
  return sync_directory(path);
}

Result<void> make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return system_error("create the folder", path, error.value());
  return {};
}

Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return system_error("remove", path, error.value());
  return {};
}

bool is_world_readable(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

bool is_directory(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

namespace {

/// The absolute path, with symbolic links and ".." resolved in the part that exists.
fs::path resolved(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  fs::path whole = fs::weakly_canonical(absolute, error);
  if (error) whole = absolute.lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();  // drops a trailing slash
}

}  // namespace

bool is_within(const std::string& path, const std::string& folder) {
  const fs::path inner = resolved(path);
  const fs::path outer = resolved(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

namespace {

/// Whether the owner is root or this process's user.
bool is_own(const struct stat& info) { return info.st_uid == 0 || info.st_uid == ::geteuid(); }

std::string unsafe_parents(const fs::path& path) {
  for (fs::path folder = path; folder.has_relative_path();) {
    folder = folder.parent_path();
    struct stat info = {};
    const bool is_sticky = ::stat(folder.c_str(), &info) == 0 && (info.st_mode & S_ISVTX) != 0;
    std::string danger = is_sticky && is_own(info) ? "" : unsafe_permissions(folder);
    if (!danger.empty()) return cat(danger, " (", path.string(), " lies below it)");
  }
  return {};
}

}  // namespace

std::string unsafe_permissions(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return {};
  const bool foreign_group = info.st_gid != 0 && info.st_gid != ::getegid();
  if ((info.st_mode & S_IWOTH) != 0) return cat(path, " is writable by every user: chmod go-w ", path);
  if (!is_own(info))
    return cat(path, " belongs to user ", info.st_uid,
               ", and that user can replace the programs there: chown it to the daemon's user");
  if (foreign_group && (info.st_mode & S_IWGRP) != 0) {
    return cat(path, " is writable by group ", info.st_gid, ": chmod g-w ", path);
  }
  return {};
}

std::string unsafe_path(const std::string& path) {
  std::string danger = unsafe_permissions(path);
  for (const fs::path& whole : {fs::path(path), resolved(path)}) {
    if (danger.empty()) danger = unsafe_parents(whole);
  }
  return danger;
}

}  // namespace ops
