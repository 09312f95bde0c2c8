// Releases with faulty control scripts, as upgrades of a good version and as first installs, side by side in one updater. The
// updater rolls back or stops each faulty release and latches it. The other agent keeps running.

#include <gtest/gtest.h>
#include <signal.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/support/boxes.h"
#include "tests/support/fake_server.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::seconds;
using Json = nlohmann::json;

struct FaultyScript {
  std::string name;
  std::string control;
  std::string words = "";  // the error must contain them
};

/// The control of the demo agent that runs `fault` first.
std::string demo_but(const std::string& fault) {
  const std::string demo = demo_agent_file("control");
  const size_t verbs = demo.find("case ${1:-} in");
  return demo.substr(0, verbs) + fault + "\n" + demo.substr(verbs);
}

/// A control that runs `fault` at start. Its status is always "stoped", and its stop succeeds.
std::string cannot_start(const std::string& fault) {
  return "#!/bin/bash\n[[ $1 == status ]] && { echo stoped; exit; }\n[[ $1 == stop ]] && exit\n" + fault;
}

/// The control of the demo agent that runs `fault` after its start.
std::string starts_and(const std::string& fault) {
  return demo_but("[[ ${1:-} == start ]] && {\nstart\n" + fault + "\nexit\n}");
}

/// Runs `fault` at the fifth and each later status if `condition` is true, too. The fifth is in the probation.
std::string fifth_status_and(const std::string& condition, const std::string& fault) {
  return "[[ ${1:-} == status ]] && echo >>asked && asked=$(wc -l <asked) && (( asked > 4 )) && " + condition + " && { " +
         fault + "; }";
}

/// Scripts whose agent does not start, does not stay started or has no usable status.
std::vector<FaultyScript> failing_scripts() {
  return {
      {"exits-1", cannot_start("echo 'port 80 is taken' >&2; exit 1"), "exit status 1: port 80 is taken"},
      {"exits-1-always", "#!/bin/bash\nexit 1", "fail: exit status 1"},
      {"hangs-in-start", cannot_start("exec sleep 1000"), "`./control start` did not end within 3 s and was killed"},
      {"hangs-in-stop", "#!/bin/bash\n[[ $1 == stop ]] && exec sleep 1000\n[[ $1 != status ]]", "exit status 1"},
      {"hangs-in-status", "#!/bin/bash\n[[ $1 == status ]] && exec sleep 1000\nexit 0",
       "`./control status` did not end within 3 s"},
      {"hangs-always", "#!/bin/bash\nexec sleep 1000", "`./control start` did not end"},
      {"ignores-term", cannot_start("trap '' TERM; while :; do sleep 0.1; done"), "did not end within 3 s and was killed"},
      {"prints-1-gb", cannot_start("head -c 1000000000 /dev/zero; exit 1"), "did not start"},
      {"prints-for-ever", "#!/bin/bash\nexec yes", "did not end"},
      {"needs-a-terminal", cannot_start("read -r line </dev/tty || exit 7"), "exit status 7"},
      {"is-a-binary", read_file("/bin/true"), "its status is \"\""},
      {"is-garbage", "\x7f\x45LF garbage", "Exec format error"},
      {"spawns-1000", cannot_start("for ((i = 0; i < 1000; i++)); do sleep 30 & done; wait"), "was killed"},
      {"dies-soon", starts_and("(sleep 0.5; stop) &"), "was \"stoped\" during its probation"},
      {"dies-later", starts_and("(sleep 1.2; stop) &"), "was \"stoped\" during its probation"},
      {"flips", "#!/bin/bash\n[[ $1 != status ]] || { rm flip 2>/dev/null && echo started; } || { touch flip; echo stoped; }"},
      {"turns-unclear", demo_but(fifth_status_and("true", "echo busy; exit 1")), "during its probation"},
      {"vanishes", starts_and("rm control"), "No such file"},
      {"vanishes-later", starts_and("(sleep 1; rm control) &"), "during its probation"},
  };
}

/// Scripts that behave oddly but run, or that the updater cannot tell from ones that run.
std::vector<FaultyScript> odd_scripts() {
  return {
      {"keeps-stdout", starts_and("setsid sleep 15 &")},
      {"babbles", starts_and("timeout 15 yes &")},
      {"is-busy-once", demo_but(fifth_status_and("(( asked < 7 ))", "echo busy; exit 1"))},
      {"is-slow-once", demo_but(fifth_status_and("(( asked < 6 ))", "exec sleep 60"))},
      {"double-forks", demo_but("[[ ${1:-} == start ]] && { (start &); sleep 0.3; exit; }")},
      {"lies",
       "#!/bin/bash\n[[ $1 == status ]] && { [[ -e on ]] && echo started || echo stoped; }\n"
       "[[ $1 == start ]] && touch on\n[[ $1 == stop ]] && rm -f on\nexit 0"},
  };
}

/// An ops-meta without agents.
struct RunningMeta : MetaBox {
  RunningMeta() { EXPECT_TRUE(start({})) << log(); }
};

