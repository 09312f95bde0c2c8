#include "updater/process/control_script.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iterator>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/protocol/status.h"
#include "updater/process/last_lines.h"
#include "updater/process/processes.h"
#include "updater/process/script_note.h"

namespace ops::updater {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kMaxOutput = 64 << 10;
constexpr size_t kMaxLoggedWarnings = 1000;  // bytes of stderr
constexpr int kLsbNotRunning = 3;
constexpr auto kShortageTick = milliseconds(100);

/// The two structures that posix_spawn takes, destroyed at the end of the scope.
struct SpawnOptions {
  SpawnOptions() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnOptions() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnOptions(const SpawnOptions&) = delete;
  SpawnOptions& operator=(const SpawnOptions&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

/// The updater's environment without its locale and without what systemd means for the updater alone.
std::vector<char*> script_environment() {
  static constexpr std::array<std::string_view, 6> kDropped = {
      "LC_", "LANG=", "LANGUAGE=", "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_"};
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto begins_text = [&](std::string_view begin) { return text.starts_with(begin); };
    if (std::none_of(kDropped.begin(), kDropped.end(), begins_text)) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

/// Returns 0 or an errno.
int spawn(const std::string& folder, const std::string& verb, int out, int err, pid_t& child) {
  SpawnOptions options;
  ::posix_spawn_file_actions_addchdir_np(&options.files, folder.c_str());
  ::posix_spawn_file_actions_addopen(&options.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&options.files, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&options.files, err, STDERR_FILENO);
  ::posix_spawn_file_actions_addclosefrom_np(&options.files, STDERR_FILENO + 1);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&options.attributes, &none);
  ::posix_spawnattr_setsigdefault(&options.attributes, &all);
  ::posix_spawnattr_setflags(&options.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  char program[] = "./control";
  std::string argument = verb;
  char* const arguments[] = {program, argument.data(), nullptr};
  return ::posix_spawn(&child, program, &options.files, &options.attributes, arguments, script_environment().data());
}

/// True if the host lacks processes, open files or memory. That is no fault of the agent.
bool is_shortage(int error) { return error == EAGAIN || error == EMFILE || error == ENFILE || error == ENOMEM; }

/// What a script prints to stdout or stderr. The updater's end of the pipe does not block.
class Pipe {
 public:
  /// Returns 0 or an errno. `write_end` is for the script.
  int open(Fd& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
    read_end_ = Fd(ends[0]);
    write_end = Fd(ends[1]);
    ::fcntl(read_end_.get(), F_SETFL, O_NONBLOCK);
    return 0;
  }

  /// False if nothing can be read now. Closes the pipe at end of file.
  bool read_some() {
    if (!read_end_) return false;
    char buffer[16384];
    const ssize_t n = ::read(read_end_.get(), buffer, sizeof buffer);
    if (n > 0) {
      printed_.append(buffer, std::min(static_cast<size_t>(n), kMaxOutput - printed_.size()));
      return true;
    }
    if (n == 0 || errno != EAGAIN) read_end_.reset();
    return false;
  }

  /// Reads what is in the pipe. At most 128 KiB: a process that keeps the pipe and prints on must not hold up the updater.
  void drain() {
    for (int reads = 0; reads < 8 && read_some(); ++reads) {
    }
  }

  /// -1 once the pipe is closed.
  int fd() const { return read_end_.get(); }
  const std::string& printed() const { return printed_; }

 private:
  Fd read_end_;
  std::string printed_;
};

struct Output {
  Pipe out;
  Pipe err;
};

/// Starts the script with stdout and stderr in two pipes. Returns 0 or an errno.
int start_script(const std::string& folder, const std::string& verb, pid_t& child, Output& output) {
  output = {};
  Fd out;
  Fd err;
  if (const int error = output.out.open(out); error != 0) return error;
  if (const int error = output.err.open(err); error != 0) return error;
  return spawn(folder, verb, out.get(), err.get(), child);
}

/// A running ./control.
class Child {
 public:
  Child(pid_t pid, Output output) : pid_(pid), output_(std::move(output)) {}

  /// Reads the output until the script ends, the deadline passes or `cancel` is requested. True if the script ended.
  bool wait_until(Clock::time_point deadline, const std::stop_token& cancel) {
    milliseconds tick(1);
    while (!has_ended()) {
      if (cancel.stop_requested() || Clock::now() >= deadline) return false;
      pollfd entries[] = {{output_.out.fd(), POLLIN, 0}, {output_.err.fd(), POLLIN, 0}};  // poll skips a closed pipe (-1)
      const int ready = ::poll(entries, std::size(entries), static_cast<int>(tick.count()));
      if (ready > 0) {
        output_.out.read_some();
        output_.err.read_some();
      } else {
        tick = std::min(tick * 2, milliseconds(50));
      }
    }
    drain();
    return true;
  }

  /// Ends the process group and reaps the script. False if the script still runs after SIGKILL; it is then detached.
  bool kill_group() {
    const auto find_group = [&] {
      drain();
      return has_ended() ? std::vector<pid_t>() : std::vector<pid_t>{-pid_};
    };
    const bool ended = terminate(find_group, {});
    ::kill(-pid_, SIGKILL);  // the script's children may ignore SIGTERM
    drain();
    if (ended) {
      reap();
    } else {
      detach();
    }
    return ended;
  }

  /// Lets the script run on. A thread reaps it when it ends; without a thread it stays a zombie until the updater ends.
  void detach() const {
    try {
      std::thread([pid = pid_] { ::waitpid(pid, nullptr, 0); }).detach();
    } catch (const std::system_error&) {
      return;
    }
  }

  /// Returns the wait status of a script that has ended. Before this call the kernel does not reuse its pid and group.
  int reap() const {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }

  const std::string& out() const { return output_.out.printed(); }
  const std::string& err() const { return output_.err.printed(); }

 private:
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
  }

  void drain() {
    output_.out.drain();
    output_.err.drain();
  }

  const pid_t pid_;
  Output output_;
};

/// ": cannot bind; stdout: starting": the last lines of stderr and stdout, for error texts. "" if the script printed nothing.
std::string output_of(const Child& child) {
  const std::string out = last_lines(child.out());
  const std::string err = last_lines(child.err());
  if (err.empty()) return out.empty() ? "" : ": " + out;
  return ": " + err + (out.empty() ? "" : "; stdout: " + out);
}

}  // namespace

Result<std::string> run_control(const std::string& folder, const std::string& verb, milliseconds deadline,
                                const std::stop_token& cancel, const std::string& note_path) {
  const ScriptNote note(note_path);
  const auto retry_until = Clock::now() + deadline;
  pid_t pid = -1;
  Output output;
  for (int error; (error = start_script(folder, verb, pid, output)) != 0;) {
    if (!is_shortage(error) || Clock::now() >= retry_until || cancel.stop_requested()) {
      note.ended();
      return Error{cat("exec `./control ", verb, "` in ", folder, " fail: ", std::strerror(error))};
    }
    std::this_thread::sleep_for(kShortageTick);
  }

  note.started(pid);

  Child child(pid, std::move(output));
  if (!child.wait_until(Clock::now() + deadline, cancel)) {
    if (cancel.stop_requested()) {
      child.detach();
      return Error{cat("`./control ", verb, "` still runs: the updater stops and leaves it running")};
    }
    const bool ended = child.kill_group();
    if (ended) note.ended();
    return Error{cat("`./control ", verb, "` did not end within ", std::chrono::duration<double>(deadline).count(),
                     " s and was killed", ended ? "" : ", but still runs", output_of(child))};
  }
  const int status = child.reap();
  note.ended();
  const std::string printed(trim(child.out()));
  const std::string_view warnings = trim(child.err());
  if (!warnings.empty()) {
    log::debug("`./control ", verb, "` in ", folder, " wrote to stderr: ", one_line(warnings, kMaxLoggedWarnings));
  }
  const bool is_lsb_stopped = verb == "status" && WIFEXITED(status) && WEXITSTATUS(status) == kLsbNotRunning;
  if (is_lsb_stopped && to_status(printed) == Status::stopped) return printed;
  if (WIFSIGNALED(status)) {
    return Error{cat("exec `./control ", verb, "` fail: signal ", WTERMSIG(status), output_of(child))};
  }
  if (WEXITSTATUS(status) != 0) {
    return Error{cat("exec `./control ", verb, "` fail: exit status ", WEXITSTATUS(status), output_of(child))};
  }
  if (verb == "status" && printed.empty() && !warnings.empty()) {
    return Error{
        cat("`./control status` printed nothing to stdout, which must have the status; stderr: ", last_lines(child.err()))};
  }
  return verb == "status" ? printed : std::string(trim(cat(printed, "\n", warnings)));
}

}  // namespace ops::updater
