#include "updater/process/processes.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "common/base/file.h"
#include "common/base/text.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxProcFile = 4096;
constexpr char kRemoved[] = " (deleted)";               // at the end of a link target whose file was removed
constexpr auto kSignalGrace = std::chrono::seconds(2);  // after SIGTERM, and after SIGKILL
constexpr auto kTick = std::chrono::milliseconds(20);

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    const auto pid = parse_number(name);
    if (pid && *pid > 1) pids.push_back(static_cast<pid_t>(*pid));  // 1 is init, which is no agent
  }
  return pids;
}

/// The target of the link /proc/PID/NAME; "" if it cannot be read.
std::string link_target(pid_t pid, const char* name) {
  std::error_code error;
  return fs::read_symlink(cat("/proc/", pid, "/", name), error);
}

bool is_below(const std::string& path, const std::string& folder) {
  return path == folder || path.starts_with(folder + "/") || path == folder + kRemoved;
}

bool is_same_file(const std::string& a, const std::string& b) {
  struct stat one = {};
  struct stat other = {};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

/// Whether the target of the link /proc/PID/NAME is this folder, an absolute path without links, or lies below it.
///
/// A process of a container has its own mount namespace, where the same path may be another folder. And when the updater is in
/// a chroot, the links of such a process begin with the path of the chroot. Looks at files of another namespace only: a file
/// system may hang.
bool links_into(pid_t pid, const char* name, const std::string& folder) {
  const std::string target = link_target(pid, name);
  if (is_same_file(cat("/proc/", pid, "/ns/mnt"), "/proc/self/ns/mnt")) return is_below(target, folder);
  const std::string root = link_target(pid, "root");
  const bool is_inside = is_below(target, folder) || (target.starts_with(root) && is_below(target.substr(root.size()), folder));
  return is_inside && is_same_file(cat("/proc/", pid, "/root", folder), folder);
}

/// Fields of /proc/PID/stat.
struct Stat {
  char state = 'Z';
  pid_t parent = 0;
  long terminal = 0;
  uint64_t start_ticks = 0;
};

/// nullopt if the process is gone.
std::optional<Stat> read_stat(pid_t pid) {
  const auto text = read_file(cat("/proc/", pid, "/stat"), kMaxProcFile);
  if (!text) return std::nullopt;
  // The name is in brackets and may contain any character. After it: state, parent, group, session, terminal, 14 other
  // fields, start time.
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  Stat stat;
  long skipped = 0;
  fields >> stat.state >> stat.parent >> skipped >> skipped >> stat.terminal;
  for (int i = 0; i < 14; ++i) fields >> skipped;
  fields >> stat.start_ticks;
  return stat;
}

/// nullopt if the process has ended; a zombie has ended, too.
std::optional<Stat> stat_of(pid_t pid) {
  const auto stat = read_stat(pid);
  return stat && stat->state != 'Z' ? stat : std::nullopt;
}

/// True if the process has a controlling terminal, or has ended.
bool has_terminal_or_ended(pid_t pid) {
  const auto stat = stat_of(pid);
  return !stat || stat->terminal != 0;
}

}  // namespace

std::vector<Process> descendants_of(pid_t ancestor) {
  std::vector<Process> unrelated;
  for (const pid_t pid : all_processes()) {
    if (const auto stat = stat_of(pid)) unrelated.push_back({pid, stat->parent, stat->start_ticks});
  }
  std::vector<Process> found;
  const auto take_children = [&](pid_t parent) {
    const auto is_child = [&](const Process& process) { return process.parent == parent; };
    std::copy_if(unrelated.begin(), unrelated.end(), std::back_inserter(found), is_child);
    std::erase_if(unrelated, is_child);
  };
  take_children(ancestor);
  for (size_t i = 0; i < found.size(); ++i) take_children(found[i].pid);
  std::sort(found.begin(), found.end(), [](const Process& a, const Process& b) { return a.pid < b.pid; });
  return found;
}

std::string describe(pid_t pid) {
  const auto name = read_file(cat("/proc/", pid, "/comm"), kMaxProcFile);
  return cat("pid ", pid, " (", name ? one_line(trim(*name), 64) : "ended", ")");
}

namespace {

/// The processes for which `belongs` returns true for this folder, as an absolute path without links.
std::vector<pid_t> processes_that(const std::string& folder, bool (*belongs)(pid_t pid, const std::string& folder)) {
  std::error_code error;
  const std::string real = fs::weakly_canonical(folder, error);  // the folder may have been removed
  if (error) return {};
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid() || has_terminal_or_ended(pid)) continue;
    if (belongs(pid, real)) found.push_back(pid);
  }
  return found;
}

/// Whether a link target of /proc names a file that was removed.
bool is_removed(const std::string& target) { return target.ends_with(kRemoved); }

/// Whether the process runs a program whose folder was removed. Its program alone may have been replaced by another file.
bool has_lost_its_program(pid_t pid) {
  const std::string program = link_target(pid, "exe");
  return is_removed(program) && !is_directory(fs::path(program).parent_path());
}

}  // namespace

std::vector<pid_t> processes_in(const std::string& folder) {
  return processes_that(
      folder, [](pid_t pid, const std::string& real) { return links_into(pid, "cwd", real) || links_into(pid, "exe", real); });
}

std::vector<pid_t> removed_processes_in(const std::string& folder) {
  return processes_that(folder, [](pid_t pid, const std::string& real) {
    return (is_removed(link_target(pid, "cwd")) && links_into(pid, "cwd", real)) ||
           (links_into(pid, "exe", real) && has_lost_its_program(pid));
  });
}

bool terminate(const std::function<std::vector<pid_t>()>& find_targets, const std::stop_token& cancel) {
  for (const int number : {SIGTERM, SIGKILL}) {
    std::set<pid_t> signalled;
    const auto deadline = Clock::now() + kSignalGrace;
    do {
      const auto targets = find_targets();
      if (targets.empty()) return true;
      if (cancel.stop_requested()) return false;
      for (const pid_t target : targets) {
        if (signalled.insert(target).second) ::kill(target, number);
      }
      std::this_thread::sleep_for(kTick);
    } while (Clock::now() < deadline);
  }
  return find_targets().empty();
}

bool end_processes_in(const std::string& folder, const std::stop_token& cancel) {
  return terminate([&] { return processes_in(folder); }, cancel);
}

uint64_t ticks_since_boot() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<uint64_t>(since_boot.tv_sec) * ticks + static_cast<uint64_t>(since_boot.tv_nsec) * ticks / 1'000'000'000;
}

uint64_t start_ticks_of(pid_t pid) {
  const auto stat = read_stat(pid);
  return stat ? stat->start_ticks : 0;
}

bool is_running_script(const Process& script) {
  const auto stat = stat_of(script.pid);
  return stat && stat->start_ticks == script.start_ticks && ::getsid(script.pid) == script.pid;
}

pid_t find_control_script(const std::string& agent_folder, uint64_t since) {
  using namespace std::string_view_literals;
  std::error_code error;
  const std::string real = fs::canonical(agent_folder, error);
  if (error) return -1;
  for (const pid_t pid : all_processes()) {
    if (::getsid(pid) != pid || start_ticks_of(pid) < since || !links_into(pid, "cwd", real)) continue;
    const auto command = read_file(cat("/proc/", pid, "/cmdline"), kMaxProcFile);
    if (command && (command->ends_with("./control\0start\0"sv) || command->ends_with("./control\0stop\0"sv))) return pid;
  }
  return -1;
}

}  // namespace ops::updater
