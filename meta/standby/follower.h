#pragma once

// Follows the ops-meta that leads, in a thread of its own: the state (followed_state.h) every 2 s, and the table of hosts every
// 30 s. After a slow reply the pause is ten times as long as the reply took. Makes this ops-meta the leader when an operator
// asks for it.
//
// A promotion
//   1. checks that this process has the state from a leader, and not from an old var/, and that the agents in cfg.json are
//      those of the leader: neither an old var/ nor an old cfg.json may change hosts
//   2. reads the table of hosts, and makes the other ops-meta step down, whose reply contains its last state
//   3. checks that the state is not older than 10 minutes, and cfg.json again: it may have changed meanwhile
//   4. writes var/leader.json with a new generation, which ops-updaters obey from now on
// The other ops-meta grants no lease after step 2, and this one grants none before step 4, nor in the warm-up that follows.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "meta/config/assignments.h"
#include "meta/config/config.h"
#include "meta/standby/followed_state.h"
#include "meta/standby/leadership.h"
#include "meta/standby/peer.h"

namespace ops::meta {

/// A leader that is silent for so long is taken for dead: heartbeats get a frozen_reply().
inline constexpr std::chrono::seconds kFreezeAfter{30};

/// A promotion with a state of this age could undo changes that the leader made since.
inline constexpr std::chrono::minutes kOldAfter{10};

struct PromotionRequest {
  bool force = false;      // also if the other ops-meta does not step down
  bool old_state = false;  // also with a state from before this process, or older than kOldAfter
};

struct Promotion {
  enum class State { none, asked, refused, done };
  State state = State::none;
  std::string text;  // for the operator
};

struct Following {
  std::shared_ptr<const Assignments> assignments;  // of the last leader; nullptr if none is known
  int64_t generation = 0;                          // of the last leader
  bool is_recent = false;                          // this process has them from the leader, and not from var/
  std::chrono::seconds silent{0};                  // since the last state, or since the start

  bool is_frozen() const { return assignments != nullptr && silent >= kFreezeAfter; }
  /// "stands by m1:2000, 1 s behind", "stands by m1:2000, frozen: …". `address`: of the other ops-meta.
  std::string text(const std::string& address) const;
  /// The reason why a state that this process has read is too old for a promotion; "" if it is not.
  std::string age_fault() const;
};

/// Synchronises itself.
class Follower {
 public:
  /// Reads and writes the files in var/. `wake`: called when a promotion is done.
  Follower(std::string config_path, const StandbyConfig& standby, Leadership leadership, std::function<void()> wake);

  Following following() const;
  const Peer& peer() const { return peer_; }

  void ask_promotion(PromotionRequest request);
  Promotion promotion() const;

  /// Of the promotion, or as it was at the start.
  Leadership leadership() const;

 private:
  using Clock = std::chrono::steady_clock;

  void run(const std::stop_token& stop);
  void follow(const std::stop_token& stop);
  Result<void> take(const std::string& state);
  void fetch_hosts(const std::stop_token& stop);
  void note(const std::string& trouble);
  void note_frozen();
  Promotion promote(const PromotionRequest& request, const std::stop_token& stop);
  Result<int64_t> step_down_other(const std::stop_token& stop);
  std::string fault_of_state() const;
  std::string fault_of_config() const;

  const std::string config_path_;
  const Peer peer_;
  const std::function<void()> wake_;
  const Clock::time_point started_at_ = Clock::now();

  // Of the thread:
  FollowedState state_;
  int64_t written_at_ = 0;  // var/followed.json, in seconds since 1970
  std::string trouble_;
  bool cannot_take_ = false;     // the leader answers, but with a state that this ops-meta refuses
  std::optional<bool> follows_;  // as the log says
  bool was_frozen_ = false;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_:
  Leadership leadership_;
  std::shared_ptr<const Assignments> assignments_;
  Clock::time_point heard_at_{};  // of the last state; zero before the first one
  Promotion promotion_;
  PromotionRequest request_;

  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace ops::meta
