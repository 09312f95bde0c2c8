#include "updater/process/open_files.h"

#include <fcntl.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "common/base/file.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxProcFile = 4096;

struct PipeEnd {
  std::string pipe;  // "pipe:[1234]"
  HeldPipe held;
  int access = O_RDONLY;
};

/// O_RDONLY, O_WRONLY or O_RDWR.
int access_of(pid_t pid, int fd) {
  const auto info = read_file(cat("/proc/", pid, "/fdinfo/", fd), kMaxProcFile);
  const size_t flags = info ? info->find("flags:") : std::string::npos;
  if (flags == std::string::npos) return O_RDONLY;
  return static_cast<int>(std::strtol(info->c_str() + flags + 6, nullptr, 8)) & O_ACCMODE;
}

void add_pipes_of(pid_t pid, std::vector<PipeEnd>& ends) {
  std::error_code error;
  for (fs::directory_iterator entry(cat("/proc/", pid, "/fd"), error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry->path(), gone);
    if (!target.starts_with("pipe:")) continue;
    const int fd = std::atoi(entry->path().filename().c_str());
    ends.push_back({target, {pid, fd}, access_of(pid, fd)});
  }
}

}  // namespace

std::vector<HeldPipe> pipes_out_of(const std::vector<Process>& processes) {
  std::vector<PipeEnd> ends;
  for (const Process& process : processes) add_pipes_of(process.pid, ends);
  std::set<std::string> read;
  for (const PipeEnd& end : ends) {
    if (end.access != O_WRONLY) read.insert(end.pipe);
  }
  std::vector<HeldPipe> held;
  for (const PipeEnd& end : ends) {
    if (!read.contains(end.pipe)) held.push_back(end.held);
  }
  return held;
}

}  // namespace ops::updater
