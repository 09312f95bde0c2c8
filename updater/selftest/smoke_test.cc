#include "updater/selftest/smoke_test.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <thread>

#include "common/base/file.h"
#include "common/release/control_text.h"
#include "updater/agent/observe.h"
#include "updater/model/layout.h"
#include "updater/model/plan.h"
#include "updater/process/control_script.h"
#include "updater/process/open_files.h"
#include "updater/process/processes.h"
#include "updater/process/subreaper.h"
#include "updater/release/unpack.h"
#include "updater/selftest/scratch_folder.h"

namespace ops::updater {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

namespace {

constexpr auto kProbationTick = std::chrono::milliseconds(500);
constexpr auto kOrphanTime = seconds(2);  // an agent that dies with the updater does so within this time
constexpr size_t kMaxReason = 1024;

/// The exit code of the test's process. Another exit code means that the test was interrupted.
enum Verdict : int { kPassed, kFailed, kWarned, kNotUnpacked };

std::string sentence_of(Verdict verdict) {
  switch (verdict) {
    case kPassed: return "Passed: the updater can run this release.";
    case kWarned: return "Passed with warnings: the updater can run this release. Fix the checks marked warn when you can.";
    case kFailed: return "Failed: do not publish this release. Fix the checks marked FAIL.";
    case kNotUnpacked: return "Failed: the updater cannot install this release. The other checks were skipped.";
  }
  return "Interrupted: not all checks were run.";
}

/// Waits until the condition is true, for `time` at most.
bool wait_until(const std::function<bool()>& condition, seconds time) {
  const auto deadline = Clock::now() + time;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kSettleTick);
  }
  return true;
}

/// "pid 12 (sleep), pid 13 (sh)"; three of them at most, and the number of the rest.
std::string describe_some(const std::vector<Process>& processes) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(processes.size(), 3); ++i) text += (i == 0 ? "" : ", ") + describe(processes[i].pid);
  return processes.size() > 3 ? cat(text, " and ", processes.size() - 3, " more") : text;
}

/// Tests one release in its folder. Runs in the child process of run_in_subreaper().
class SmokeTest {
 public:
  SmokeTest(const SmokeTestOptions& options, const ReleaseName& release, const std::string& root)
      : options_(options), release_(release), layout_(root), folder_(layout_.version(release.name, release.version)) {}

  Verdict run() {
    if (!check("the tarball unpacks and has an executable control at its top", [&] { return unpacks(); })) return kNotUnpacked;
    check("status prints stoped before the first start", [&] { return is_stopped(); });
    if (!check("start exits with code 0", [&] { return start_in_child(); })) return kFailed;
    if (check("status prints started after start", [&] { return await_status(Status::started); })) check_started_agent();
    if (check("stop exits with code 0 and status prints stoped", [&] { return stops(); })) {
      check("stop leaves no process running", [&] { return leaves_no_process(); });
      check("a second stop changes nothing", [&] { return stops(); });
    }
    return has_failed_ ? kFailed : has_warned_ ? kWarned : kPassed;
  }

 private:
  void check_started_agent() {
    check("the agent keeps no pipe of the updater open", [&] { return keeps_no_pipe(); });
    const std::string time = cat(options_.probation.count(), " s");
    if (check(cat("the agent stays started for ", time), [&] { return stays_started(options_.probation); })) {
      check("a second start changes nothing", [&] { return starts_only_once(); });
      check("the agent runs on after the updater dies", [&] { return outlives_updater(); });
    }
    check("after the agent is killed, status prints stoped and start works again", [&] { return starts_after_death(); });
  }

  /// Runs a check and prints its line, with the warning if warn() was called. False if the check failed.
  bool check(const std::string& name, const std::function<Result<void>()>& run_check) {
    warning_.clear();
    const Result<void> outcome = run_check();
    const std::string reason = outcome ? warning_ : outcome.error().message;
    std::cout << (!outcome ? "FAIL  " : reason.empty() ? "pass  " : "warn  ") << name;
    if (!reason.empty()) std::cout << ": " << one_line(reason, kMaxReason);
    std::cout << std::endl;  // flush: the checks take up to minutes
    has_failed_ |= !outcome.ok();
    has_warned_ |= !warning_.empty();
    return outcome.ok();
  }

  /// For a start or stop that failed although the status is right.
  void warn(const std::string& failure) { warning_ = cat(failure, "; ignored, because the status is right"); }

  Result<void> unpacks() {
    ReleaseFindings findings;
    if (const auto refused = inspect_release(options_.tarball, {}, {}, findings)) return refused->error;
    for (const std::string& warning : findings.warnings) std::cout << "warn  " << warning << std::endl;
    if (const std::string program = missing_interpreter(findings.control); !program.empty()) {
      return Error{cat("the first line of control names ", program, ", which this machine does not have")};
    }
    const auto failure = unpack(options_.tarball, folder_, {}, {});
    if (failure) return failure->error;
    return {};
  }

  Result<void> control(const std::string& verb) {
    const auto printed = run_control(folder_, verb, options_.control_timeout, {});
    if (!printed) return printed.error();
    return {};
  }

  std::string status() { return status_of(layout_, release_.name, release_.version, {}); }

  Result<void> is_stopped() {
    const std::string printed = status();
    if (to_status(printed) == Status::stopped) return {};
    return Error{cat("it prints \"", printed, "\"")};
  }

  Result<void> await_status(Status wanted) {
    std::string printed;
    const bool is_reached = becomes_true([&] {
      printed = status();
      return to_status(printed) == wanted;
    });
    if (is_reached) return {};
    return Error{cat("after ", options_.settle_time.count(), " s it prints \"", printed, "\"")};
  }

