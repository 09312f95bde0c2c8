#include "meta/rollout/late_trouble.h"

#include <algorithm>
#include <cmath>

namespace ops::meta {

namespace {

constexpr double kSuspect = 0.05;
constexpr double kGuilty = 0.001;
constexpr uint32_t kHostsBefore = 100;

/// The natural logarithm of the binomial coefficient. std::lgamma is not thread-safe in glibc.
double log_choose(double from, double count) {
  int sign = 0;
  return ::lgamma_r(from + 1, &sign) - ::lgamma_r(count + 1, &sign) - ::lgamma_r(from - count + 1, &sign);
}

uint32_t troubled_before(const Cohort& before, Trouble trouble) {
  if (before.of(trouble) == 0) return 1;
  const double rate = static_cast<double>(before.in(trouble)) / before.of(trouble);
  return std::max(uint32_t{1}, static_cast<uint32_t>(std::lround(rate * kHostsBefore)));
}

}  // namespace

double probability_of_chance(uint32_t hosts, uint32_t troubled, uint32_t other_hosts, uint32_t other_troubled) {
  if (hosts == 0 || other_hosts == 0) return 1;
  const double all = static_cast<double>(hosts) + other_hosts;
  const double all_troubled = static_cast<double>(troubled) + other_troubled;
  if (troubled * all <= all_troubled * hosts) return 1;  // not above the average: no need for the exact value
  const double most = std::min<double>(hosts, all_troubled);
  double term = std::exp(log_choose(all_troubled, troubled) +
                         log_choose(all - all_troubled, static_cast<double>(hosts) - troubled) - log_choose(all, hosts));
  double sum = 0;
  for (double x = troubled; x <= most && term > sum * 1e-9; ++x) {
    sum += term;
    term *= (all_troubled - x) * (hosts - x) / ((x + 1) * (all - all_troubled - hosts + x + 1));
  }
  return std::min(sum, 1.0);
}

Verdict judge(const RolloutLimits& limits, const Survey& survey, const Cohort& before) {
  Verdict verdict;
  for (const Trouble trouble : kTroubles) {
    const uint32_t hosts = survey.exposed[static_cast<size_t>(trouble)];
    const uint32_t troubled = survey.changed.in(trouble);
    const uint32_t others = survey.others.of(trouble);
    const uint32_t others_troubled = survey.others.in(trouble);
    if (troubled == 0 || uint64_t{troubled} * others < uint64_t{2} * others_troubled * hosts) continue;
    const double chance =
        probability_of_chance(hosts, troubled, others + kHostsBefore, others_troubled + troubled_before(before, trouble));
    if (chance >= kSuspect) continue;
    verdict.is_suspect = true;
    if (chance >= kGuilty) continue;
    verdict.late += troubled;
    if (troubled >= limits.max_failures && 100.0 * troubled > limits.max_failure_rate * hosts) verdict.is_harmful = true;
  }
  return verdict;
}

}  // namespace ops::meta
