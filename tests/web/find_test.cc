// The list of hosts on the page: its filters, and the address that keeps them.

#include "tests/web/page_fixture.h"

namespace ops::tests {
namespace {

using Json = nlohmann::json;

struct HostFilters : Page {
  HostFilters() {
    EXPECT_TRUE(meta.assign({{"a", "1"}, {"b", "1"}})) << meta.log();
    report("bj-1", {{"a", "1", "started"}});
    report("bj-2", {{"a", "1", "stoped"}});
    report("lg-1", {{"a", "2", "started"}}, {{"a", "1", "rolled-back", 0, 0, 1, 0, "it died"}});
    report("lg-2", {{"b", "1", "started"}});
  }

  void set(const std::string& field, const std::string& value) {
    browser.run(
        "const field = document.querySelector('#by-' + arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event('input', {bubbles: true}))",
        {field, value});
  }
  /// Waits until the list has exactly these hosts.
  void expect_hosts(const Json& names) {
    const std::string script = "return [...document.querySelectorAll('#hosts tbody th')].map((name) => name.innerText)";
    EXPECT_TRUE(eventually([&] { return browser.run(script) == names; })) << browser.run(script) << " is not " << names;
  }
  std::string value(const std::string& field) {
    return browser.run("return document.querySelector('#by-' + arguments[0]).value", {field});
  }
};

TEST_F(HostFilters, FindHostsByNameAgentVersionStatusAndUpdate) {
  ASSERT_TRUE(browser.is_open());
  browser.resize(1440, 900);
  browser.open(url());
  expect_hosts({"bj-1", "bj-2", "lg-1", "lg-2"});
  expect_shown("#by-agent", "b");
  EXPECT_EQ(browser.run("return document.querySelector('#by-version').disabled"), true) << "no agent is chosen";
  set("agent", "a");
  expect_hosts({"bj-1", "bj-2", "lg-1"});
  set("version", "1");
  expect_hosts({"bj-1", "bj-2"});
  set("status", "stopped");
  expect_hosts({"bj-2"});
  EXPECT_EQ(browser.run("return location.hash"), "#hosts?agent=a&version=1&status=stopped");
  save_screenshot("filters");
  set("status", "");
  set("version", "");
  set("phase", "rolled-back");
  expect_hosts({"lg-1"});
  set("prefix", "bj");
  expect_hosts(Json::array());
  expect_shown("#shown", "No host matches these filters");
  set("agent", "");
  expect_hosts({"bj-1", "bj-2"});
  EXPECT_EQ(browser.run("return location.hash"), "#hosts?prefix=bj");
  expect_well_behaved();
}

TEST_F(HostFilters, AreInTheAddress) {
  ASSERT_TRUE(browser.is_open());
  browser.open(url() + "#hosts?agent=a&status=started&prefix=l");
  expect_hosts({"lg-1"});
  EXPECT_EQ(value("agent"), "a");
  EXPECT_EQ(value("status"), "started");
  EXPECT_EQ(value("prefix"), "l");
  browser.click("#hosts tbody th a");
  expect_shown("#detail-title", "lg-1");
  browser.click("#detail a");  // all hosts
  expect_hosts({"lg-1"});
  EXPECT_EQ(browser.run("return location.hash"), "#hosts?prefix=l&agent=a&status=started") << "the way back keeps them";
  browser.open(url() + "#hosts?agent=gone");
  expect_hosts(Json::array());
  EXPECT_EQ(value("agent"), "gone");
}

TEST_F(HostFilters, FitOnAPhone) {
  ASSERT_TRUE(browser.is_open());
  browser.resize(390, 1100);
  browser.open(url() + "#hosts?agent=a");
  expect_hosts({"bj-1", "bj-2", "lg-1"});
  EXPECT_LE(browser.run("return document.documentElement.scrollWidth").get<int>(), 390);
  browser.run("document.querySelector('#hosts').scrollIntoView()");
  save_screenshot("filters-phone");
}

}  // namespace
}  // namespace ops::tests
