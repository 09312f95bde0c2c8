#pragma once

// The rollout rule: how many hosts may change to a release at a time, and when a release is halted. A release that does not
// work must stop itself after a few hosts.
//
// Counted for each release:
//
//   count      hosts                                                                        source
//   running    report the version as started, past its probation, and are not silent        heartbeats (host_table.h)
//   soaking    of these: have run it for less than `soak` (survey.h)                        heartbeats (host_table.h)
//   peak       the most hosts that ever ran it at once and had soaked                       heartbeats (host_table.h)
//   broken     report that it failed or was rolled back                                     heartbeats (host_table.h)
//   inflight   were told to change and have not reported the result: have a lease           Leases
//   overdue    the same, but the lease is older than `timeout`                              Leases
//   late       ran it and got into trouble later, by its fault (late_trouble.h)             RolloutWatch
//   failed     broken + overdue + late
//
// A host that should change to the release gets a lease by the first row that applies (admit()):
//
//   condition                                                                              admission
//   parallel = 0                                                                           go
//   failed >= max_failures and failed / (failed + running) > max_failure_rate %            halted
//   the release is harmful (late_trouble.h)                                                halted
//   inflight >= parallel                                                                   wait
//   failed > 0 or it is suspect, peak < 100, and inflight + soaking >= min(max(1, peak), 4) wait
//   inflight + soaking >= max(1, peak)                                                     wait
//   otherwise                                                                              go
//
// So a rollout begins with one host and doubles with each soak: while n hosts have proved the release, at most n more are on
// the way to it. The hosts with a lease and the hosts that soak are on the way. A host in trouble is not on the way: one host
// that always fails does not stop a rollout. Without a soak (0), running hosts count as soaked. The first install of an agent,
// when no host has another version of it, needs no soak on its first 20 hosts (with_soak()).
//
// A release that fails on every host reaches max_failures hosts, one after the other. A release that fails on a fifth of the
// hosts reaches 18 hosts on average, and more than 60 hosts in one rollout of 700. Without the limit of 4 it reaches more than
// 60 hosts in one rollout of 30: the release may work on the first few hosts by chance. The peak never falls, so the change
// back to an earlier version takes one interval.
//
// A host may report a result without a lease: another ops-meta told the host to change, or this one did before a crash. Such a
// report counts as any other.
//
// A Go updater reports no phases: its first heartbeat with the version, started, is its result. Five Go updaters change in
// groups of one, one, two and one, which takes four intervals. Rejected: four at a time after the first host. A release that
// works on the first host only would stop the agent on all others of a small site, and a Go updater does not roll back.

#include <cstdint>

#include "meta/config/config.h"
#include "meta/hosts/releases.h"

namespace ops::meta {

enum class Admission { go, wait, halted };

/// The row of the table with 100 and 4.
inline constexpr uint32_t kCautiousBelow = 100;   // hosts
inline constexpr uint32_t kCautiousInflight = 4;  // hosts

inline constexpr uint32_t kFirstInstalls = 20;  // hosts

/// How many hosts may be on the way at a time.
uint32_t max_on_the_way(const RolloutReports& reports, uint32_t failed);

/// The reports as the rule counts them: without a soak, and for a first install, running hosts count as soaked.
RolloutReports with_soak(const RolloutLimits& limits, RolloutReports reports);

/// The table above as a pure function. `failed` is broken + overdue + late.
Admission admit(const RolloutLimits& limits, const RolloutReports& reports, uint32_t failed, uint32_t inflight);

}  // namespace ops::meta
