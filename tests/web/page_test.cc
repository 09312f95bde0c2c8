// Opens ops-meta's page in a real browser, with a real ops-meta and a simulated fleet. Leaves build/screenshots.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <thread>

#include "meta/hosts/host_snapshot.h"
#include "meta/hosts/host_table.h"
#include "tests/fleet/fleet.h"
#include "tests/support/measure.h"
#include "tests/web/page_fixture.h"

namespace ops::tests {
namespace {

using namespace ops::fleet;
using Json = nlohmann::json;

constexpr char kTab[] = "\uE004";  // WebDriver's key codes
constexpr char kEnter[] = "\uE007";

/// Seconds that the work takes: the first time below `limit`, or the shortest of 5, because the machine may be busy.
double shortest_time(double limit, const std::function<void()>& work) {
  double best = seconds_of(work);
  for (int tries = 1; best >= limit && tries < 5; ++tries) best = std::min(best, seconds_of(work));
  return best;
}

/// A simulated fleet of hosts that run three agents. An update fails on every tenth host.
struct FleetPage : Page {
  void begin(uint32_t hosts, double interval) {
    ASSERT_TRUE(assign("5.1.2", "1.4.0"));
    FleetOptions options;
    options.target = *parse_target(meta.address());
    options.hosts.hosts = hosts;
    options.hosts.unwell = 0;
    options.hosts.update_time = 0.3;
    options.hosts.probation = 0.3;
    options.hosts.fail = {10};
    options.spread = kSanitized ? 10 : 2;
    options.interval = interval;
    options.duration = 600;
    options.stop = &stop_;
    fleet_ = std::thread([options] { run_fleet(options); });
    const std::string all = "\nops_meta_hosts " + std::to_string(hosts) + "\n";
    ASSERT_TRUE(eventually([&] { return meta.get("/metrics").body.find(all) != std::string::npos; }, seconds(90)))
        << meta.log();
    ASSERT_TRUE(browser.is_open());
  }
  ~FleetPage() override {
    stop_ = true;
    if (fleet_.joinable()) fleet_.join();
  }

  /// Restarts ops-meta with a saved host table of `count` hosts.
  bool restart_with(uint32_t count) {
    meta.process().stop();
    meta::HostTable hosts;
    const auto now = std::chrono::system_clock::now();
    const Hosts names({});
    const std::vector<RealAgent> agents{
        {"falcon-agent", "5.1.2", "started"}, {"naming-agent", "1.4.0", "started"}, {"deploy-agent", "2.0.7", "started"}};
    for (uint32_t i = 0; i < count; ++i) {
      if (!hosts.record({names.name(i), agents, {}, "1.0.0", "linux_amd64"}, now)) return false;
    }
    return meta::save_hosts(hosts, meta / "var/hosts.table", now, now) && meta.Box::start();
  }

  /// Assigns these versions. Failures never halt the rollout of naming-agent.
  bool assign(const std::string& falcon, const std::string& naming) {
    const std::string patient = R"(, "rollout": {"maxFailureRate": 100})";
    return meta.assign(
        {{"falcon-agent", falcon}, {"naming-agent", naming, "start", "", "", patient}, {"deploy-agent", "2.0.7"}});
  }

