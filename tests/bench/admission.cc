#include <algorithm>
#include <ctime>

#include "common/base/log.h"
#include "common/base/text.h"
#include "meta/rollout/controller.h"
#include "tests/bench/bench.h"
#include "tests/support/temp_dir.h"

namespace ops::bench {

namespace {

using meta::Answer;
using meta::HostTable;
using meta::RolloutController;

constexpr int kAgents = 50;
constexpr uint32_t kMeasuredHosts = 20'000;

/// CPU time of this thread in microseconds. Unlike wall time, it does not depend on other processes of the machine.
double cpu_us() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

/// A table of hosts that run all agents in version 1.0.0.
class FullTable {
 public:
  explicit FullTable(uint32_t hosts) : size_(hosts), hosts_(2 * size_t{hosts}) {
    for (int i = 0; i < kAgents; ++i) {
      heartbeat_.real_agents.push_back({cat("some-agent-", i), "1.0.0", "started", 1447000000});
      agents_.push_back({heartbeat_.real_agents.back().name, "1.0.0", "http://10.0.0.1:2000/x", "", "start"});
    }
    if (auto opened = log::open(folder_ / "log"); !opened) give_up(opened.error().message);
    announce(cat("add ", hosts, " hosts with ", kAgents, " agents each to a table"));
    for (uint32_t host = 0; host < hosts; ++host) {
      if (auto recorded = hosts_.record(heartbeat_of(host), now_); !recorded) give_up(recorded.error().message);
    }
  }

  /// The CPU time of one decision, in microseconds. All hosts except the first must get the answer `expected`.
  double measure(const std::string& version, Answer expected) {
    RolloutController controller(hosts_);
    return measure(controller, version, expected);
  }

  /// The CPU time of one decision about a version that is halted after three failures.
  double measure_halted(const std::string& version) {
    RolloutController controller(hosts_);
    HeartbeatRequest failed = heartbeat_;
    for (const RealAgent& agent : heartbeat_.real_agents) {
      failed.updates.push_back({agent.name, version, "rolled-back", 0, 0, 1, 0, "it does not start"});
    }
    for (const char* host : {"bad1", "bad2", "bad3"}) {
      failed.hostname = host;
      if (auto recorded = hosts_.record(failed, now_); !recorded) give_up(recorded.error().message);
    }
    return measure(controller, version, Answer::own);
  }

  /// Makes `size_` the peak of the version.
  void set_peak(const std::string& version) {
    HostTable::Peaks peaks;
    for (const DesiredAgent& agent : agents_) peaks.emplace_back(agent.name, version, size_);
    hosts_.set_peaks(peaks);
  }

 private:
  double measure(RolloutController& controller, const std::string& version, Answer expected) {
    for (DesiredAgent& agent : agents_) agent.version = version;
    double spent = 0;
    const uint32_t measured = std::min(size_, kMeasuredHosts);
    for (uint32_t i = 0; i < measured; ++i) {
      const HeartbeatRequest& heartbeat = heartbeat_of(static_cast<uint32_t>(uint64_t{i} * 7919 % size_));
      const double begin = cpu_us();
      int as_expected = 0;
      for (const DesiredAgent& agent : agents_)
        as_expected += controller.decide(agent, limits_, heartbeat, now_) == expected ? 1 : 0;
      spent += cpu_us() - begin;
      if (as_expected != kAgents && i > 0) give_up(cat("a host got an unexpected answer for version ", version));
    }
    return spent / (static_cast<double>(measured) * kAgents);
  }
  const HeartbeatRequest& heartbeat_of(uint32_t host) {
    heartbeat_.hostname = cat("lg-cloud-web-", host, ".dc1");
    return heartbeat_;
  }

  const tests::TempDir folder_;  // for the log
  const uint32_t size_;
  HostTable hosts_;
  HeartbeatRequest heartbeat_{.updater_version = "1.0.0", .platform = "linux_amd64"};
  std::vector<DesiredAgent> agents_;
  meta::RolloutLimits limits_;
  HostTable::TimePoint now_ = std::chrono::system_clock::now();
};

}  // namespace

Table measure_admissions(const Options& options) {
  FullTable table(options.hosts);
  table.set_peak("3.0.0");
  const std::string where = cat("decision, ", options.hosts, " hosts x ", kAgents, " agents: host has the version");
  return {at_most(where, table.measure("1.0.0", Answer::desired), 1, 2, "us"),
          at_most("  host must wait for a lease", table.measure("2.0.0", Answer::own), 1, 2, "us"),
          at_most("  version is halted", table.measure_halted("4.0.0"), 1, 2, "us"),
          at_most("  host returns to a version that all hosts ran", table.measure("3.0.0", Answer::desired), 1, 2, "us")};
}

}  // namespace ops::bench
