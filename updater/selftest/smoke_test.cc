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

namespace ops::updater {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

namespace {

constexpr auto kProbationTick = std::chrono::milliseconds(500);
constexpr auto kOrphaned = seconds(2);  // what dies with the updater, dies within this
constexpr size_t kMaxReason = 1024;

/// The exit code of a rehearsal's process. Any other one means that it was interrupted.
enum Verdict : int { kGood, kHarmful, kOdd, kNotUnpacked };

std::string sentence_of(Verdict verdict) {
  switch (verdict) {
    case kGood: return "It does all that an updater asks of it.";
    case kOdd: return "An updater copes with it. Mend the checks that are marked warn when you can.";
    case kHarmful: return "An updater would have trouble with it.";
    case kNotUnpacked: return "An updater would have trouble with it. Nothing else was tried.";
  }
  return "It was not tried to the end.";
}

/// True as soon as the condition is; false when it isn't within the time in which an updater expects a change to show.
bool settles(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + kSettleTime;
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kSettleTick);
  }
  return true;
}

/// "pid 12 (sleep), pid 13 (sh)", and not more of them than help.
std::string describe_some(const std::vector<Process>& processes) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(processes.size(), 3); ++i) text += (i == 0 ? "" : ", ") + describe(processes[i].pid);
  return processes.size() > 3 ? cat(text, " and ", processes.size() - 3, " more") : text;
}

/// One release in its folder, in a process that run_in_subreaper made.
class SmokeTest {
 public:
  SmokeTest(const SmokeTestOptions& options, const ReleaseName& release, const std::string& root)
      : options_(options), release_(release), layout_(root), folder_(layout_.version(release.name, release.version)) {}

  Verdict run() {
    if (!check("it unpacks, with an executable control at its top", [&] { return unpacks(); })) return kNotUnpacked;
    check("before the first start, status says stoped", [&] { return is_stopped(); });
    if (!check("start ends well", [&] { return start_by_another(); })) return kHarmful;
    if (check("after it, status says started", [&] { return await(Status::started); })) try_while_it_runs();
    if (check("stop ends well, and status says stoped", [&] { return stops(); })) {
      check("stop leaves no process behind", [&] { return leaves_nothing(); });
      check("a second stop changes nothing", [&] { return stops(); });
    }
    return has_failed_ ? kHarmful : has_warned_ ? kOdd : kGood;
  }

 private:
  void try_while_it_runs() {
    check("it holds nothing of the updater's open", [&] { return holds_nothing(); });
    const std::string time = cat(options_.probation.count(), " s");
    if (check(cat("it stays started for ", time), [&] { return stays_started(options_.probation); })) {
      check("a second start changes nothing", [&] { return starts_only_once(); });
      check("it outlives the updater", [&] { return outlives_updater(); });
    }
    check("once killed, status says stoped, and it starts again", [&] { return starts_after_death(); });
  }

  /// True unless it fails. What `how` has warned of is printed with it.
  bool check(const std::string& what, const std::function<Result<void>()>& how) {
    warning_.clear();
    const Result<void> outcome = how();
    const std::string reason = outcome ? warning_ : outcome.error().message;
    std::cout << (!outcome ? "FAIL  " : reason.empty() ? "pass  " : "warn  ") << what;
    if (!reason.empty()) std::cout << ": " << one_line(reason, kMaxReason);
    std::cout << std::endl;  // the person who waits wants to see how far it is
    has_failed_ |= !outcome.ok();
    has_warned_ |= !warning_.empty();
    return outcome.ok();
  }