  std::atomic<bool> stop_ = false;
  std::thread fleet_;
};

TEST_F(FleetPage, ShowsTheFleetAndFindsAHost) {
  constexpr uint32_t kHosts = kSanitized ? 5'000 : 100'000;
  ASSERT_TRUE(browser.is_open());
  ASSERT_TRUE(assign("5.1.2", "1.4.0"));
  ASSERT_TRUE(restart_with(kHosts)) << meta.log();
  const double until_shown = shortest_time(kAtOnce, [&] {
    browser.open(url());
    expect_shown("#fleet", kSanitized ? "5,000" : "100,000");
  });
  expect_shown("#shown", "Page 1: 50 hosts");
  EXPECT_EQ(browser.run("return document.querySelectorAll('#hosts tbody').length"), 50);
  browser.click("#next");
  expect_shown("#shown", "Page 2: 50 hosts");
  uint32_t host = 4320;
  std::string name;
  const double until_found = shortest_time(kAtOnce / 2, [&] {
    name = Hosts({}).name(++host);
    browser.run("document.querySelector('#by-prefix').value = ''");
    browser.type("#by-prefix", name);
    expect_shown("#hosts tbody", name);
  });
  std::cout << kHosts << " hosts are shown after " << until_shown << " s, one is found after " << until_found << " s\n";
  EXPECT_LT(until_shown, kAtOnce);
  EXPECT_LT(until_found, kAtOnce / 2);
  browser.click("#hosts tbody th a");
  expect_shown("#detail-title", name);
  expect_shown("#host", "falcon-agent");
  expect_shown("#explanation", "Assigned\n5.1.2, start");
  save_screenshot("host");
  expect_well_behaved();
}

TEST_F(FleetPage, ShowsTheProgressOfRollouts) {
  begin(2'000, 2);
  browser.resize(1280, 1000);
  browser.open(url());
  expect_shown("[data-key=naming-agent]", "1.4.0");
  ASSERT_TRUE(assign("5.2.0", "1.5.0"));
  const auto running = [&] {
    const std::string number = browser.attribute("[data-key=naming-agent] [data-key='1.5.0'] .bar", "aria-valuenow");
    return number.empty() ? 0 : std::stoi(number);
  };
  EXPECT_TRUE(eventually([&] { return running() > 0; }, seconds(60)));
  const int before = running();
  EXPECT_TRUE(eventually([&] { return running() > before; }, seconds(60))) << before;
  expect_shown("[data-key=falcon-agent] [data-key='5.2.0']", "HALTED");
  expect_shown("[data-key=falcon-agent] .why", "Halted: ");
  expect_shown("[data-key=falcon-agent] details", "it did not stay started for its probation");
  browser.click("[data-key=falcon-agent] summary");
  const auto is_open = [&] { return browser.run("return document.querySelector('[data-key=falcon-agent] details').open"); };
  EXPECT_EQ(is_open(), true);
  const std::string before_refresh = browser.text("#freshness");
  EXPECT_TRUE(eventually([&] { return browser.text("#freshness") != before_refresh; }));
  EXPECT_EQ(is_open(), true) << "after a refresh";
  save_screenshot("light");
  browser.set_dark(true);
  save_screenshot("dark");
  browser.resize(360, 740);
  save_screenshot("phone");
  browser.click("[data-key=falcon-agent] details a");
  expect_shown("#host .update", "\u2715 rolled-back 5.2.0");
  expect_well_behaved();
}

TEST_F(Page, ShowsReportsOfHostsAsText) {
  ASSERT_TRUE(browser.is_open());
  const std::string bad = R"(<script>window.hacked=1</script>"><img/src=x/onerror="window.hacked=1">)";
  const std::string agent = "falcon-agent";
  report(bad, {{agent, "1", bad, 0}}, {{agent, "2", "failed", -1, INT64_MAX, INT64_MAX, INT64_MAX, bad}});
  report(std::string(253, 'w'), {{agent, "1", std::string(512, 'W'), 0}, {"constructor", "constructor", "started", 0}});
  browser.resize(360, 740);
  browser.open(url());
  expect_shown("#shown", "2 hosts");
  EXPECT_EQ(browser.text("#hosts tbody th"), bad);
  EXPECT_EQ(browser.text("#hosts tbody .said"), bad);
  EXPECT_EQ(browser.text("#hosts tbody .update .said"), bad);
  EXPECT_LE(browser.run("return document.documentElement.scrollWidth").get<int>(), 360) << "nothing is cut off on a phone";
  save_screenshot("hostile");
  browser.click("#hosts tbody th a");
  expect_shown("#host", bad);
  EXPECT_EQ(browser.text("#detail-title"), bad);
  EXPECT_EQ(browser.run("return [window.hacked ?? 0, document.scripts.length, document.images.length]"), Json({0, 6, 0}));
  expect_well_behaved();
}

TEST_F(Page, NamesHostsThatDieLateBesideTheOtherHosts) {
  ASSERT_TRUE(meta.assign({{"falcon-agent", "2.0.0"}}));
  const auto beat = [&](const char* host, const char* version, const char* status, std::vector<AgentUpdate> updates = {}) {
    HeartbeatRequest heartbeat{host, {{"falcon-agent", version, status, 0}}, std::move(updates), "1.1.0", "linux_amd64"};
    heartbeat.interval = 300;
    EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", to_json(heartbeat)).status, 200);
  };
  beat("h1", "1.0.0", "started");
  beat("h2", "1.0.0", "started");
  beat("h1", "2.0.0", "started", {{"falcon-agent", "2.0.0", "probation"}});
  beat("h1", "2.0.0", "started");
  browser.open(url());
  expect_shown("#rollouts", "1 soak");
  beat("h1", "2.0.0", "stoped");
  beat("h1", "2.0.0", "stoped");
  expect_shown("#rollouts", "1 died later");
  expect_shown("#rollouts", "died later: h1; other hosts: 0 of 1");
  expect_well_behaved();
}

TEST_F(Page, NamesTheNextStepBeforeAnyHostReports) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url());
  expect_shown("#shown", "No host has reported yet. Start ops-updater on a host with \"server\": \"" + meta.address() +
                             "\"; it reports within 5 s.");
  save_screenshot("empty");
  report("h1");
  expect_shown("#shown", "Page 1: 1 host");
}

