#include "meta/rollout/policy.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::Admission;
using meta::RolloutLimits;
using meta::RolloutReports;
using std::chrono::seconds;

TEST(Admission, FollowsTheTable) {
  struct Case {
    const char* what;
    uint32_t running, peak, failed, inflight;
    Admission expected;
  };
  constexpr auto kGo = Admission::go;
  constexpr auto kWait = Admission::wait;
  constexpr auto kHalted = Admission::halted;
  for (const Case& c : std::initializer_list<Case>{
           {"no host has it", 0, 0, 0, 0, kGo},
           {"the first host has not reported", 0, 0, 0, 1, kWait},
           {"the first host runs it", 1, 1, 0, 0, kGo},
           {"the second host has not reported", 1, 1, 0, 1, kWait},
           {"as many leases as hosts run it", 8, 8, 0, 7, kGo},
           {"not more leases than hosts run it", 8, 8, 0, 8, kWait},
           {"the peak counts, not the hosts of now", 0, 1000, 0, 999, kGo},
           {"the first host failed", 0, 0, 1, 0, kGo},
           {"the second host failed", 0, 0, 2, 0, kGo},
           {"the third host failed", 0, 0, 3, 0, kHalted},
           {"one host failed: four leases", 16, 16, 1, 3, kGo},
           {"one host failed: not more than four", 16, 16, 1, 4, kWait},
           {"one host failed, the peak is 100", 99, 100, 1, 99, kGo},
           {"one host failed: not more than the peak", 2, 2, 1, 2, kWait},
           {"3 of 60 failed: 5 %", 57, 57, 3, 0, kGo},
           {"3 of 59 failed: more than 5 %", 56, 56, 3, 0, kHalted},
           {"one in a thousand failed", 999'000, 999'000, 1000, 0, kGo},
           {"the peak does not prevent a halt", 90, 1000, 10, 0, kHalted},
           {"not more leases than parallel", 5'000'000, 5'000'000, 0, 1'000'000, kWait},
       }) {
    const RolloutReports reports{.running = c.running, .peak = c.peak};
    EXPECT_EQ(admit(RolloutLimits{}, reports, c.failed, c.inflight), c.expected) << c.what;
  }
}

TEST(Admission, AppliesTheConfiguredLimits) {
  RolloutLimits limits;
  limits.parallel = 2;
  const RolloutReports hundred{.running = 100, .peak = 100};
  EXPECT_EQ(admit(limits, hundred, 0, 1), Admission::go);
  EXPECT_EQ(admit(limits, hundred, 0, 2), Admission::wait);
  limits.max_failures = 1;
  limits.max_failure_rate = 50;
  EXPECT_EQ(admit(limits, {.running = 1, .peak = 1}, 1, 0), Admission::go) << "50 % is not more than 50 %";
  EXPECT_EQ(admit(limits, {.peak = 1}, 1, 0), Admission::halted);
  limits.parallel = 0;
  EXPECT_EQ(admit(limits, {}, 1'000, 1'000), Admission::go) << "parallel 0 switches the rule off";
}

TEST(Admission, CountsHostsThatSoakAsOnTheWay) {
  RolloutReports reports{.running = 6, .peak = 4, .soaking = 2};
  EXPECT_EQ(admit({}, reports, 0, 1), Admission::go);
  EXPECT_EQ(admit({}, reports, 0, 2), Admission::wait);
  RolloutLimits narrow;
  narrow.parallel = 1;
  EXPECT_EQ(admit(narrow, reports, 0, 0), Admission::go) << "parallel limits leases, not hosts that soak";
  reports.is_harmful = true;
  EXPECT_EQ(admit({}, reports, 0, 0), Admission::halted);
}

TEST(Admission, OfASuspectReleaseLetsFourHostsChange) {
  RolloutReports reports{.running = 50, .peak = 50};
  EXPECT_EQ(admit({}, reports, 0, 4), Admission::go);
  reports.is_suspect = true;
  EXPECT_EQ(admit({}, reports, 0, 3), Admission::go);
  EXPECT_EQ(admit({}, reports, 0, 4), Admission::wait);
}

TEST(Admission, NeedsNoSoakForTheFirstInstallsAndWhenTheSoakIsOff) {
  const RolloutReports reports{.running = 30, .peak = 0, .soaking = 30, .others = 0};
  EXPECT_EQ(with_soak({}, reports).peak, 20u);
  EXPECT_EQ(with_soak({}, reports).soaking, 10u);
  RolloutReports upgrade = reports;
  upgrade.others = 1;
  EXPECT_EQ(with_soak({}, upgrade).peak, 0u);
  EXPECT_EQ(with_soak({}, upgrade).soaking, 30u);
  RolloutLimits off;
  off.soak = seconds(0);
  EXPECT_EQ(with_soak(off, upgrade).peak, 30u);
  EXPECT_EQ(with_soak(off, upgrade).soaking, 0u);
}

}  // namespace
}  // namespace ops::tests
