#include "meta/standby/follower.h"

#include <gtest/gtest.h>

namespace ops::meta {
namespace {

TEST(Following, OfAnOldStateIsNoBaseForAPromotion) {
  const auto fault = [](int64_t silent) { return Following{nullptr, 7, true, std::chrono::seconds(silent)}.age_fault(); };
  EXPECT_EQ(fault(0), "");
  EXPECT_EQ(fault(599), "");
  EXPECT_NE(fault(600).find("is 600 s old"), std::string::npos) << fault(600);
  EXPECT_NE(fault(600).find("--old-state"), std::string::npos) << fault(600);
}

TEST(Following, SaysHowFarItIsBehind) {
  const auto assignments = assignments_in(R"({"http": {}, "agents": []})");
  EXPECT_EQ((Following{assignments, 7, true, std::chrono::seconds(1)}.text("m1:2000")), "stands by m1:2000, 1 s behind");
  EXPECT_EQ((Following{assignments, 7, false, std::chrono::seconds(29)}.text("m1:2000")),
            "stands by m1:2000, not reached for 29 s");
  EXPECT_EQ((Following{assignments, 7, true, std::chrono::seconds(30)}.text("m1:2000")),
            "stands by m1:2000, frozen: it has been silent for 30 s");
  EXPECT_FALSE((Following{nullptr, 0, false, std::chrono::seconds(99)}.is_frozen())) << "there are no agents to name";
}

}  // namespace
}  // namespace ops::meta