TEST_F(Page, NamesClientsWhoseHeartbeatsAreRefused) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url());
  expect_shown("#fleet", "Refused\nnone\nheartbeats in the last hour");
  EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":"<b>h1</b>","realAgents":7})").status, 400);
  expect_shown("#fleet", "Refused\n1\n127.0.0.1");
  browser.click("#fleet summary");
  expect_shown("#fleet details", "s ago: host <b>h1</b>: 400, body format error");
  save_screenshot("refused");
  expect_well_behaved();
}

TEST_F(Page, ShowsADangerousChangeOfTheConfigForAnHour) {
  ASSERT_TRUE(meta.assign({{"a", "1"}}));
  report("h1", {{"a", "1", "started"}});
  report("h2", {{"a", "1", "started"}});
  browser.open(url());
  expect_shown("#fleet", "Hosts");
  EXPECT_EQ(browser.text("#change"), "");
  ASSERT_TRUE(meta.assign({{"a", "1", "stop"}}));
  expect_shown("#change", "a stops on 2 hosts, like h1, h2");
  browser.open(url());  // as by a reload of the page
  expect_shown("#change", "a stops on 2 hosts, like h1, h2");
  expect_well_behaved();
  save_screenshot("change");
}

TEST_F(Page, ShowsWhatHappenedAndFiltersByAgent) {
  ASSERT_TRUE(browser.is_open());
  ASSERT_TRUE(meta.assign({{"a", "1"}, {"b", "1"}}));
  const std::string bad = "<img/src=x/onerror=\"window.hacked=1\">";
  report("h1", {{"a", "0", "started"}}, {{"a", "1", "rolled-back", 0, 0, 1, 0, bad}});
  report("h2", {{"b", "0", "started"}});
  browser.open(url());
  expect_shown("#events", "a 1 is rolled-back on h1: " + bad);
  expect_shown("#events", "b 1: the rollout begins with h1; 0 hosts run it");
  expect_shown("#events", "(root)");
  browser.run("const one = document.querySelector('#of-agent'); one.value = 'b'; one.dispatchEvent(new Event('change'))");
  EXPECT_TRUE(eventually([&] { return browser.text("#events").find("a 1 is") == std::string::npos; }));
  expect_shown("#events", "b 1: the rollout begins with h1");
  EXPECT_EQ(browser.run("return document.querySelector('#of-agent').value"), "b");
  EXPECT_EQ(browser.run("return [window.hacked ?? 0, document.images.length]"), Json({0, 0}));
  save_screenshot("events");
  expect_well_behaved();
}

