#pragma once

// What to do next about an agent: a pure function of what meta desires and what is seen on the disk. It is asked again after
// every step, so that a crash at any instant needs no other recovery than asking it.
//
// D is the desired version, C the one that .version names, T the trial in .state, F the latched failure there. T is committed
// once C is T's version (and, when that is also T's previous version, C's content is T's). The first row that fits counts.
//
//   when                                                            then
//   ---------------------------------------------------------------------------------------------------------------
//   the host failed to read some of it                              not even asked; look again in a second
//   the agent is held                                               nothing                                  held
//   T, and F is of T's version and content                          roll_back                                switching
//   T committed, meta says stop                                     stop
//   T committed, D differs from C and is ready                      switch_over                              switching
//   T committed, the version was not yet seen started               resume_trial                             switching
//   T committed, C not started                                      roll_back                                switching
//   T committed, started, probation over                            pass
//   T committed, started, still in probation                        nothing                                  probation
//   meta has not answered yet or doesn't name the agent
//     T (not committed), C not started                              start C: the switch was cut short
//     else                                                          nothing
//   meta says stop, C not stopped                                   stop
//   meta says stop, C stopped or none; or meta says neither         nothing
//   D is C
//     F is of C                                                     nothing                                  failed
//     started                                                       tidy, or nothing
//     not started                                                   start C
//   D differs from C: another version, another content, or C is broken
//     F is of D, there is a C that is whole                         supervise C, or tidy                     rolled-back
//     F is of D, there is none                                      tidy                                     failed
//     D is ready and no pause is on                                 switch_over                              switching
//     D is not ready and no pause is on                             prepare D beside, and supervise C        waiting
//     a pause is on                                                 supervise C                              waiting
//
//   supervise C: start it when it isn't started, unless meta had it stopped, F is of C, or there is none.
//   tidy: remove leftovers (see below), when there are any and no preparation is under way.
//   start, stop, resume_trial, pass and roll_back wait while an agent that keeps dying or won't stop is paused.
//   ready: unpacked whole on this disk, with the checksum that meta gives, if it gives one.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"
#include "updater/model/state.h"

namespace ops::updater {

/// A release that is whole on the disk.
struct Release {
  std::string version;
  std::string checksum;
  bool staged = false;       // in .staged-VERSION, not yet in VERSION
  int64_t installed_at = 0;  // seconds since 1970

  bool operator==(const Release&) const = default;
};

/// An agent as it was seen.
struct Observed {
  std::string name;
  std::string version;       // .version's; "" when there is none
  std::string checksum;      // of .version's folder; "" when it isn't known, as in one that the Go updater made
  bool has_control = false;  // .version's folder has a control
  std::string status_text;   // what `./control status` printed, on one line, or why it failed
  Status status = Status::stopped;
  std::vector<Release> releases;
  std::vector<std::string> staging;  // names of all .staged- and .download- entries, whole or not
  State state;
  std::optional<std::string> hold;  // the operator's reason, that others can write to the folder, or a reason_to_leave()
  bool retry_asked = false;         // by the operator; the caller of plan() sees to it first

  bool operator==(const Observed&) const = default;
};

/// Why an agent is left alone, when cfg.json's desiredAgent (Config::desired_agent) names another one; nullopt when it does
/// not.
std::optional<std::string> reason_to_leave(const std::string& name, const std::string& desired_agent);

/// What else bears on the decision.
struct Circumstances {
  bool update_paused = false;   // between attempts to prepare or to switch
  bool control_paused = false;  // between attempts to start, stop, resume, pass or roll back
  bool preparing = false;       // a release of this agent is being prepared right now
  int keep_versions = 2;

  bool operator==(const Circumstances&) const = default;
};

enum class Action { none, start, stop, switch_over, resume_trial, roll_back, pass, tidy };

std::string to_string(Action action);

struct Decision {
  Action action = Action::none;
  bool prepare = false;  // beside `action`
  Phase phase = Phase::idle;
  std::string reason;  // for the log; of a roll_back, also the failure that is latched

  bool operator==(const Decision&) const = default;
};

/// `desired` is nullptr when meta has not answered yet or doesn't name the agent. `now` is in seconds since 1970.
Decision plan(const Observed& seen, const DesiredAgent* desired, const Circumstances& around, int64_t now);

/// The trial's version is the current one (see above).
bool is_committed(const Probation& trial, const Observed& seen);

/// The version to go back to when the switch to `next` fails: the current one, or, while that is on trial or .version was lost
/// during a trial, the one before it. "" when it is no good or there is none.
std::string fallback_version(const Observed& seen, const std::string& next);

/// The release to switch to for `desired`; nullptr when there is none that is ready.
const Release* ready_release(const Observed& seen, const DesiredAgent& desired);

/// What may be removed from the agent's folder once no switch is under way: all staging, a release that failed (if it is ever
/// tried again, it may have been published anew), and releases that the updater installed beyond the current one, the last
/// good one before it, and the newest up to `keep_versions`. Names of entries.
std::vector<std::string> leftovers(const Observed& seen, int keep_versions);

}  // namespace ops::updater
