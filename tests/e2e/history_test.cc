// The samples for the pictures of the page: /history and var/samples, with a real ops-meta.

#include "tests/e2e/reports_fixture.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Json = nlohmann::json;

struct History : Reports {
  Json history(const std::string& query = "") const { return Json::parse(meta.get("/history" + query).body); }
  /// Waits for a sample in which so many hosts have version 2.
  bool shows(int hosts) const {
    return eventually([&] {
      const Json versions = history("?agent=a").at("versions");
      return versions.contains("2") && versions.at("2").at("hosts").back() == hosts;
    });
  }
};

TEST_F(History, ShowsARolloutAndSurvivesARestart) {
  start("1");
  for (int i = 1; i <= 4; ++i) report(host(i), "1");
  assign("2", R"({"soak": 0})");
  EXPECT_EQ(report(host(1), "1"), "2");
  report(host(2), "1", update("2", "rolled-back", "it died"));
  ASSERT_TRUE(shows(0)) << history("?agent=a");
  report(host(1), "2");
  ASSERT_TRUE(shows(1)) << history("?agent=a");
  const Json before = history("?agent=a");
  EXPECT_EQ(before.at("versions").at("1").at("hosts").back(), 3);
  EXPECT_EQ(before.at("versions").at("2").at("failed").back(), 1);
  const Json fleet = history();
  EXPECT_EQ(fleet.at("agents"), Json({"a"}));
  EXPECT_EQ(fleet.at("fleet").at("hosts").back(), 4);
  EXPECT_EQ(fleet.at("fleet").at("silent").back(), 0);
  const Json heartbeats = fleet.at("fleet").at("heartbeats");
  EXPECT_GT(*std::max_element(heartbeats.begin(), heartbeats.end()), 0) << fleet;

  EXPECT_EQ(meta.process().stop(), 0);
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  const Json after = history("?agent=a");
  EXPECT_EQ(after.at("times").at(0), before.at("times").at(0));
  EXPECT_GE(after.at("times").size(), before.at("times").size());
  EXPECT_EQ(after.at("versions").at("2").at("hosts").at(before.at("times").size() - 1), 1);

  EXPECT_EQ(meta.process().stop(), 0);
  write_file(meta / "var/samples", "garbage");
  ASSERT_TRUE(meta.Box::start()) << meta.log();
  EXPECT_TRUE(contains(meta.log(), "var/samples is ignored, so the pictures begin now: it has no samples")) << meta.log();
  EXPECT_EQ(history("?agent=a").at("versions"), Json::object());
  EXPECT_EQ(meta.get("/history?hours=0").status, 400);
}

}  // namespace
}  // namespace ops::tests
