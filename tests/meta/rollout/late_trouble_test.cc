#include "meta/rollout/late_trouble.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

using meta::Cohort;
using meta::RolloutLimits;
using meta::Survey;
using meta::Trouble;
using meta::Verdict;

TEST(LateTrouble, ChanceIsThatOfFishersExactTest) {
  struct Case {
    const char* what;
    uint32_t hosts, troubled, other_hosts, other_troubled;
    double expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"Fisher's lady tasting tea: 4 of 4", 4, 4, 4, 0, 1.0 / 70},
           {"3 of 4", 4, 3, 4, 1, 17.0 / 70},
           {"one host of two", 1, 1, 1, 0, 0.5},
           {"all of two and none of a hundred", 2, 2, 100, 0, 1.0 / 5151},
           {"the same rate", 10, 1, 100, 10, 1},
           {"a lower rate", 10, 0, 100, 10, 1},
           {"no other hosts", 10, 10, 0, 0, 1},
           {"no hosts", 0, 0, 100, 10, 1},
           {"R: fisher.test(matrix(c(5,15,10,990),2), alternative = 'greater')", 20, 5, 1000, 10, 4.51345e-06},
       }) {
    const double found = meta::probability_of_chance(c.hosts, c.troubled, c.other_hosts, c.other_troubled);
    EXPECT_NEAR(found, c.expected, c.expected * 1e-3) << c.what;
  }
  EXPECT_LT(meta::probability_of_chance(500'000, 5'500, 500'000, 5'000), 1e-5);
  EXPECT_GT(meta::probability_of_chance(500'000, 5'000, 500'000, 5'000), 0.49);
}

/// A survey with one trouble.
Survey survey(uint32_t hosts, uint32_t troubled, uint32_t exposed, uint32_t others, uint32_t others_troubled) {
  Survey survey;
  survey.changed = {{hosts, hosts, hosts}, {troubled, 0, 0}};
  survey.exposed = {exposed, 0, 0};
  survey.others = {{others, others, others}, {others_troubled, 0, 0}};
  return survey;
}

TEST(LateTrouble, IsJudgedByTheTable) {
  const Verdict blameless{};
  const Verdict suspect{0, true, false};
  struct Case {
    const char* what;
    Survey survey;
    Verdict expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"no trouble", survey(100, 0, 0, 1000, 0), blameless},
           {"the first host died, in a large fleet", survey(1, 1, 1, 1000, 0), suspect},
           {"one of 50 died, in a large fleet", survey(50, 1, 50, 1000, 2), blameless},
           {"two of four died", survey(4, 2, 2, 1000, 0), {2, true, false}},
           {"three of eight died", survey(8, 3, 3, 1000, 0), {3, true, true}},
           {"the first three hosts died after an hour, when 90 have it", survey(90, 5, 6, 10'000, 0), {5, true, true}},
           {"five of 90 died, all 90 for as long", survey(90, 4, 90, 10'000, 0), {4, true, false}},
           {"a site of five hosts: the first three died", survey(3, 3, 3, 2, 0), {3, true, true}},
           {"a tenth of all hosts is dark", survey(100, 11, 100, 10'000, 1000), blameless},
           {"all hosts are dark", survey(20, 20, 20, 80, 80), blameless},
           {"1 % more than the other hosts, of a million", survey(500'000, 55'000, 500'000, 500'000, 50'000), blameless},
           {"30 % against 10 %", survey(500, 150, 500, 500, 50), {150, true, true}},
       }) {
    EXPECT_EQ(judge({}, c.survey, {}), c.expected) << c.what;
  }
}

TEST(LateTrouble, IsJudgedByTheTimeBeforeTheRolloutToo) {
  const Survey last_hosts = survey(38, 8, 38, 2, 0);
  EXPECT_TRUE(judge({}, last_hosts, {}).is_harmful);
  const Cohort flapping{{40, 40, 40}, {8, 8, 8}};
  EXPECT_EQ(judge({}, last_hosts, flapping), Verdict{}) << "the agent died as often before the rollout";
}

TEST(LateTrouble, NeedsMaxFailuresAndMaxFailureRateToHalt) {
  const Survey bad = survey(20, 10, 20, 1000, 0);
  RolloutLimits limits;
  limits.max_failures = 11;
  EXPECT_FALSE(judge(limits, bad, {}).is_harmful);
  limits.max_failures = 10;
  EXPECT_TRUE(judge(limits, bad, {}).is_harmful);
  limits.max_failure_rate = 50;
  EXPECT_FALSE(judge(limits, bad, {}).is_harmful) << "50 % is not more than 50 %";
}

}  // namespace
}  // namespace ops::tests
