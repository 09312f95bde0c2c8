#include "meta/rollout/policy.h"

#include <algorithm>

namespace ops::meta {

uint32_t max_on_the_way(const RolloutReports& reports, uint32_t failed) {
  const uint32_t doubling = std::max(uint32_t{1}, reports.peak);
  const bool is_cautious = (failed > 0 || reports.is_suspect) && reports.peak < kCautiousBelow;
  return is_cautious ? std::min(doubling, kCautiousInflight) : doubling;
}

RolloutReports with_soak(const RolloutLimits& limits, RolloutReports reports) {
  if (limits.soak.count() == 0) reports.soaking = 0;
  const uint32_t without_soak = limits.soak.count() == 0 ? UINT32_MAX : reports.others == 0 ? kFirstInstalls : 0;
  const uint32_t counted = std::min(reports.running, without_soak);
  if (counted > reports.peak) {
    reports.soaking -= std::min(reports.soaking, counted - reports.peak);
    reports.peak = counted;
  }
  return reports;
}

Admission admit(const RolloutLimits& limits, const RolloutReports& reports, uint32_t failed, uint32_t inflight) {
  if (limits.parallel == 0) return Admission::go;
  const double rate = failed == 0 ? 0 : 100.0 * failed / (static_cast<double>(failed) + reports.running);
  if (failed >= limits.max_failures && rate > limits.max_failure_rate) return Admission::halted;
  if (reports.is_harmful) return Admission::halted;
  if (inflight >= limits.parallel) return Admission::wait;
  return inflight + reports.soaking < max_on_the_way(reports, failed) ? Admission::go : Admission::wait;
}

}  // namespace ops::meta
