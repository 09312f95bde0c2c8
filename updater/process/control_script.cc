#include "updater/process/control_script.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include "common/base/file.h"
#include "common/protocol/status.h"

namespace ops::updater {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxOutput = 64 << 10;
constexpr int kLsbNotRunning = 3;
constexpr auto kTermGrace = std::chrono::seconds(2);
constexpr auto kKillGrace = std::chrono::seconds(2);
constexpr auto kShortageTick = milliseconds(100);

/// posix_spawn's two structures, destroyed on every way out.
struct SpawnPlan {
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

/// Returns the error's number, or 0.
int spawn(const std::string& folder, const std::string& verb, int output, pid_t& child) {
  SpawnPlan plan;
  ::posix_spawn_file_actions_addchdir_np(&plan.files, folder.c_str());
  ::posix_spawn_file_actions_addopen(&plan.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&plan.files, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&plan.files, output, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&plan.files, STDERR_FILENO + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&plan.attributes, &none);
  ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
  ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  char program[] = "./control";
  std::string argument = verb;
  char* const arguments[] = {program, argument.data(), nullptr};
  return ::posix_spawn(&child, program, &plan.files, &plan.attributes, arguments, environ);
}

/// The host has too many processes or open files now, or too little memory, which says nothing about the agent.
bool is_shortage(int error) { return error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM; }

/// Begins the script, with its output in a pipe that doesn't block. Returns the error's number, or 0.
int begin(const std::string& folder, const std::string& verb, pid_t& child, Fd& output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  output = Fd(ends[0]);
  const Fd to(ends[1]);
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  return spawn(folder, verb, to.get(), child);
}

/// A running ./control.
class Child {
 public:
  Child(pid_t pid, Fd output) : pid_(pid), output_(std::move(output)) {}

  /// Reads on until the script ends, the deadline comes or `cancel` is asked for. False unless it ended.
  bool wait_until(Clock::time_point deadline, const std::stop_token& cancel) {
    milliseconds tick(1);
    while (!has_ended()) {
      if (cancel.stop_requested() || Clock::now() >= deadline) return false;
      pollfd entry{output_.get(), POLLIN, 0};  // a closed one (-1) is only a sleep
      const int ready = ::poll(&entry, 1, static_cast<int>(tick.count()));
      if (ready > 0) {
        read_some();
      } else {
        tick = std::min(tick * 2, milliseconds(50));
      }
    }
    // What is still in the pipe; whoever else writes to it is not waited for.
    for (int reads = 0; reads < 8 && output_ && read_some(); ++reads) {
    }
    return true;
  }

  /// Ends the process group. False when even SIGKILL did not help: then somebody waits for the zombie to come.
  bool kill_group() {
    ::kill(-pid_, SIGTERM);
    wait_until(Clock::now() + kTermGrace, {});
    ::kill(-pid_, SIGKILL);  // also when the script has ended: its children may ignore SIGTERM
    const bool ended = wait_until(Clock::now() + kKillGrace, {});
    if (ended) {
      reap();
    } else {
      leave();
    }
    return ended;
  }

  /// Lets it run on by itself; it is still reaped, unless the system has no thread for that.
  void leave() const {
    try {
      std::thread([pid = pid_] { ::waitpid(pid, nullptr, 0); }).detach();
    } catch (const std::system_error&) {
      return;  // a zombie until the updater ends
    }
  }

  /// The wait status of a script that has ended. Until then its pid and process group are not given to anybody else.
  int reap() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }

  const std::string& printed() const { return printed_; }

 private:
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

  /// False when there is nothing to read now. Closes the pipe at its end.
  bool read_some() {
    char buffer[16384];
    const ssize_t n = ::read(output_.get(), buffer, sizeof buffer);
    if (n > 0) {
      const size_t room = kMaxOutput - printed_.size();
      printed_.append(buffer, std::min(static_cast<size_t>(n), room));
      return true;
    }
    if (n == 0 || errno != EAGAIN) output_.reset();
    return false;
  }

  const pid_t pid_;
  Fd output_;
  std::string printed_;
};

/// ": " and the last line of what the script printed, or nothing.
std::string last_words(const std::string& printed) {
  const std::string_view text = trim(printed);
  const size_t line = text.rfind('\n');
  const std::string last = one_line(line == std::string_view::npos ? text : text.substr(line + 1), 200);
  return last.empty() ? "" : ": " + last;
}

}  // namespace

Result<std::string> run_control(const std::string& folder, const std::string& verb, milliseconds deadline,
                                const std::stop_token& cancel) {
  const auto end_of_shortage = Clock::now() + deadline;
  pid_t pid = -1;
  Fd output;
  for (int error; (error = begin(folder, verb, pid, output)) != 0;) {
    if (!is_shortage(error) || Clock::now() >= end_of_shortage || cancel.stop_requested()) {
      return Error{cat("exec `./control ", verb, "` in ", folder, " fail: ", std::strerror(error))};
    }
    std::this_thread::sleep_for(kShortageTick);
  }

  Child child(pid, std::move(output));
  if (!child.wait_until(Clock::now() + deadline, cancel)) {
    if (cancel.stop_requested()) {
      child.leave();
      return Error{cat("`./control ", verb, "` was left to itself: the updater stops")};
    }
    const bool ended = child.kill_group();
    return Error{cat("`./control ", verb, "` did not end within ", std::chrono::duration<double>(deadline).count(),
                     " s and was killed", ended ? "" : " (in vain)", last_words(child.printed()))};
  }
  const int status = child.reap();
  const std::string& printed = child.printed();
  const bool is_lsb_stopped = verb == "status" && WIFEXITED(status) && WEXITSTATUS(status) == kLsbNotRunning;
  if (is_lsb_stopped && to_status(printed) == Status::stopped) return std::string(trim(printed));
  if (WIFSIGNALED(status)) {
    return Error{cat("exec `./control ", verb, "` fail: signal ", WTERMSIG(status), last_words(printed))};
  }
  if (WEXITSTATUS(status) != 0) {
    return Error{cat("exec `./control ", verb, "` fail: exit status ", WEXITSTATUS(status), last_words(printed))};
  }
  return std::string(trim(printed));
}

}  // namespace ops::updater