/// An ops-meta, a server that counts the tarballs that it serves, and a host with a good agent and faulty ones.
struct FaultyControl : testing::Test {
  FaultyControl() { publish("good", "1.0.0", demo_agent_tarball()); }

  ~FaultyControl() override {
    host.process().kill();
    for (const std::string& name : list(host.folder())) {
      // The destructor of UpdaterBox calls the control of each version.
      if (is_faulty.contains(name)) write_file(host.agent(name) + "/2.0.0/control", "#!/bin/sh\n", 0755);
    }
  }

  static UpdaterSettings quick() {
    UpdaterSettings settings;
    settings.probation = 2;
    settings.control_timeout = 3;  // seconds, also for a status; a good control takes 0.1 s
    settings.settle_timeout = 3;
    return settings;
  }

  void publish(const std::string& name, const std::string& version, const std::string& tarball) {
    const std::string file = "/" + name + "-" + version + ".tar.gz";
    files[file] = http_reply(200, tarball);
    files[file + ".md5"] = http_reply(200, md5_hex(tarball));
  }

  void publish_faulty(const FaultyScript& script) {
    publish(script.name, "2.0.0", make_agent_tarball(script.control, {{"agent", demo_agent_file("agent")}}));
    if (script.name != "double-forks" && script.name != "keeps-stdout" && script.name != "babbles")
      is_faulty.insert(script.name);
  }

  TestAgent agent(const std::string& name, const std::string& version) const {
    return {name, version, "start", "", tarballs.url("")};
  }
  size_t fetches(const std::string& name) const { return tarballs.count("/" + name + "-2.0.0.tar.gz"); }

  /// The entry of an agent on h1 in /status/json.
  Json seen(const std::string& name) const {
    const Json hosts = Json::parse(meta.get("/status/json/" + name).body, nullptr, false);
    return hosts.is_object() && hosts.contains("h1") && hosts["h1"].is_object() ? hosts["h1"] : Json::object();
  }
  /// "VERSION STATUS PHASE" of an agent on h1.
  std::string summary(const std::string& name) const {
    const Json agent = seen(name);
    return agent.value("version", "") + " " + agent.value("status", "") + " " +
           agent.value("update", Json::object()).value("phase", "");
  }
  std::string error(const std::string& name) const { return seen(name).value("update", Json::object()).value("error", ""); }

  /// Waits until ops-meta has this summary of an agent, and expects that the agent's error contains `words`.
  void expect_seen(const std::string& name, const std::string& expected, const std::string& words, seconds patience) const {
    EXPECT_TRUE(eventually([&] { return summary(name) == expected; }, patience))
        << name << " is " << summary(name) << ", expected " << expected << "; " << error(name);
    EXPECT_NE(error(name).find(words), std::string::npos) << name << ": " << error(name);
  }

  /// Kills the good agent and waits until the updater has restarted it. An idle machine takes two intervals.
  void expect_good_agent_comes_back() const {
    const pid_t before = host.agent_pid("good", "1.0.0");
    ASSERT_GT(before, 0);
    send_signal(before, SIGKILL);
    EXPECT_TRUE(eventually([&] {
      const pid_t now = host.agent_pid("good", "1.0.0");
      return now > 0 && now != before;
    }));
  }

  std::map<std::string, std::string> files;
  std::set<std::string> is_faulty;
  FakeServer tarballs{[this](const FakeRequest& request, const FakePeer& peer) {
    const auto found = files.find(request.target);
    peer.send(found == files.end() ? http_reply(404, "") : found->second);
  }};
  RunningMeta meta;
  UpdaterBox host{meta.address(), quick()};
};

/// A thread that measures the longest time between two heartbeats of h1.
class HeartbeatWatch {
 public:
  explicit HeartbeatWatch(const MetaBox& meta)
      : thread_([&meta, this](const std::stop_token& over) {
          eventually([&] { return note_silence(meta) || over.stop_requested(); }, seconds(300));
        }) {}

  /// Seconds. Ends the thread.
  int64_t longest_silence() {
    thread_ = {};
    return longest_;
  }

 private:
  bool note_silence(const MetaBox& meta) {
    const Json host = Json::parse(meta.get("/status/host/h1").body, nullptr, false);
    if (host.is_object() && host.contains("heardAt"))
      longest_ = std::max(longest_, std::time(nullptr) - host["heardAt"].get<int64_t>());
    return false;
  }

  int64_t longest_ = 0;
  std::jthread thread_;
};