  bool becomes_true(const std::function<bool()>& condition) const { return wait_until(condition, options_.settle_time); }

  /// Runs start in a child process that stands for the updater: it lives on until outlives_updater() kills it.
  Result<void> start_in_child() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create", "a pipe");
    const Fd read_end(ends[0]);
    Fd write_end(ends[1]);
    updater_ = ::fork();
    if (updater_ < 0) return system_error("create", "a process");
    if (updater_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const Result<void> started = control("start");
      (void)write_all(write_end.get(), started ? kDone : started.error().message, "the pipe");
      write_end.reset();
      for (;;) ::pause();
    }
    write_end.reset();
    std::string result;
    char buffer[1024];
    for (ssize_t n; (n = ::read(read_end.get(), buffer, sizeof buffer)) > 0;) result.append(buffer, static_cast<size_t>(n));
    if (result == kDone) return {};
    if (result.empty()) return Error{"the script killed its parent process, the updater"};
    if (to_status(status()) != Status::started) return Error{result};
    warn(result);
    return {};
  }

  Result<void> keeps_no_pipe() {
    std::vector<PipeEnd> pipes;  // a child of the script has them until it redirects its output
    if (wait_until([&] { return (pipes = pipes_to_outside(agent_processes())).empty(); }, seconds(2))) return {};
    return Error{cat(describe(pipes[0].pid), " has the output pipe of ./control start as its fd ", pipes[0].fd,
                     " and will get SIGPIPE when it prints: redirect its output to a file")};
  }

  Result<void> starts_only_once() {
    const auto before = roots();
    if (auto started = control("start"); !started) warn(started.error().message);
    if (!becomes_true([&] { return roots() == before; })) {
      return Error{cat("before it, ", describe_some(before), " ran; after it, ", describe_some(roots()))};
    }
    return await_status(Status::started);
  }

  Result<void> stays_started(seconds time) {
    const auto begin = Clock::now();
    while (Clock::now() - begin < time) {
      if (const std::string printed = status(); to_status(printed) != Status::started) {
        return Error{cat("after ", std::chrono::duration_cast<seconds>(Clock::now() - begin).count(), " s status prints \"",
                         printed, "\"")};
      }
      std::this_thread::sleep_for(kProbationTick);
    }
    return {};
  }

  Result<void> outlives_updater() {
    ::kill(updater_, SIGKILL);
    ::waitpid(updater_, nullptr, 0);
    updater_ = -1;
    return stays_started(kOrphanTime);
  }

  Result<void> starts_after_death() {
    becomes_true([&] {
      const auto left = agent_processes();
      for (const Process& process : left) ::kill(process.pid, SIGKILL);
      return left.empty();
    });
    if (auto stopped = await_status(Status::stopped); !stopped)
      return stopped.error().within("after its processes were killed");
    const auto started = control("start");
    if (!started && to_status(status()) != Status::started) return started;
    if (!started) warn(started.error().message);
    return await_status(Status::started);
  }

  Result<void> stops() {
    const auto ended = control("stop");
    if (auto stopped = await_status(Status::stopped); !stopped) {
      return ended ? stopped : stopped.error().within(ended.error().message);
    }
    if (!ended) warn(ended.error().message);
    return {};
  }

  Result<void> leaves_no_process() {
    if (becomes_true([&] { return agent_processes().empty(); })) return {};
    return Error{describe_some(agent_processes()) + " still runs"};
  }

  /// All processes of the agent: the descendants of run_in_subreaper()'s process, except this one and the one that ran start.
  std::vector<Process> agent_processes() const {
    auto found = descendants_of(::getppid());
    std::erase_if(found, [&](const Process& process) { return process.pid == ::getpid() || process.pid == updater_; });
    return found;
  }

  /// The agent's processes whose parent is not one of them: its daemons without their workers, which change.
  std::vector<Process> roots() const {
    auto found = agent_processes();
    const auto all = found;
    std::erase_if(found, [&](const Process& process) {
      return std::any_of(all.begin(), all.end(), [&](const Process& other) { return other.pid == process.parent; });
    });
    return found;
  }

  static constexpr char kDone[] = "done";

  const SmokeTestOptions& options_;
  const ReleaseName& release_;
  const Layout layout_;
  const std::string folder_;
  pid_t updater_ = -1;
  bool has_failed_ = false;
  bool has_warned_ = false;
  std::string warning_;  // of the current check
};

}  // namespace

int run_smoke_test(const SmokeTestOptions& options) {
  const auto release = parse_tarball_name(fs::path(options.tarball).filename());
  if (!release) {
    std::cout << "FAIL  the tarball's name is NAME-VERSION.tar.gz, like falcon-agent-3.1.3.tar.gz: it is " << options.tarball
              << "\n";
    return 1;
  }
  const auto made = make_scratch_folder();
  if (!made) {
    std::cerr << made.error().message << "\n";
    return 1;
  }
  const std::string& scratch = *made;
  ::chmod(scratch.c_str(), 0755);  // like the updater's folder: the agent may run as another user
  std::cout << "Testing " << release->name << " " << release->version << " in " << scratch << std::endl;
  const auto verdict = static_cast<Verdict>(run_in_subreaper([&] { return SmokeTest(options, *release, scratch).run(); }));
  std::cout << sentence_of(verdict) << "\n";
  if (verdict == kFailed) {
    std::cout << "The folder is kept, with the agent's logs: " << Layout(scratch).version(release->name, release->version)
              << "\n";
  } else if (auto removed = remove_tree(scratch); !removed) {
    std::cerr << removed.error().message << "\n";
  }
  return verdict == kPassed || verdict == kWarned ? 0 : 1;
}

}  // namespace ops::updater
