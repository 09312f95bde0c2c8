#pragma once

// Decides the next step for an agent: a pure function of what ops-meta desires and of what the disk and ./control status show.
// The updater decides again after every step, so recovery from a crash needs no other code.
//
// D is the desired release, C the version that .version names, P the probation in .state, L the latch in .state, S the soak in
// .state. P is committed if C is P's version; if P's version is also P's previous version, C's checksum must be P's, too. S is
// in force until its time is over, if C is its release, and the agent is not held, was not stopped by ops-meta, and is to be
// started (or ops-meta has not answered yet). The first row that matches decides.
//
//   when                                                            action                                   phase
//   ---------------------------------------------------------------------------------------------------------------
//   the host failed to read a part of it                            plan() is not called; look again after 1 s
//   the agent is held                                               nothing                                  held
//   P, and L is of P's version and content                          roll_back                                switching
//   P committed, ops-meta says stop                                 stop
//   P committed, D differs from C and is ready                      switch_over                              switching
//   P committed, not seen started in 2 starts, C not started        roll_back                                switching
//   P committed, P's version was not seen started yet               resume_probation                         switching
//   P committed, C started, the machine booted during P             resume_probation                         switching
//   P committed, C unclear, not for long                            nothing                                  probation
//   P committed, C not started                                      roll_back                                switching
//   P committed, C started, probation over                          pass_probation
//   P committed, C started, probation not over                      nothing                                  probation
//   S in force, D differs from C and is ready                       switch_over                              switching
//   S in force, C unclear, not for long                             nothing (1)
//   S in force, C not started, for the third time in this boot      roll_back                                switching
//   S in force, C not started                                       start C (1)
//   S in force, D is other content of C's version, C's content
//     before is still in its staging                                end_soak: the staging is needed
//   S not in force, and a row below does nothing or tidies          end_soak                                 of that row
//   ops-meta has not answered yet or does not name the agent
//     P not committed, C not started                                start C: the switch was interrupted
//     else                                                          nothing
//   ops-meta says stop, C not stopped                               stop
//   ops-meta says stop, C stopped or absent                         nothing
//   ops-meta says neither start nor stop                            nothing
//   D is C
//     L is of C, C started                                          begin_probation                          probation
//     L is of C, C not started                                      nothing                                  failed
//     C started                                                     tidy, or nothing
//     C not started                                                 start C
//   D differs from C: another version, other content, or C has no ./control
//     L is of D, C has a ./control                                  supervise C, or tidy                     rolled-back
//     L is of D, C has no ./control or is absent                    tidy                                     failed
//     D is ready, updates are not paused                            switch_over                              switching
//     D is not ready, updates are not paused                        prepare D, and supervise C               waiting
//     updates are paused                                            supervise C                              waiting
//
//   (1): beside it, D is prepared as in the rows below.
//   supervise C: start C if it is not started. Not if ops-meta had it stopped, L is of C, or C has no ./control.
//   prepare D: download, verify and unpack D into .staged-VERSION, beside the action.
//   begin_probation: a latched release that runs can prove that it works. The latch goes; no script is run.
//   tidy: remove leftovers(), or keep a part of them (Layout::failed), if there are any and no release is being prepared.
//   ready: unpacked completely on this disk, with the checksum that ops-meta gives, if it gives one.
//   not seen started in 2 starts: the updater or the host ended during both. Such a release would end them at each boot.
//   unclear for long: see unclear_status.h. In probation a slow status is no failure; one that means stopped is, at once.
//   roll_back in a soak: back to S's previous version, and L is of C, as at the end of a failed probation.
//   start, stop, resume_, begin_ and pass_probation and roll_back wait while control_paused is set.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/protocol/heartbeat.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"
#include "updater/model/state.h"

namespace ops::updater {

/// A release that is completely unpacked on the disk.
struct Release {
  std::string version;
  std::string checksum;
  bool staged = false;       // in .staged-VERSION, not in VERSION
  int64_t installed_at = 0;  // seconds since 1970

  bool operator==(const Release&) const = default;
};

/// An agent as the disk and ./control status show it.
struct Observed {
  std::string name;
  std::string version;       // in .version; "" if there is no valid one
  std::string checksum;      // of that version's folder; "" if unknown, as in a folder that the Go updater made
  bool has_control = false;  // that version's folder has a ./control
  std::string status_text;   // the output of `./control status`, on one line, or the error
  Status status = Status::stopped;
  std::vector<Release> releases;
  std::vector<std::string> staging;  // names of all .staged- and .download- entries, complete or not, and .reserve
  std::vector<std::string> failed;   // names of all .failed- entries
  State state;
  std::optional<std::string> hold;  // why the agent is held: the operator, unsafe permissions, or reason_to_leave()
  bool retry_asked = false;         // the operator ran ./control retry; handled before plan() is called

  bool operator==(const Observed&) const = default;
};

/// Returns a reason to hold the agent if cfg.json's desiredAgent (Config::desired_agent) names another agent, else nullopt.
std::optional<std::string> reason_to_leave(const std::string& name, const std::string& desired_agent);

/// What else the decision depends on.
struct Circumstances {
  bool update_paused = false;   // a pause between attempts to prepare or switch over
  bool control_paused = false;  // a pause, because the agent keeps dying or does not stop
  bool preparing = false;       // a release of this agent is being prepared
  int keep_versions = 2;
  bool unclear_for_long = false;  // the status is unclear, and stayed so (UnclearStatus::is_failure)
  bool meta_answered = false;     // since the updater started
  std::string start_error = {};   // of the last start; "" if it was good

  bool operator==(const Circumstances&) const = default;
};

enum class Action {
  none,
  start,
  stop,
  switch_over,
  resume_probation,
  roll_back,
  begin_probation,
  pass_probation,
  end_soak,
  tidy
};

std::string to_string(Action action);

/// Whether the action changes only the updater's own files, and may fail and wait without harm.
constexpr bool is_upkeep(Action action) { return action == Action::end_soak || action == Action::tidy; }

struct Decision {
  Action action = Action::none;
  bool prepare = false;  // prepare the desired release, beside `action`
  Phase phase = Phase::idle;
  std::string reason;  // for the log; for roll_back also the error of the latch

  bool operator==(const Decision&) const = default;
};

/// `desired` is nullptr if ops-meta has not answered yet or does not name the agent.
Decision plan(const Observed& seen, const DesiredAgent* desired, const Circumstances& circumstances, const BootTime& now);

/// True if the agent's current release is the one in probation (see the table).
bool is_committed(const Probation& probation, const Observed& seen);

/// The version to roll back to if the switch to `next` fails. The current version; but the probation's previous version if the
/// current one is in probation, or if .version was lost during the probation. "" if no good version is installed.
std::string fallback_version(const Observed& seen, const std::string& next);

/// The release on the disk to switch to for `desired`; nullptr if it is not ready.
const Release* ready_release(const Observed& seen, const DesiredAgent& desired);

/// Names of entries in the agent's folder that may be removed while no switch is in progress: all staging, the latched release
/// (it may be published again with other content), the .failed- of a version that is not latched, and installed releases
/// beyond `keep_versions`. Kept are the current release, the last good one before it, and then the newest. During a soak, the
/// version before and the reserve are no leftovers. Folders without an .installed are never leftovers.
std::vector<std::string> leftovers(const Observed& seen, int keep_versions);

/// Whether this entry of leftovers() is the latched release, whose files are kept in Layout::failed.
bool is_failed_release(const Observed& seen, const std::string& entry);

}  // namespace ops::updater