TEST_F(FaultyControl, OfAnUpgradeIsRolledBackAndHarmsNoOtherAgent) {
  std::vector<TestAgent> before = {agent("good", "1.0.0")};
  std::vector<TestAgent> after = before;
  std::vector<FaultyScript> all = failing_scripts();
  for (const FaultyScript& odd : odd_scripts()) all.push_back(odd);
  for (const FaultyScript& script : all) {
    publish(script.name, "1.0.0", demo_agent_tarball());
    publish_faulty(script);
    before.push_back(agent(script.name, "1.0.0"));
    after.push_back(agent(script.name, "2.0.0"));
  }
  ASSERT_TRUE(meta.assign(before)) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  for (const TestAgent& agent : before) expect_seen(agent.name, "1.0.0 started ", "", seconds(120));

  HeartbeatWatch watch(meta);
  ASSERT_TRUE(meta.assign(after));
  ASSERT_TRUE(eventually([&] { return summary("hangs-in-status") == "1.0.0 started switching"; }));
  for (int i = 0; i < 3; ++i) expect_good_agent_comes_back();
  for (const FaultyScript& script : failing_scripts()) {
    expect_seen(script.name, "1.0.0 started rolled-back", script.words, seconds(120));
    EXPECT_EQ(host.version(script.name), "1.0.0");
    EXPECT_GT(host.agent_pid(script.name, "1.0.0"), 0) << script.name << " 1.0.0 does not run";
  }
  for (const FaultyScript& script : odd_scripts()) expect_seen(script.name, "2.0.0 started ", "", seconds(120));
  EXPECT_TRUE(meta.receives_heartbeats(3));
  EXPECT_EQ(summary("exits-1"), "1.0.0 started rolled-back");
  for (const FaultyScript& script : all) EXPECT_EQ(fetches(script.name), 1U) << script.name;
  EXPECT_LT(watch.longest_silence(), 30) << "the scripts that hang take minutes together";
  EXPECT_EQ(summary("good"), "1.0.0 started ");
}

TEST_F(FaultyControl, OfAFirstInstallIsStoppedAndLatched) {
  std::vector<TestAgent> agents = {agent("good", "1.0.0")};
  std::vector<FaultyScript> scripts;
  for (const FaultyScript& script : failing_scripts()) {
    if (script.name == "prints-1-gb" || script.name == "spawns-1000") continue;  // slow, and covered by the other test
    scripts.push_back(script);
    publish_faulty(script);
    agents.push_back(agent(script.name, "2.0.0"));
  }
  ASSERT_TRUE(meta.assign(agents)) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  expect_seen("good", "1.0.0 started ", "", seconds(120));
  expect_good_agent_comes_back();
  for (const FaultyScript& script : scripts) {
    EXPECT_TRUE(eventually([&] { return summary(script.name).ends_with(" failed"); }, seconds(120)))
        << script.name << " is " << summary(script.name) << error(script.name);
    EXPECT_NE(error(script.name).find(script.words), std::string::npos) << error(script.name);
  }
  EXPECT_TRUE(meta.receives_heartbeats(3));
  EXPECT_EQ(summary("exits-1"), "2.0.0 stoped failed");
  for (const FaultyScript& script : scripts) EXPECT_EQ(fetches(script.name), 1U) << script.name;
}

TEST_F(FaultyControl, OfAnOldVersionThatDoesNotStopLeavesThatVersionRunning) {
  publish("stubborn", "1.0.0",
          make_agent_tarball(demo_but("[[ ${1:-} == stop ]] && { echo 'not me' >&2; exit 1; }"),
                             {{"agent", demo_agent_file("agent")}}));
  publish("stubborn", "2.0.0", demo_agent_tarball());
  ASSERT_TRUE(meta.assign({agent("stubborn", "1.0.0"), agent("good", "1.0.0")})) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  expect_seen("stubborn", "1.0.0 started ", "", seconds(120));
  const pid_t pid = host.agent_pid("stubborn", "1.0.0");

  ASSERT_TRUE(meta.assign({agent("stubborn", "2.0.0"), agent("good", "1.0.0")}));
  const std::string words =
      "the old version is left as it is: 1.0.0 did not stop: exec `./control stop` fail: exit status 1: not me";
  expect_seen("stubborn", "1.0.0 started waiting", words, seconds(120));
  EXPECT_NE(host.log().find(words), std::string::npos) << host.log();
  EXPECT_TRUE(meta.receives_heartbeats(2));
  EXPECT_EQ(host.agent_pid("stubborn", "1.0.0"), pid);
  EXPECT_EQ(host.running("stubborn"), std::vector<std::string>{"1.0.0"});
  EXPECT_EQ(host.version("stubborn"), "1.0.0");
  EXPECT_EQ(fetches("stubborn"), 1U);
  expect_good_agent_comes_back();
  send_signal(pid, SIGKILL);
}

TEST_F(FaultyControl, WithASlowStatusCausesOneDownloadOnly) {
  const std::string slow = demo_but("[[ ${1:-} == status ]] && sleep 1.1");
  const std::string program = demo_agent_file("agent");
  publish("slow", "1.0.0", make_agent_tarball(slow, {{"agent", program}}));
  publish("slow", "2.0.0", make_agent_tarball(slow, {{"agent", program}, {"mark", "two"}}));
  ASSERT_TRUE(meta.assign({agent("slow", "1.0.0")})) << meta.log();
  ASSERT_TRUE(host.start()) << host.log();
  expect_seen("slow", "1.0.0 started ", "", seconds(120));
  ASSERT_TRUE(meta.assign({agent("slow", "2.0.0")}));
  expect_seen("slow", "2.0.0 started ", "", seconds(120));
  EXPECT_EQ(fetches("slow"), 1U);
}

}  // namespace
}  // namespace ops::tests
