// The pictures of the page: the hosts on each version over time, and the fleet's heartbeats and silent hosts.

#include <algorithm>
#include <cmath>

#include "common/base/text.h"
#include "meta/events/event_log.h"
#include "meta/reports/samples_file.h"
#include "tests/web/page_fixture.h"

namespace ops::tests {
namespace {

using Json = nlohmann::json;
using meta::Figures;

constexpr char kArrowLeft[] = "\uE012";  // WebDriver's key codes
constexpr char kEnd[] = "\uE010";
constexpr uint32_t kHosts = 10'000;
constexpr int64_t kHour = 3600;

/// Hosts after so much of `time`, by a growth that doubles.
uint32_t grown(int64_t since, int64_t time) {
  if (since < 0) return 0;
  const double share = static_cast<double>(since) / static_cast<double>(time);
  return since >= time ? kHosts : static_cast<uint32_t>(std::pow(kHosts, share));
}

/// The last day of a fleet: a bad release 4 hours ago, which halts on 300 hosts, and a good one 3 hours ago.
struct Pictures : Page {
  Pictures() {
    EXPECT_EQ(meta.process().stop(), 0);
    const int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    const int64_t bad = now - 4 * kHour;
    meta::Samples samples;
    for (int64_t time = now - 25 * kHour; time < now; time += 10) {
      Figures figures{kHosts, 3, static_cast<uint64_t>(time / 10 * 333), {"falcon-agent"}, {}};
      if (time > bad - 6 * kHour && time < bad - 5 * kHour) figures.silent = 400;
      const uint32_t failed = time < bad || time > bad + kHour ? 0 : std::min(300u, grown(time - bad, kHour / 2));
      const uint32_t good = grown(time - (bad + kHour), 2 * kHour);
      const uint32_t bad_hosts = failed > 0 ? 25 : 0;
      figures.agents["falcon-agent"] = {
          {"5.1.2", {kHosts - good - bad_hosts, 0}}, {"5.2.0", {bad_hosts, failed}}, {"5.2.1", {good, 0}}};
      samples.add(figures, time);
    }
    EXPECT_TRUE(meta::save_samples(samples.state(), meta / "var/samples", now, now));
    std::string lines;
    const auto event = [&](meta::EventKind kind, int64_t time, const std::string& text) {
      meta::append_json(lines, {kind, "falcon-agent", "5.2.0", "", "root", text, time, time * 1'000'000});
      lines += '\n';
    };
    event(meta::EventKind::reload, bad, "falcon-agent changes from 5.1.2 to 5.2.0 on 10,000 hosts");
    event(meta::EventKind::halt, bad + kHour / 2, "falcon-agent 5.2.0 is halted: <b>300 of 325 hosts failed</b>");
    event(meta::EventKind::reload, bad + kHour, "falcon-agent changes from 5.2.0 to 5.2.1 on 10,000 hosts");
    write_file(meta / "var/events", lines);
    EXPECT_TRUE(meta.Box::start()) << meta.log();
  }

  std::string told() { return browser.attribute(svg, "aria-valuetext"); }
  Json count(const std::string& selector) {
    return browser.run("return document.querySelectorAll(arguments[0]).length", {selector});
  }
  Json width() { return browser.run("return document.documentElement.scrollWidth"); }

