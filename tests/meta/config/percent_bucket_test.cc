#include "meta/config/percent_bucket.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace ops::tests {
namespace {

using meta::bucket_of;
using meta::is_in_share;

// Computed by another program from the description in the header.
TEST(PercentBucket, OfAHostNeverChanges) {
  struct Vector {
    const char* agent;
    const char* hostname;
    uint32_t bucket;
  };
  for (const Vector& v : std::initializer_list<Vector>{
           {"falcon-agent", "h1", 6976},
           {"falcon-agent", "h2", 4401},
           {"naming-agent", "h1", 955},
           {"falcon-agent", "lg-web01.example.com", 5285},
           {"a", "", 7135},
           {"", "a", 8877},
           {"falcon-agent", "größe", 9191},
       }) {
    EXPECT_EQ(bucket_of(v.agent, v.hostname), v.bucket) << v.agent << " " << v.hostname;
  }
}

constexpr int kHosts = 20'000;

std::string host(int number) { return "lg-web" + std::to_string(number) + ".example.com"; }

int in_share(const std::string& agent, double percent) {
  int count = 0;
  for (int i = 0; i < kHosts; ++i) count += is_in_share(agent, host(i), percent) ? 1 : 0;
  return count;
}

TEST(PercentBucket, AShareHasAboutItsPercentage) {
  EXPECT_EQ(in_share("a", 0), 0);
  EXPECT_EQ(in_share("a", 100), kHosts);
  for (const double percent : {0.1, 1.0, 5.0, 50.0, 99.0}) {
    const double expected = kHosts * percent / 100;
    EXPECT_NEAR(in_share("a", percent), expected, 5 * std::sqrt(expected)) << percent;
  }
}

TEST(PercentBucket, ALargerShareContainsTheSmallerOne) {
  for (int i = 0; i < 2'000; ++i) {
    bool was_in = false;
    for (const double percent : {0.0, 0.5, 1.0, 5.0, 25.0, 99.9, 100.0}) {
      const bool is_in = is_in_share("a", host(i), percent);
      EXPECT_TRUE(is_in || !was_in) << host(i) << " leaves at " << percent;
      was_in = is_in;
    }
  }
}

TEST(PercentBucket, EachAgentSelectsDifferentHosts) {
  int both = 0;
  for (int i = 0; i < kHosts; ++i) both += is_in_share("a", host(i), 10) && is_in_share("b", host(i), 10) ? 1 : 0;
  EXPECT_NEAR(both, kHosts * 0.01, 70) << "a tenth of a tenth";
}

}  // namespace
}  // namespace ops::tests
