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

struct OpenPipe {
  std::string pipe;  // "pipe:[1234]"
  PipeEnd end;
  int access = O_RDONLY;
};

/// O_RDONLY, O_WRONLY or O_RDWR.
int access_of(pid_t pid, int fd) {
  const auto info = read_file(cat("/proc/", pid, "/fdinfo/", fd), kMaxProcFile);
  const size_t flags = info ? info->find("flags:") : std::string::npos;
  if (flags == std::string::npos) return O_RDONLY;
  return static_cast<int>(std::strtol(info->c_str() + flags + 6, nullptr, 8)) & O_ACCMODE;
}

void add_pipes_of(pid_t pid, std::vector<OpenPipe>& pipes) {
  std::error_code error;
  for (fs::directory_iterator entry(cat("/proc/", pid, "/fd"), error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const std::string target = fs::read_symlink(entry->path(), gone);
    if (!target.starts_with("pipe:")) continue;
    const int fd = std::atoi(entry->path().filename().c_str());
    pipes.push_back({target, {pid, fd}, access_of(pid, fd)});
  }
}

}  // namespace

std::vector<PipeEnd> pipes_to_outside(const std::vector<Process>& processes) {
  std::vector<OpenPipe> pipes;
  for (const Process& process : processes) add_pipes_of(process.pid, pipes);
  std::set<std::string> read_inside;
  for (const OpenPipe& open : pipes) {
    if (open.access != O_WRONLY) read_inside.insert(open.pipe);
  }
  std::vector<PipeEnd> to_outside;
  for (const OpenPipe& open : pipes) {
    if (!read_inside.contains(open.pipe)) to_outside.push_back(open.end);
  }
  return to_outside;
}

}  // namespace ops::updater
