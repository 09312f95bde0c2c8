#pragma once

// Decides whether a release causes the trouble of the hosts that run it (meta/hosts/survey.h lists the troubles). Hosts die,
// reboot and flap without any release. So each trouble is counted among the hosts that changed to the release in this rollout,
// and at the same time among all other hosts, which are the control group. Only the hosts that have run the release at least as
// long as the youngest troubled host count as changed: when a release dies after an hour, most hosts have run it for less.
//
// The test is Fisher's exact test, one-sided: if the release had no effect, how probable is it that chance puts so many of all
// troubled hosts into the group that changed? (R. A. Fisher, The Logic of Inductive Inference, 1935; A. Agresti, Categorical
// Data Analysis, section 3.5.) It is exact for small numbers, where the normal approximation is not.
//
// The control group has 100 more hosts than ops-meta sees: they stand for the time before the rollout, with the rate of the
// agent's trouble then, at least 1 of 100. So a site of five hosts has a control group too, and one unlucky host is no proof.
//
//   condition, for one trouble                                                            the release is
//   the rate is less than twice that of the other hosts                                   not to blame
//   the probability is below 5 %                                                          suspect: four hosts at a time
//   the probability is below 0.1 %                                                        to blame: the hosts count as failed
//   the same, with maxFailures hosts at least, and more than maxFailureRate % of the      harmful: the rollout is halted
//   hosts that have run the release as long as the youngest troubled host
//
// The last row does not divide by all hosts that run the release: when a release dies after an hour, most hosts have run it for
// less. The limits are strict because the test is repeated every few seconds for hours. When all hosts of a site fall silent,
// the rates of both groups rise. If that halts a release by chance, its rollout continues when the hosts send heartbeats again.

#include "meta/config/config.h"
#include "meta/hosts/survey.h"

namespace ops::meta {

/// The probability that at least `troubled` hosts of a group of `hosts` are in trouble, when trouble is spread by chance over
/// this group and the other one. 1 if a group is empty.
double probability_of_chance(uint32_t hosts, uint32_t troubled, uint32_t other_hosts, uint32_t other_troubled);

struct Verdict {
  uint32_t late = 0;  // hosts in a trouble that the release is to blame for
  bool is_suspect = false;
  bool is_harmful = false;

  bool operator==(const Verdict&) const = default;
};

/// `before` is the control group at the begin of the rollout.
Verdict judge(const RolloutLimits& limits, const Survey& survey, const Cohort& before);

}  // namespace ops::meta
