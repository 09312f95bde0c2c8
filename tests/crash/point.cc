#include "tests/crash/point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"
#include "updater/model/state.h"

namespace ops::tests {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kCheckEvery = std::chrono::milliseconds(25);
// Both suffice on a machine that is five times slower than usual.
constexpr auto kDeadline = std::chrono::seconds(120);  // the longest pause after one failure is below 45 s
constexpr auto kLongestWrongStatus = std::chrono::seconds(20);
constexpr char kAgent[] = "demo-agent";

using Files = std::map<std::string, std::string>;
using Releases = std::map<std::string, Files>;  // by version

constexpr char kCannotStart[] =
    "#!/bin/sh\n"
    "case $1 in\n"
    "    start) echo 'no, not today'; exit 1 ;;\n"
    "    status) echo stoped ;;\n"
    "esac\n";

/// The demo agent with a slow start: a start of a killed updater is still under way when the next updater starts.
Files slow_agent(const std::string& version) {
  std::string agent = demo_agent_file("agent");
  agent.insert(agent.find("echo "), "sleep 0.4\n");
  return {{"control", demo_agent_file("control")}, {"agent", agent}, {"mark", version}};
}

/// Lives longer than its probation.
Files mortal_agent() {
  Files files = slow_agent("2.0.0");
  std::string& agent = files.at("agent");
  agent.replace(agent.find("sleep infinity"), 14, "sleep 3");
  return files;
}

Files broken_agent() { return {{"control", kCannotStart}}; }

std::string to_tarball(const Files& files) {
  Files rest = files;
  rest.erase("control");
  return make_agent_tarball(files.at("control"), rest);
}

std::vector<pid_t> processes_in(const std::string& folder) {
  std::vector<pid_t> found;
  for (const std::string& name : list("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    char path[4096] = {};
    if (::readlink(("/proc/" + name + "/cwd").c_str(), path, sizeof path - 1) < 0) continue;
    if (std::string(path).starts_with(folder + "/")) found.push_back(std::stoi(name));
  }
  return found;
}

/// The host of one point, with the checks of the invariants.
class Host {
 public:
  Host(const Scenario& scenario, const MetaBox& meta, const Releases& releases)
      : scenario_(scenario), meta_(meta), releases_(releases), box_(meta.address(), settings()) {
    if (scenario.before.empty()) return;
    for (const auto& [file, content] : releases.at(scenario.before)) {
      write_file(folder_of(scenario.before) + "/" + file, content, 0755);
    }
    write_file(folder_of(scenario.before) + "/.installed", md5_hex(to_tarball(releases.at(scenario.before))) + "\n");
    write_file(box_.agent(kAgent) + "/.version", scenario.before + "\n");
    box_.control(kAgent, scenario.before, "start");
  }

  ~Host() {
    box_.process().kill();
    kill_all_in(box_.folder());
  }

  UpdaterBox& box() { return box_; }
  const std::string& violation() const { return violation_; }

  /// Records a violated invariant. Only the first one is kept.
  void violate(const std::string& invariant) {
    if (violation_.empty()) violation_ = invariant;
  }

  /// Makes the updater send a heartbeat at once. Its first sleep is random.
  void request_heartbeat() {
    if (box_.process().is_running()) box_.process().signal(SIGHUP);
  }

  /// Checks the invariants that hold at any time.
  void check() {
    const std::string version = box_.version(kAgent);
    if (!version.empty() && !is_whole(version) && box_.version(kAgent) == version) {
      violate(".version names " + version + ", whose folder is incomplete");
    }
    const auto running = running_processes();
    if (running.size() > 1) {
      size_t both = 0;
      for (const auto& [pid, again] : running_processes()) both += running.count(pid);
      if (both > 1) violate("two processes of the agent run: " + words(running));
    }
    check_reported_status(running);
  }

  /// Whether the host has the state that the scenario expects at its end.
  bool has_converged() {
    if (box_.version(kAgent) != scenario_.after) return false;
    const updater::State state = updater::read_state(box_.agent(kAgent) + "/.state").value();
    const bool latched = state.latch && state.latch->version == scenario_.assigned;
    if (state.probation || state.soak || latched != (scenario_.after != scenario_.assigned) || has_staging()) return false;
    const auto running = running_processes();
    return running.size() == 1 && running.begin()->second == scenario_.after && reported_version() == scenario_.after;
  }

  std::string describe() const {
    std::ostringstream text;
    const std::string folder = box_.agent(kAgent);
    text << "run: " << words(running_processes()) << "; .version: " << box_.version(kAgent)
         << "; .state: " << read_file(folder + "/.state") << "meta: " << meta_.status(kAgent) << "\nfolder:";
    for (const std::string& name : list(folder)) text << " " << name;
    text << "\n" << box_.log();
    return text.str();
  }

 private:
  using Running = std::map<pid_t, std::string>;  // versions by pid

  static UpdaterSettings settings() {
    UpdaterSettings settings;
    settings.probation = 0;  // the updater rounds it up to 1 s, so there is still a probation
    return settings;
  }

  std::string folder_of(const std::string& version) const { return box_.agent(kAgent) + "/" + version; }

  bool is_whole(const std::string& version) const {
    if (releases_.count(version) == 0 || !exists(folder_of(version) + "/.installed")) return false;
    const auto& files = releases_.at(version);
    return std::all_of(files.begin(), files.end(),
                       [&](const auto& file) { return read_file(folder_of(version) + "/" + file.first) == file.second; });
  }

  Running running_processes() const {
    Running running;
    const std::string title = std::string(kAgent) + " ";
    for (const pid_t pid : processes_in(box_.agent(kAgent))) {
      const std::string command = read_file("/proc/" + std::to_string(pid) + "/cmdline").c_str();
      if (command.starts_with(title)) running[pid] = command.substr(title.size());
    }
    return running;
  }

  static std::string words(const Running& running) {
    std::string text;
    for (const auto& [pid, version] : running) text += (text.empty() ? "" : ", ") + version + " as " + std::to_string(pid);
    return text.empty() ? "none" : text;
  }

  bool has_staging() const {
    const auto names = list(box_.agent(kAgent));
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.starts_with(".staged-") || name.starts_with(".download-"); });
  }