  /// For a start or stop that failed, but whose effect shows.
  void warn(const std::string& failure) { warning_ = cat(failure, "; an updater goes by the status"); }

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
    const std::string said = status();
    if (to_status(said) == Status::stopped) return {};
    return Error{cat("it says \"", said, "\"")};
  }

  Result<void> await(Status wanted) {
    std::string said;
    const bool has_it = settles([&] {
      said = status();
      return to_status(said) == wanted;
    });
    if (has_it) return {};
    return Error{cat("after ", kSettleTime.count(), " s it says \"", said, "\"")};
  }

  /// Has start done by a process that then stays, as the updater that did it would.
  Result<void> start_by_another() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make", "a pipe");
    const Fd from(ends[0]);
    Fd to(ends[1]);
    updater_ = ::fork();
    if (updater_ < 0) return system_error("make", "a process");
    if (updater_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const Result<void> started = control("start");
      (void)write_all(to.get(), started ? kDone : started.error().message, "the pipe");
      to.reset();
      for (;;) ::pause();
    }
    to.reset();
    std::string said;
    char buffer[1024];
    for (ssize_t n; (n = ::read(from.get(), buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(n));
    if (said == kDone) return {};
    if (said.empty()) return Error{"it killed its parent, the updater"};
    if (to_status(status()) != Status::started) return Error{said};
    warn(said);
    return {};
  }

  Result<void> holds_nothing() {
    const auto held = pipes_out_of(agent_processes());
    if (held.empty()) return {};
    return Error{cat(describe(held[0].pid), " keeps, as its fd ", held[0].fd,
                     ", the pipe that ./control start printed to, and will die when it prints: send its output to a file")};
  }

  Result<void> starts_only_once() {
    const auto before = roots();
    if (auto started = control("start"); !started) warn(started.error().message);
    if (!settles([&] { return roots() == before; })) {
      return Error{cat("before it ran ", describe_some(before), ", now ", describe_some(roots()))};
    }
    return await(Status::started);
  }

  Result<void> stays_started(seconds time) {
    const auto begin = Clock::now();
    while (Clock::now() - begin < time) {
      if (const std::string said = status(); to_status(said) != Status::started) {
        return Error{
            cat("after ", std::chrono::duration_cast<seconds>(Clock::now() - begin).count(), " s status says \"", said, "\"")};
      }
      std::this_thread::sleep_for(kProbationTick);
    }
    return {};
  }

  Result<void> outlives_updater() {
    ::kill(updater_, SIGKILL);
    ::waitpid(updater_, nullptr, 0);
    updater_ = -1;
    return stays_started(kOrphaned);
  }

  Result<void> starts_after_death() {
    settles([&] {
      const auto left = agent_processes();
      for (const Process& process : left) ::kill(process.pid, SIGKILL);
      return left.empty();
    });
    if (auto stopped = await(Status::stopped); !stopped) return stopped.error().within("its processes were killed");
    const auto started = control("start");
    if (!started && to_status(status()) != Status::started) return started;
    if (!started) warn(started.error().message);
    return await(Status::started);
  }

  Result<void> stops() {
    const auto ended = control("stop");
    if (auto stopped = await(Status::stopped); !stopped) {
      return ended ? stopped : stopped.error().within(ended.error().message);
    }
    if (!ended) warn(ended.error().message);
    return {};
  }

  Result<void> leaves_nothing() {
    if (settles([&] { return agent_processes().empty(); })) return {};
    return Error{describe_some(agent_processes()) + " still there"};
  }

  /// All that came of the agent: what run_in_subreaper's process was given, but for this one and the one that did the start.
  std::vector<Process> agent_processes() const {
    auto found = descendants_of(::getppid());
    std::erase_if(found, [&](const Process& process) { return process.pid == ::getpid() || process.pid == updater_; });
    return found;
  }

  /// Those that no other process of the agent began: its daemons, and not their workers, which come and go.
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
  std::string warning_;  // of the check that is under way
};

}  // namespace

int run_smoke_test(const SmokeTestOptions& options) {
  const auto release = parse_tarball_name(fs::path(options.tarball).filename());
  if (!release) {
    std::cout << "FAIL  it is named NAME-VERSION.tar.gz, like falcon-agent-3.1.3.tar.gz: it is " << options.tarball << "\n";
    return 1;
  }
  std::error_code error;
  std::string scratch = fs::temp_directory_path(error) / "ops-updater-try.XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) {
    std::cerr << system_error("create a folder like", scratch).message << "\n";
    return 1;
  }
  ::chmod(scratch.c_str(), 0755);  // as an agent's folder is: it may run as another user
  std::cout << "Trying " << release->name << " " << release->version << ", in " << scratch << std::endl;
  const auto verdict = static_cast<Verdict>(run_in_subreaper([&] { return SmokeTest(options, *release, scratch).run(); }));
  std::cout << sentence_of(verdict) << "\n";
  if (verdict == kHarmful) {
    std::cout << "Its folder is kept, with the logs in it: " << Layout(scratch).version(release->name, release->version)
              << "\n";
  } else if (auto removed = remove_tree(scratch); !removed) {
    std::cerr << removed.error().message << "\n";
  }
  return verdict == kGood || verdict == kOdd ? 0 : 1;
}

}  // namespace ops::updater
