// Agents whose `./control status` prints more than one word, like scripts that were written for the Go updater.

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/boxes.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;

constexpr char kName[] = "demo-agent";

/// The demo agent with this bash code as its status verb. $pid is empty when the agent does not run.
std::string agent_with_status(const std::string& how, const std::string& mark) {
  const std::string control = "#!/bin/bash\n[[ $1 == status ]] || exec ./demo \"$@\"\npid=$(./demo pid)\n" + how + "\n";
  return make_agent_tarball(control,
                            {{"demo", demo_agent_file("control")}, {"agent", demo_agent_file("agent")}, {"mark", mark}});
}

/// A wording of the status, and the bash code that prints it.
struct Wording {
  std::string name;
  std::string how;
};
const std::vector<Wording> kWordings = {
    {"pid", R"(if [[ $pid ]]; then echo "demo-agent started, pid=$pid"; else echo "demo-agent stoped"; fi)"},
    {"colours", R"(if [[ $pid ]]; then printf '\e[1;32mstarted\e(B\e[m\r\n'; else printf '\e[31mnot started\e[0m\n'; fi)"},
    {"warning", R"(echo "bash: warning: setlocale: LC_ALL: cannot change locale" >&2
                   if [[ $pid ]]; then echo started; else echo stopped; fi)"},
    {"lsb", R"(if [[ $pid ]]; then echo "(pid $pid) is started..."; else echo "demo-agent is stopped"; exit 3; fi)"},
};

/// Each wording has its own ops-meta and host, so that all are tested in parallel.
struct Site {
  explicit Site(const Wording& wording) : how(wording.how) {
    meta.publish(kName, "1.0.0", agent_with_status(how, "one"));
    meta.publish(kName, "2.0.0", agent_with_status(how, "two"));
    EXPECT_TRUE(meta.start({{kName, "1.0.0"}})) << meta.log();
    host = std::make_unique<UpdaterBox>(meta.address());
    EXPECT_TRUE(host->start()) << host->log();
  }
  bool runs_only(const std::string& version) const {
    const std::string other = version == "1.0.0" ? "2.0.0" : "1.0.0";
    return host->agent_pid(kName, version) > 0 && host->agent_pid(kName, other) < 0;
  }

  std::string how;
  MetaBox meta;
  std::unique_ptr<UpdaterBox> host;
};

TEST(StatusWords, InASentenceCarryAnAgentThroughItsInstallUpgradeAndStop) {
  std::vector<std::unique_ptr<Site>> sites;
  for (const Wording& wording : kWordings) sites.push_back(std::make_unique<Site>(wording));
  const auto expect_all = [&](const std::string& what, const std::function<bool(Site&)>& condition) {
    for (size_t i = 0; i < sites.size(); ++i) {
      EXPECT_TRUE(eventually([&] { return condition(*sites[i]); })) << kWordings[i].name << " " << what << "\n"
                                                                    << sites[i]->host->log() << sites[i]->meta.status(kName);
    }
  };
  const auto listed_as = [](const std::string& status) {
    return [status](Site& site) { return site.meta.status(kName).starts_with("h1 " + status + " "); };
  };
  expect_all("is installed", [](Site& site) { return site.runs_only("1.0.0"); });
  expect_all("is listed", listed_as("1.0.0 started"));
  for (const auto& site : sites) ASSERT_TRUE(site->meta.assign({{kName, "2.0.0"}}));
  expect_all("is upgraded", [](Site& site) { return site.runs_only("2.0.0"); });
  expect_all("is listed", listed_as("2.0.0 started"));
  for (const auto& site : sites) ASSERT_TRUE(site->meta.assign({{kName, "2.0.0", "stop"}}));
  expect_all("is stopped", [](Site& site) { return site.host->agent_pid(kName, "2.0.0") < 0; });
  expect_all("is listed as stopped", [](Site& site) {
    return site.meta.get("/status/text/demo-agent?status=stopped").body.starts_with("h1 2.0.0 sto");
  });
}

// A library of ld.so.preload that is missing, and a locale that the host does not have: each program of the script warns on
// stderr, in the middle of the status. Before stderr had its own pipe, this install was rolled back.
TEST(StatusWords, AreReadFromStdoutAlone) {
  const std::string how = R"(if [[ $pid ]]; then printf 'demo-agent started, pid '; cat var/app.pid; else echo stoped; fi)";
  MetaBox meta;
  meta.publish(kName, "1.0.0", agent_with_status(how, "one"));
  meta.publish(kName, "2.0.0", agent_with_status(how, "two"));
  ASSERT_TRUE(meta.start({{kName, "1.0.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under({"env", "LD_PRELOAD=/no/such/library.so", "LC_ALL=xx_XX.UTF-8"})) << host.log();
  for (const std::string version : {"1.0.0", "2.0.0"}) {
    ASSERT_TRUE(meta.assign({{kName, version}}));
    EXPECT_TRUE(eventually([&] {
      return meta.status(kName).starts_with("h1 " + version + " started ") &&
             meta.get("/status/text/demo-agent?phase=probation").body.empty();
    })) << meta.get("/status/json/demo-agent").body
        << host.log();
  }
  EXPECT_NE(host.log().find("wrote to stderr: ERROR: ld.so: object '/no/such/library.so'"), std::string::npos) << host.log();
}

// Go updaters send the unchanged output of the script.
TEST(StatusWords, InASentenceOfAGoUpdaterCountAsStarted) {
  MetaBox meta;
  ASSERT_TRUE(meta.start({{kName, "2.0.0"}})) << meta.log();
  const auto beat = [&](int host, const std::string& version) {
    const std::string body =
        R"({"hostname":"h)" + std::to_string(host) + R"(","realAgents":[{"name":"demo-agent","version":")" + version +
        R"(","status":"falcon-agent started, pid=)" + std::to_string(1000 + host) + R"(","timestamp":1447000000}]})";
    return http(meta.port(), "POST", "/heartbeat", body).body.find("\"version\":\"2.0.0\"") != std::string::npos;
  };
  EXPECT_TRUE(beat(1, "1.0.0"));
  EXPECT_FALSE(beat(2, "1.0.0")) << "one host has a lease, so a second host must wait";
  EXPECT_TRUE(beat(1, "2.0.0"));
  EXPECT_TRUE(beat(2, "1.0.0")) << "the first host runs the release, so another host gets a lease";
  EXPECT_EQ(meta.get("/status/text/demo-agent?status=started&limit=1").body.substr(0, 17), "h1 2.0.0 started ");
  EXPECT_NE(meta.get("/metrics").body.find(R"(ops_meta_agent_hosts{agent="demo-agent",version="2.0.0",state="started"} 1)"),
            std::string::npos)
      << meta.get("/metrics").body;
}

}  // namespace
}  // namespace ops::tests
