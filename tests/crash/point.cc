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

constexpr auto kLook = std::chrono::milliseconds(25);
// Both hold on a machine that is five times slower than usual.
constexpr auto kDeadline = std::chrono::seconds(120);  // the longest pause after one failure is below 45 s
constexpr auto kLongestLie = std::chrono::seconds(20);
constexpr char kAgent[] = "demo-agent";

using Files = std::map<std::string, std::string>;
using Releases = std::map<std::string, Files>;  // by version

constexpr char kCannotStart[] =
    "#!/bin/sh\n"
    "case $1 in\n"
    "    start) echo 'no, not today'; exit 1 ;;\n"
    "    status) echo stoped ;;\n"
    "esac\n";

/// The demo agent, but for taking its time to come up: what an updater that died has begun is still under way when the next one
/// looks.
Files slow_agent(const std::string& version) {
  const std::string folder = std::string(OPS_SOURCE_DIR) + "/tests/support/demo-agent/";
  std::string agent = read_file(folder + "agent");
  agent.insert(agent.find("echo "), "sleep 0.4\n");
  return {{"control", read_file(folder + "control")}, {"agent", agent}, {"mark", version}};
}

Files broken_agent() { return {{"control", kCannotStart}}; }

bool starts_with(const std::string& text, const std::string& prefix) { return text.compare(0, prefix.size(), prefix) == 0; }

std::string to_tarball(const Files& files) {
  Files others = files;
  others.erase("control");
  return make_agent_tarball(files.at("control"), others);
}

std::vector<pid_t> processes_in(const std::string& folder) {
  std::vector<pid_t> found;
  for (const std::string& name : list("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    char path[4096] = {};
    if (::readlink(("/proc/" + name + "/cwd").c_str(), path, sizeof path - 1) < 0) continue;
    if (starts_with(path, folder + "/")) found.push_back(std::stoi(name));
  }
  return found;
}

/// The box of one point, and the truth about it.
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

  void violate(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }

  /// Has the updater ask meta at once: its first sleep is random.
  void hurry() {
    if (box_.process().is_running()) box_.process().signal(SIGHUP);
  }

  /// What must hold at any time.
  void check() {
    const std::string version = box_.version(kAgent);
    if (!version.empty() && !is_whole(version) && box_.version(kAgent) == version) {
      violate(".version names " + version + ", which is not whole");
    }
    const auto running = running_processes();
    if (running.size() > 1) {
      size_t both = 0;
      for (const auto& [pid, again] : running_processes()) both += running.count(pid);
      if (both > 1) violate("two run at once: " + words(running));
    }
    check_what_meta_was_told(running);
  }

  /// Everything is as it should be in the end.
  bool has_converged() {
    if (box_.version(kAgent) != scenario_.after) return false;
    const updater::State state = updater::read_state(box_.agent(kAgent) + "/.state").value();
    const bool latched = state.latch && state.latch->version == scenario_.desired;
    if (state.probation || latched != (scenario_.after != scenario_.desired) || has_staging()) return false;
    const auto running = running_processes();
    return running.size() == 1 && running.begin()->second == scenario_.after && started_as_meta_knows() == scenario_.after;
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
    settings.probation = 0;  // rounded up to a second, so it is still there
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
      if (starts_with(command, title)) running[pid] = command.substr(title.size());
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
    return std::any_of(names.begin(), names.end(), [](const std::string& name) {
      return starts_with(name, ".staged-") || starts_with(name, ".download-");
    });
  }

  /// The version of which meta was told that it is started; "" for none.
  std::string started_as_meta_knows() const {
    std::istringstream line(meta_.status(kAgent));
    std::string host;
    std::string version;
    std::string status;
    line >> host >> version >> status;
    return status == "started" ? version : "";
  }

  void check_what_meta_was_told(const Running& running) {
    const std::string told = started_as_meta_knows();
    const bool true_now =
        told.empty() || std::any_of(running.begin(), running.end(), [&](const auto& entry) { return entry.second == told; });
    if (true_now) {
      lie_since_.reset();
      return;
    }
    if (read_file(folder_of(told) + "/var/app.log").find(" is up") == std::string::npos) {
      violate("meta was told that " + told + " is started, which never came up");
    }
    if (!lie_since_) lie_since_ = Clock::now();
    if (box_.process().is_running() && Clock::now() - *lie_since_ > kLongestLie) {
      violate("meta is told that " + told + " is started, which does not run");
    }
  }

  const Scenario& scenario_;
  const MetaBox& meta_;
  const Releases& releases_;
  UpdaterBox box_;
  std::optional<Clock::time_point> lie_since_;
  std::string violation_;
};