  /// The version that ops-meta has as started on this host; "" for none.
  std::string reported_version() const {
    std::istringstream line(meta_.status(kAgent));
    std::string host;
    std::string version;
    std::string status;
    line >> host >> version >> status;
    return status == "started" ? version : "";
  }

  void check_reported_status(const Running& running) {
    const std::string reported = reported_version();
    const bool is_right = reported.empty() || std::any_of(running.begin(), running.end(),
                                                          [&](const auto& entry) { return entry.second == reported; });
    if (is_right) {
      wrong_since_.reset();
      return;
    }
    if (read_file(folder_of(reported) + "/var/app.log").find(" is up") == std::string::npos) {
      violate("the updater reported " + reported + " as started, which never came up");
    }
    if (!wrong_since_) wrong_since_ = Clock::now();
    if (box_.process().is_running() && Clock::now() - *wrong_since_ > kLongestWrongStatus) {
      violate("the updater reports " + reported + " as started, which does not run");
    }
  }

  const Scenario& scenario_;
  const MetaBox& meta_;
  const Releases& releases_;
  UpdaterBox box_;
  std::optional<Clock::time_point> wrong_since_;
  std::string violation_;
};

/// Checks the invariants again and again. Returns true when `is_over`, and false at a violation or at the deadline.
template <typename Condition>
bool watch(Host& host, const Condition& is_over) {
  const auto deadline = Clock::now() + kDeadline;
  while (Clock::now() < deadline && host.violation().empty()) {
    host.check();
    if (is_over()) return true;
    ::usleep(std::chrono::microseconds(kCheckEvery).count());
  }
  return false;
}

void read_report(const std::string& path, Outcome& outcome) {
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    if (line.starts_with("injected ")) {
      outcome.injected = line.substr(space + 1);
    } else {
      outcome.counts[line.substr(0, space)] = std::stoul(line.substr(space + 1));
    }
  }
}

/// Runs the updater with the fault until the host has converged and the updater has exited.
void run_with_fault(Host& host, const Point& point, Outcome& outcome) {
  const std::string report = host.box() / "report";
  const bool served = host.box().start_under({OPS_BUILD_DIR "/tests/inject", point.fault, std::to_string(point.n), report});
  host.request_heartbeat();
  bool converged = false;
  Process& process = host.box().process();
  watch(host, [&] { return !process.is_running() || (converged = host.has_converged()); });
  if (process.is_running() && converged) {  // inject counts the calls of the shutdown as well
    process.signal(SIGTERM);
    watch(host, [&] { return !process.is_running(); });
  }
  if (process.is_running()) {
    process.signal(SIGABRT);  // makes inject write its report
    process.wait();
    host.violate("the host does not converge, or the updater does not exit on SIGTERM");
  }
  read_report(report, outcome);
  host.check();

  const int code = process.wait();
  const bool killed = point.fault == "kill" && !outcome.injected.empty();
  // Exit code 2: the updater cannot read its config. 127: a sanitizer build cannot load its libraries.
  outcome.refused = !killed && !served && (code == 1 || code == 2 || code == 127);
  const int expected = killed ? 128 + SIGKILL : (outcome.refused ? code : 0);
  if (code != expected) host.violate("the updater died with exit code " + std::to_string(code));
  if (!killed && !outcome.refused && !converged) host.violate("the host does not converge");
}

}  // namespace

void kill_all_in(const std::string& folder) {
  if (folder.find("/ops-test-") == std::string::npos) return;  // only in a TempDir
  eventually([&] {
    const auto left = processes_in(folder);
    for (const pid_t pid : left) send_signal(pid, SIGKILL);
    return left.empty();
  });
}

Outcome run_point(const Point& point) {
  const Scenario& scenario = point.scenario;
  const bool works = scenario.after == scenario.assigned;
  const Files next = works ? slow_agent("2.0.0") : scenario.dies ? mortal_agent() : broken_agent();
  const Releases releases = {{"1.0.0", slow_agent("1.0.0")}, {"2.0.0", next}};
  MetaBox meta;
  for (const auto& [version, files] : releases) meta.publish(kAgent, version, to_tarball(files));
  Outcome outcome;
  const std::string rollout = scenario.dies ? R"(, "rollout": {"soak": 60})" : "";
  if (!meta.start({{kAgent, scenario.assigned, "start", "", "", rollout}})) {
    outcome.violation = "ops-meta does not start: " + meta.log();
    return outcome;
  }
  Host host(scenario, meta, releases);
  run_with_fault(host, point, outcome);
  if (host.violation().empty() && host.box().process().wait() != 0) {
    if (!host.box().start()) host.violate("the updater does not start again");
    host.request_heartbeat();
    if (!watch(host, [&] { return host.has_converged(); })) host.violate("the host does not converge");
  }
  if (!host.violation().empty()) outcome.violation = host.violation() + "\n" + host.describe();
  return outcome;
}

}  // namespace ops::tests