  const std::string agent = "figure[data-key='agent falcon-agent']";
  const std::string svg = agent + " svg";
};

TEST_F(Pictures, ShowVersionsFailuresAndMarks) {
  ASSERT_TRUE(browser.is_open());
  browser.resize(1440, 1000);
  browser.open(url());
  expect_shown(agent, "Hosts on each version");
  EXPECT_EQ(count(svg + " path.area"), 4) << "three versions, and the failures";
  EXPECT_EQ(count(svg + " line.reload"), 2);
  EXPECT_EQ(count(svg + " line.halt"), 1);
  EXPECT_EQ(browser.run("return document.querySelector(arguments[0]).textContent", {svg + " line.halt title"})
                .get<std::string>()
                .substr(20),
            "falcon-agent 5.2.0 is halted: <b>300 of 325 hosts failed</b>");
  EXPECT_NE(told().find(": failed 0, 5.2.1 10,000, 5.2.0 0, 5.1.2 0"), std::string::npos) << told();
  const Json box = browser.run("const box = document.querySelector(arguments[0]).getBBox(); return [box.width, box.height]",
                               {svg + " path.v0"});
  EXPECT_GT(box[0].get<double>(), 800) << "the area of the oldest version";
  EXPECT_GT(box[1].get<double>(), 100);
  // The upper edge comes first in the path. At its end, no host has 5.1.2, so it lies on the 10,000 hosts of 5.2.1.
  const Json edge = browser.run(
      "const path = document.querySelector(arguments[0]).getAttribute('d').slice(1).split('Z')[0];"
      "const heights = path.split('L').map((point) => Number(point.split(' ')[1]));"
      "return [Math.min(...heights), heights[heights.length / 2 - 1]]",
      {svg + " path.v0"});
  EXPECT_EQ(edge[0], edge[1]) << "the areas stand one on the other";
  expect_shown("figure[data-key='fleet']", "Heartbeats a minute");
  EXPECT_EQ(count("figure[data-key='fleet'] path.area"), 2);
  expect_well_behaved();
}

TEST_F(Pictures, AreReadWithTheKeyboardAndAsATable) {
  ASSERT_TRUE(browser.is_open());
  browser.resize(1440, 1000);
  browser.open(url());
  expect_shown(agent, "Hosts on each version");
  browser.run("document.querySelector(arguments[0]).focus()", {svg});
  const std::string last = told();
  browser.press(kArrowLeft);
  EXPECT_NE(told(), last);
  const std::string before = told();
  const std::string freshness = browser.text("#freshness");
  EXPECT_TRUE(eventually([&] { return browser.text("#freshness") != freshness; }));
  EXPECT_EQ(told(), before) << "the cursor survives a refresh";
  EXPECT_EQ(browser.run("return document.activeElement.nodeName"), "svg");
  browser.press(kEnd);
  EXPECT_NE(told(), before);
  browser.run("document.querySelector(arguments[0]).open = true", {agent + " details"});
  EXPECT_NE(browser.text(agent + " thead").find("5.2.0"), std::string::npos);
  EXPECT_GT(count(agent + " tbody tr").get<int>(), 20);
  EXPECT_LE(count(agent + " tbody tr").get<int>(), 48);
  EXPECT_NE(browser.text(agent + " .marks").find("<b>300 of 325 hosts failed</b>"), std::string::npos);
}

TEST_F(Pictures, ShowTheChosenHours) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url());
  expect_shown(agent, "5.1.2");
  browser.run("const one = document.querySelector('#hours'); one.value = '1'; one.dispatchEvent(new Event('change'))");
  EXPECT_TRUE(eventually([&] { return count(svg + " path.area") == 2; })) << "5.2.1 and the failures";
  EXPECT_EQ(count(svg + " line.halt, " + svg + " line.reload"), 0);
}

TEST_F(Pictures, FitAnyWidthInLightAndDark) {
  ASSERT_TRUE(browser.is_open());
  for (const bool is_dark : {false, true}) {
    browser.set_dark(is_dark);
    for (const int width : {1440, 800, 390}) {
      browser.resize(width, 1100);
      browser.open(url());
      expect_shown(agent, "Hosts on each version");
      EXPECT_LE(this->width().get<int>(), width);
      const Json size = browser.run("return document.querySelector(arguments[0]).clientWidth", {svg});
      EXPECT_GT(size.get<int>(), width < 1000 ? width * 8 / 10 : 1000);
      browser.run("document.querySelector('#pictures-title').scrollIntoView()");
      save_screenshot(cat("pictures-", width, is_dark ? "-dark" : "-light"));
    }
  }
}

TEST_F(Page, DrawsTheFirst12AgentsAndSaysSo) {
  ASSERT_TRUE(browser.is_open());
  EXPECT_EQ(meta.process().stop(), 0);
  const int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  meta::Samples samples;
  for (int64_t time = now - 60; time < now; time += 10) {
    Figures figures{10, 0, 0, {}, {}};
    for (int i = 10; i < 23; ++i) {
      figures.under_way.insert(cat("agent-", i));
      figures.agents[cat("agent-", i)] = {{"1", {10, 0}}};
    }
    samples.add(figures, time);
  }
  ASSERT_TRUE(meta::save_samples(samples.state(), meta / "var/samples", now, now));
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  browser.open(url());
  expect_shown("#pictures-note", "The first 12 of 13 agents.");
  EXPECT_EQ(browser.run("return document.querySelectorAll('#pictures figure').length"), 13) << "12 agents and the fleet";
}

TEST_F(Page, SaysThatThePictureOfANewFleetBeginsSoon) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url());
  expect_shown("#pictures", "Fleet");
  expect_shown("#pictures", "Silent hosts");  // with the second sample
}

}  // namespace
}  // namespace ops::tests
