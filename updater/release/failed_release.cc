#include "updater/release/failed_release.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "common/base/file.h"
#include "updater/model/layout.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t kBlock = 4096;  // what a small file takes on the disk

struct File {
  fs::path path;
  uint64_t size = 0;
  fs::file_time_type changed;
};

Result<std::vector<File>> files_below(const std::string& folder) {
  std::vector<File> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->symlink_status(error).type() != fs::file_type::regular || error) continue;
    const uint64_t size = entry->file_size(error);
    files.push_back({entry->path(), std::max(size, kBlock), entry->last_write_time(error)});
  }
  if (error) return system_error("list", folder, error.value());
  return files;
}

/// Moves the last `size` bytes of the file to its start and cuts the rest, within the space that the file has: the disk may be
/// full. Returns false if that fails.
bool keep_end(const std::string& path, off_t size) {
  const Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return false;
  const off_t from = ::lseek(file.get(), 0, SEEK_END) - size;
  std::array<char, 64 << 10> buffer;
  for (off_t done = 0; done < size;) {
    const size_t wanted = std::min<size_t>(buffer.size(), static_cast<size_t>(size - done));
    const ssize_t n = ::pread(file.get(), buffer.data(), wanted, from + done);
    if (n <= 0 || ::pwrite(file.get(), buffer.data(), static_cast<size_t>(n), done) != n) return false;
    done += n;
  }
  return ::ftruncate(file.get(), size) == 0;
}

Result<void> shrink(const std::string& folder, uint64_t limit) {
  auto files = files_below(folder);
  if (!files) return files.error();
  std::error_code error;
  const auto installed = fs::last_write_time(folder + Layout::kInstalledFile, error);
  std::sort(files->begin(), files->end(), [](const File& a, const File& b) { return a.changed > b.changed; });
  uint64_t room = limit;
  for (const File& file : *files) {
    const bool is_log = !error && file.changed > installed;
    const bool fits = file.size <= room;
    if (fits || (is_log && room >= kBlock && keep_end(file.path, static_cast<off_t>(room)))) {
      room -= std::min(room, file.size);
    } else if (auto removed = remove_tree(file.path); !removed) {
      return removed;
    }
  }
  return {};
}

}  // namespace

Result<void> keep_failed_release(const std::string& folder, const std::string& kept, uint64_t limit) {
  if (auto removed = remove_tree(kept); !removed) return removed;
  if (::rename(folder.c_str(), kept.c_str()) != 0) return system_error("create", kept);
  if (auto synced = sync_directory(fs::path(kept).parent_path()); !synced) return synced;
  return shrink(kept, limit);
}

}  // namespace ops::updater
