#include "meta/reports/sample_list.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ops::tests {
namespace {

using Json = nlohmann::json;
using meta::Samples;

HttpRequest with(const std::string& key, const std::string& value) {
  HttpRequest request{"GET", "/history"};
  request.query = {{key, value}};
  return request;
}

struct SampleList : testing::Test {
  SampleList() {
    samples.add({100, 0, 0}, 990);
    samples.add({100, 2, 10}, 1000);
    samples.add({100, 0, 20, {"a"}, {{"a", {{"1", {99, 0}}, {"\"2\"", {1, 3}}}}}}, 1010);
    samples.add({101, 0, 30, {"a"}, {{"a", {{"1", {98, 0}}, {"\"2\"", {2, 4}}}}}}, 4600);
  }
  Json list(const meta::SampleQuery& query) const { return Json::parse(to_json(samples, query, 4600, 1'447'004'600)); }
  Samples samples;
};

TEST_F(SampleList, OfTheFleetShowsWallTimes) {
  EXPECT_EQ(list({}), Json::parse(R"({"now": 1447004600, "agents": ["a"],
    "fleet": {"times": [1447001000, 1447001010, 1447004600], "hosts": [100, 100, 101], "silent": [2, 0, 0],
      "heartbeats": [60, 60, 0]}})"));
}

TEST_F(SampleList, OfAnAgentHasNullBeforeItsFirstSample) {
  EXPECT_EQ(list({"a"}), Json::parse(R"({"now": 1447004600, "agent": "a", "times": [1447001000, 1447001010, 1447004600],
    "versions": {"1": {"hosts": [null, 99, 98], "failed": [null, 0, 0]},
      "\"2\"": {"hosts": [null, 1, 2], "failed": [null, 3, 4]}}})"));
  EXPECT_EQ(list({"constructor"}).at("versions"), Json::object());
}

TEST_F(SampleList, EndsAtTheHoursThatWereAskedFor) {
  EXPECT_EQ(list({"", 1}).at("fleet").at("times"), Json({1'447'001'010, 1'447'004'600}));
  EXPECT_EQ(meta::sample_query(with("hours", "24"))->hours, 24);
  EXPECT_EQ(meta::sample_query(with("agent", "a"))->hours, 168);
  for (const char* hours : {"0", "169", "-1", "1.5", "x", "99999999999999999999"}) {
    const auto query = meta::sample_query(with("hours", hours));
    ASSERT_FALSE(query) << hours;
    EXPECT_EQ(query.error().message, "hours is \"" + std::string(hours) + "\", expected a number from 1 to 168");
  }
}

}  // namespace
}  // namespace ops::tests
