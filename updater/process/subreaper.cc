#include "updater/process/subreaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "updater/process/processes.h"

namespace ops::updater {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kEndTimeout = std::chrono::seconds(10);
constexpr auto kTick = std::chrono::milliseconds(5);
constexpr int kCannotRun = 127;

sigset_t awaited_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

/// Returns the signal mask before.
sigset_t block(const sigset_t& signals) {
  sigset_t before;
  std::signal(SIGCHLD, SIG_DFL);  // if SIGCHLD is ignored, the kernel reaps children before waitpid()
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  return before;
}

/// The child's part. It gets `signal` when its parent ends first.
[[noreturn]] void run_as_worker(const std::function<int()>& work, int signal, const sigset_t& mask) {
  ::prctl(PR_SET_PDEATHSIG, signal);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::_exit(work());
}

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

/// Reaps children until `worker` has ended, and calls `on_signal` for each other signal. Returns the worker's exit code.
int wait_for(pid_t worker, const sigset_t& signals, const std::function<void(int)>& on_signal) {
  for (;;) {
    int status = 0;
    for (pid_t ended; (ended = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (ended == worker) return exit_code(status);
    }
    const int number = ::sigwaitinfo(&signals, nullptr);
    if (number > 0 && number != SIGCHLD) on_signal(number);
  }
}

/// Repeats, because a process that is being killed may have started another one.
void end_descendants() {
  const auto deadline = Clock::now() + kEndTimeout;
  for (auto left = descendants_of(::getpid()); !left.empty() && Clock::now() < deadline; left = descendants_of(::getpid())) {
    for (const Process& process : left) ::kill(process.pid, SIGKILL);
    std::this_thread::sleep_for(kTick);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

}  // namespace

int run_in_subreaper(const std::function<int()>& work) {
  const sigset_t signals = awaited_signals();
  const sigset_t before = block(signals);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t worker = ::fork();
  if (worker == 0) run_as_worker(work, SIGKILL, before);
  const int code = worker < 0 ? kCannotRun : wait_for(worker, signals, [&](int) { ::kill(worker, SIGKILL); });
  end_descendants();
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return code;
}

bool adopts_orphans() {
  int is_subreaper = 0;
  ::prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper);
  return ::getpid() == 1 || is_subreaper != 0;
}

int run_below_reaper(const std::function<int()>& work) {
  const sigset_t signals = awaited_signals();
  const sigset_t before = block(signals);
  const pid_t worker = ::fork();
  if (worker == 0) run_as_worker(work, SIGTERM, before);
  const int code = worker < 0 ? kCannotRun : wait_for(worker, signals, [&](int number) { ::kill(worker, number); });
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  return worker < 0 ? work() : code;
}

}  // namespace ops::updater