/// Looks again and again until `is_over`, something breaks or the deadline comes. True when it is over.
template <typename Condition>
bool watch(Host& host, const Condition& is_over) {
  const auto deadline = Clock::now() + kDeadline;
  while (Clock::now() < deadline && host.violation().empty()) {
    host.check();
    if (is_over()) return true;
    ::usleep(std::chrono::microseconds(kLook).count());
  }
  return false;
}

void read_report(const std::string& path, Outcome& outcome) {
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.find(' ');
    if (starts_with(line, "struck ")) {
      outcome.struck = line.substr(space + 1);
    } else {
      outcome.counts[line.substr(0, space)] = std::stoul(line.substr(space + 1));
    }
  }
}

void converge(Host& host) {
  const bool converged = watch(host, [&] { return host.has_converged(); });
  if (!converged) host.violate("it does not converge");
}

void run_struck(Host& host, const Point& point, Outcome& outcome) {
  const std::string report = host.box() / "report";
  const bool served = host.box().start_under({OPS_BUILD_DIR "/tests/inject", point.fault, std::to_string(point.n), report});
  host.hurry();
  bool converged = false;
  Process& process = host.box().process();
  watch(host, [&] { return !process.is_running() || (converged = host.has_converged()); });
  if (process.is_running() && converged) {  // the calls of its own end count, too
    process.signal(SIGTERM);
    watch(host, [&] { return !process.is_running(); });
  }
  if (process.is_running()) {
    process.signal(SIGABRT);  // so that the report is written
    process.wait();
    host.violate("it does not converge, or does not end on SIGTERM");
  }
  read_report(report, outcome);
  host.check();

  const int code = process.wait();
  const bool killed = point.fault == "kill" && !outcome.struck.empty();
  // 2: the config can't be read. 127: its libraries can't be, where sanitizers link it with some.
  outcome.refused = !killed && !served && (code == 1 || code == 2 || code == 127);
  const int expected = killed ? 128 + SIGKILL : (outcome.refused ? code : 0);
  if (code != expected) host.violate("the updater died with exit code " + std::to_string(code));
  if (!killed && !outcome.refused && !converged) host.violate("it does not converge");
}

}  // namespace

void kill_all_in(const std::string& folder) {
  if (folder.find("/ops-test-") == std::string::npos) return;  // nowhere but in a TempDir
  eventually([&] {
    const auto left = processes_in(folder);
    for (const pid_t pid : left) send_signal(pid, SIGKILL);
    return left.empty();
  });
}

Outcome run_point(const Point& point) {
  const Scenario& scenario = point.scenario;
  const bool works = scenario.after == scenario.desired;
  const Releases releases = {{"1.0.0", slow_agent("1.0.0")}, {"2.0.0", works ? slow_agent("2.0.0") : broken_agent()}};
  MetaBox meta;
  for (const auto& [version, files] : releases) meta.publish(kAgent, version, to_tarball(files));
  Outcome outcome;
  if (!meta.start({{kAgent, scenario.desired}})) {
    outcome.violation = "ops-meta does not start: " + meta.log();
    return outcome;
  }
  Host host(scenario, meta, releases);
  run_struck(host, point, outcome);
  if (host.violation().empty() && host.box().process().wait() != 0) {
    if (!host.box().start()) host.violate("the updater does not start again");
    host.hurry();
    converge(host);
  }
  if (!host.violation().empty()) outcome.violation = host.violation() + "\n" + host.describe();
  return outcome;
}

}  // namespace ops::tests
