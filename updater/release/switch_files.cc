#include "updater/release/switch_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "common/base/file.h"

namespace ops::updater {

namespace {

constexpr size_t kReserveSize = 64 << 10;  // a rollback writes three files of at most 4 KiB each

/// Whether an errno of renameat2() means that the file system never exchanges these folders.
bool is_unable(int error) { return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP; }

/// Returns 0 or an errno.
int exchange_folders(const std::string& one, const std::string& other) {
  return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0 ? 0 : errno;
}

/// Exchanges two new folders. Returns 0 or an errno.
int try_exchange(const std::string& one, const std::string& other) {
  int error = ::mkdir(one.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  if (error == 0) error = ::mkdir(other.c_str(), 0700) == 0 || errno == EEXIST ? 0 : errno;
  if (error == 0) error = exchange_folders(one, other);
  ::rmdir(one.c_str());
  ::rmdir(other.c_str());
  return error;
}

/// Asks the kernel to rename a folder over one that is not empty. It never does that. Returns 0 if this is the reason, else the
/// reason that makes any rename of the folder fail, such as EXDEV.
int try_rename(const std::string& folder, const std::string& full_folder) {
  if (::rename(folder.c_str(), full_folder.c_str()) == 0) return 0;
  return errno == ENOTEMPTY || errno == EEXIST ? 0 : errno;
}

}  // namespace

Result<void> put_version(const Layout& layout, const std::string& name, const std::string& version) {
  return put_file(layout.version_file(name), version + "\n", 0644);
}

Result<void> exchange_content(const Layout& layout, const std::string& name, const std::string& version) {
  const std::string folder = layout.version(name, version);
  if (const int error = exchange_folders(folder, layout.staged(name, version)); error != 0) {
    return system_error("exchange the content of", folder, error);
  }
  return sync_directory(layout.agent(name));
}

Result<bool> can_exchange_content(const Layout& layout, const std::string& name, const std::string& version) {
  const std::string folder = layout.version(name, version);
  const std::string staged = layout.staged(name, version);
  // After a crash, these names are staging, which is removed. No version has a comma.
  int error = try_exchange(staged + ",1", staged + ",2");
  if (error == 0) error = try_rename(folder, staged);
  if (is_unable(error)) return false;
  if (error != 0) return system_error("exchange the content of", folder, error);
  return true;
}

Result<void> put_staged(const Layout& layout, const std::string& name, const std::string& version) {
  const std::string folder = layout.version(name, version);
  if (::rename(layout.staged(name, version).c_str(), folder.c_str()) != 0) return system_error("create", folder);
  return sync_directory(layout.agent(name));
}

Result<void> make_reserve(const Layout& layout, const std::string& name) {
  std::string content(kReserveSize, '\0');
  std::minstd_rand random;
  for (char& byte : content) byte = static_cast<char>(random());  // some file systems compress
  return put_file(layout.reserve_file(name), content, 0600);
}

bool drop_reserve(const Layout& layout, const std::string& name) { return ::unlink(layout.reserve_file(name).c_str()) == 0; }

}  // namespace ops::updater