TEST_F(Page, ScriptsBelowTarballDirDoNotRun) {
  ASSERT_TRUE(browser.is_open());
  write_file(meta / "tarball/site/index.html",
             "<!doctype html><title>harmless</title><p id=text>read me</p>"
             "<script>document.title = 'hacked'; fetch('/status/summary')</script>");
  browser.open(url() + "site/");
  expect_shown("#text", "read me");
  EXPECT_EQ(browser.run("return document.title"), "harmless");
  for (const std::string& request : browser.requests()) EXPECT_EQ(request.find("/status/"), std::string::npos) << request;
}

TEST_F(Page, KeepsTheLastStateWhenOpsMetaDoesNotAnswer) {
  ASSERT_TRUE(browser.is_open());
  report("h1");
  browser.open(url());
  expect_shown("#shown", "1 host");
  expect_well_behaved();
  meta.process().stop();
  expect_shown("#trouble", "ops-meta does not answer. This page shows its last answer, of ");
  EXPECT_EQ(browser.text("#hosts tbody th"), "h1") << "the last state stays visible";
  save_screenshot("no-answer");
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_TRUE(eventually([&] { return browser.text("#trouble").empty(); }, seconds(60)));
}

TEST_F(Page, AsksForAPasswordAfterA401) {
  ASSERT_TRUE(browser.is_open());
  const auto set_password = [&](const std::string& password) {
    meta.set_http(", \"adminTokens\": [\"" + password + "\"]");
    ASSERT_TRUE(meta.assign({})) << meta.log();
  };
  set_password("one");
  browser.open("http://ann:one@" + meta.address() + "/");
  expect_shown("#fleet", "Hosts");
  EXPECT_EQ(browser.console_errors(), std::vector<std::string>{});
  set_password("two");
  expect_shown("#trouble", "ops-meta requires a password (401)");
}

TEST_F(Page, WorksWithAKeyboardAndKeepsTheFocus) {
  ASSERT_TRUE(browser.is_open());
  report("h2");
  browser.open(url());
  expect_shown("#shown", "1 host");
  browser.press(kTab);
  EXPECT_EQ(browser.run("return document.activeElement.innerText"), "Skip to the hosts");
  browser.press(kEnter);
  browser.press(kTab);
  EXPECT_EQ(browser.run("return document.activeElement.id"), "by-prefix");
  browser.press(kTab);
  EXPECT_EQ(browser.run("return document.activeElement.id"), "by-agent");
  browser.press(kTab);
  EXPECT_EQ(browser.run("return document.activeElement.innerText"), "h2");
  report("h1");  // sorted before h2
  expect_shown("#shown", "2 hosts");
  EXPECT_EQ(browser.run("return document.activeElement.innerText"), "h2");
  browser.press(kEnter);
  expect_shown("#detail-title", "h2");
  EXPECT_EQ(browser.run("return document.activeElement.id"), "detail-title") << "a screen reader continues here";
}

TEST_F(Page, SendsNoRequestsWhileHidden) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url());
  expect_shown("#fleet", "Hosts");
  const std::string hide =
      "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
      "document.dispatchEvent(new Event('visibilitychange'))";
  browser.run(hide, {true});
  EXPECT_TRUE(eventually([&] { return browser.requests().empty(); })) << "requests that were already sent";
  EXPECT_TRUE(always([&] { return browser.requests().empty(); }, seconds(4)));
  report("h1");
  browser.run(hide, {false});
  expect_shown("#shown", "1 host");
}

}  // namespace
}  // namespace ops::tests
