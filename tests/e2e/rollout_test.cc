// A rollout of a release that cannot start, with real updaters and a real agent: three hosts try it, and then all hosts run the
// previous version. tests/fleet/rollout_test.cc tests many hosts.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

constexpr int kHosts = kSanitized ? 8 : 30;
constexpr auto kPatience = std::chrono::seconds(120);
constexpr char kName[] = "demo-agent";

/// An agent that cannot start. Each start appends its folder to the file `evidence`.
std::string broken_tarball(const std::string& evidence) {
  return make_agent_tarball("#!/bin/sh\ncase $1 in\n  start)\n    pwd >>'" + evidence +
                            "'\n    echo 'no such library' >&2\n    exit 1\n    ;;\n  status) echo stoped ;;\nesac\n");
}

struct BadRelease : testing::Test {
  BadRelease() {
    meta.publish(kName, "1.0.0", demo_agent_tarball());
    meta.publish(kName, "2.0.0", broken_tarball(evidence));
    EXPECT_TRUE(meta.start({{kName, "1.0.0"}})) << meta.log();
    for (int i = 0; i < kHosts; ++i) {
      hosts.push_back(std::make_unique<UpdaterBox>(meta.address(), UpdaterSettings{.hostname = "h" + std::to_string(i)}));
      EXPECT_TRUE(hosts.back()->start()) << hosts.back()->log();
    }
  }

  nlohmann::json rollout(const std::string& version) const {
    const auto summary = nlohmann::json::parse(meta.get("/status/summary").body, nullptr, false);
    if (summary.is_discarded()) return nlohmann::json::object();
    return summary.at("rollouts").at(kName).value(version, nlohmann::json::object());
  }
  int lines_of_status(const std::string& filter) const {
    const std::string lines = meta.get(std::string("/status/text/") + kName + "?" + filter).body;
    return static_cast<int>(std::count(lines.begin(), lines.end(), '\n'));
  }
  bool all_run_the_first_version() const { return lines_of_status("version=1.0.0&status=started") == kHosts; }

  std::set<std::string> hosts_that_tried() const {
    std::istringstream lines(std::filesystem::exists(evidence) ? read_file(evidence) : "");
    std::set<std::string> folders;
    for (std::string folder; std::getline(lines, folder);) folders.insert(folder);
    return folders;
  }

  TempDir notes;
  std::string evidence = notes / "tried";
  MetaBox meta;
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
};

TEST_F(BadRelease, IsHaltedAfterThreeHosts) {
  ASSERT_TRUE(eventually([&] { return all_run_the_first_version(); }, kPatience)) << meta.status(kName);
  ASSERT_TRUE(meta.assign({{kName, "2.0.0"}}));
  EXPECT_TRUE(eventually([&] { return rollout("2.0.0").value("halted", false); }, kPatience)) << rollout("2.0.0").dump();
  EXPECT_TRUE(eventually([&] { return all_run_the_first_version(); }, kPatience)) << meta.status(kName);
  // After the halt, all hosts send heartbeats again, and ops-meta assigns 2.0.0 to no further host.
  EXPECT_TRUE(meta.receives_heartbeats(2 * kHosts));
  EXPECT_TRUE(rollout("2.0.0").value("halted", false)) << rollout("2.0.0").dump();

  EXPECT_EQ(hosts_that_tried().size(), 3u) << read_file(evidence);
  EXPECT_TRUE(all_run_the_first_version()) << meta.status(kName);
  for (const auto& host : hosts) {
    EXPECT_EQ(host->version(kName), "1.0.0") << host->folder();
    EXPECT_EQ(host->running(kName), std::vector<std::string>{"1.0.0"}) << host->log();
  }
  EXPECT_EQ(rollout("2.0.0").value("failed", 0), 3) << rollout("2.0.0").dump();
  EXPECT_EQ(rollout("2.0.0").value("why", ""), "3 of 3 hosts failed; the limits are 3 hosts and 5 %");
  EXPECT_EQ(lines_of_status("phase=rolled-back"), 3);
  EXPECT_NE(meta.get(std::string("/status/json/") + kName + "?phase=rolled-back&limit=1").body.find("no such library"),
            std::string::npos);
}

}  // namespace
}  // namespace ops::tests
