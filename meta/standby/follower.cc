#include "meta/standby/follower.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/number_text.h"
#include "meta/hosts/host_snapshot.h"

namespace ops::meta {

namespace {

constexpr std::chrono::seconds kPause{2};
constexpr std::chrono::seconds kHostsPause{30};
constexpr int64_t kNoteAge = 60;  // seconds; the most that the time in var/followed.json is old
constexpr int kCalm = 10;         // the pause is so many times as long as the reply took

/// A reply that is not 200 as an error.
Result<std::string> body_of(const Peer& peer, const std::string& target, const Result<PeerReply>& reply) {
  if (!reply) return reply.error();
  if (reply->status == 200) return reply->body;
  return Error{cat(peer.url(), target, ": HTTP status ", reply->status, ": ", one_line(trim(reply->body), 300))};
}

std::string with_now(const char* path) { return cat(path, "?now=", std::time(nullptr)); }

}  // namespace

std::string Following::text(const std::string& address) const {
  if (is_frozen()) return cat("stands by ", address, ", frozen: it has been silent for ", silent.count(), " s");
  if (!is_recent) return cat("stands by ", address, ", not reached for ", silent.count(), " s");
  return cat("stands by ", address, ", ", silent.count(), " s behind");
}

std::string Following::age_fault() const {
  if (!is_recent || silent < kOldAfter) return "";
  return cat("the state of the leader is ", silent.count(),
             " s old: changes that the leader made since would be undone. If it made "
             "none, run ./control promote --force --old-state");
}

Follower::Follower(std::string config_path, const StandbyConfig& standby, Leadership leadership, std::function<void()> wake)
    : config_path_(std::move(config_path)), peer_(standby), wake_(std::move(wake)), leadership_(leadership) {
  if (const auto saved = load_followed(kFollowedFile)) {
    assignments_ = assignments_in(saved->config);
    written_at_ = saved->at;
    leadership_.generation = std::max(leadership_.generation, saved->generation);
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Following Follower::following() const {
  const std::lock_guard lock(mutex_);
  const bool is_recent = heard_at_ != Clock::time_point();
  const auto silent = Clock::now() - (is_recent ? heard_at_ : started_at_);
  return {assignments_, leadership_.generation, is_recent, std::chrono::floor<std::chrono::seconds>(silent)};
}

void Follower::ask_promotion(PromotionRequest request) {
  {
    const std::lock_guard lock(mutex_);
    if (promotion_.state == Promotion::State::asked || promotion_.state == Promotion::State::done) return;
    request_ = request;
    promotion_ = {Promotion::State::asked, "the promotion is under way"};
  }
  changed_.notify_all();
}

Promotion Follower::promotion() const {
  const std::lock_guard lock(mutex_);
  return promotion_;
}

Leadership Follower::leadership() const {
  const std::lock_guard lock(mutex_);
  return leadership_;
}

void Follower::run(const std::stop_token& stop) {
  auto hosts_at = Clock::now();
  while (!stop.stop_requested()) {
    const auto begin = Clock::now();
    follow(stop);
    auto end = Clock::now();
    const auto pause = std::max<Clock::duration>(kPause, kCalm * (end - begin));
    if (trouble_.empty() && end >= hosts_at) {
      fetch_hosts(stop);
      hosts_at = Clock::now() + std::max<Clock::duration>(kHostsPause, kCalm * (Clock::now() - end));
    }
    note_frozen();
    std::unique_lock lock(mutex_);
    const auto is_asked = [&] { return promotion_.state == Promotion::State::asked; };
    if (!changed_.wait_for(lock, stop, std::min<Clock::duration>(pause, kFreezeAfter / 2), is_asked)) continue;
    const PromotionRequest request = request_;
    lock.unlock();
    const Promotion outcome = promote(request, stop);
    log::warning(outcome.text);
    lock.lock();
    promotion_ = outcome;
    if (outcome.state != Promotion::State::done) continue;
    lock.unlock();
    return wake_();
  }
}

void Follower::follow(const std::stop_token& stop) {
  const auto state = body_of(peer_, "/standby/state", peer_.get(with_now("/standby/state"), stop));
  if (stop.stop_requested()) return;
  if (!state) return note(state.error().message);
  const auto taken = take(*state);
  cannot_take_ = !taken;
  note(taken ? "" : taken.error().message);
}

Result<void> Follower::take(const std::string& text) {
  auto state = parse_followed_state(text);
  if (!state) return state.error().within(peer_.url());
  const int64_t known = leadership().generation;
  if (state->generation < known) {
    return Error{cat(peer_.url(), " leads with generation ", state->generation, ", but generation ", known,
                     " has led since: stop it, or promote one of the two with ./control promote")};
  }
  auto assignments = assignments_in(state->config);
  if (assignments == nullptr) return Error{cat(peer_.url(), ": its config has a key that this ops-meta refuses: upgrade it")};
  const int64_t now = std::time(nullptr);
  FollowedState before = state_;
  if (now - written_at_ >= kNoteAge) before.config.clear();
  if (auto written = write_followed(*state, before, now); !written) return written;
  if (before.config != state->config) written_at_ = now;
  const std::lock_guard lock(mutex_);
  if (state->config != state_.config || assignments_ == nullptr) assignments_ = std::move(assignments);
  leadership_.generation = state->generation;
  heard_at_ = Clock::now();
  state_ = std::move(*state);
  return {};
}

/// The rollouts and the config are what matters: without the table, hosts appear with their next heartbeat.
void Follower::fetch_hosts(const std::stop_token& stop) {
  const auto hosts = body_of(peer_, "/standby/hosts", peer_.get(with_now("/standby/hosts"), stop));
  if (stop.stop_requested()) return;
  if (!hosts) return log::warning("the table of hosts is not read: ", hosts.error().message);
  if (const std::string fault = fault_of_hosts(*hosts); !fault.empty()) {
    return log::warning("the table of hosts of ", peer_.url(), " is not used: ", fault);
  }
  if (auto written = replace_file(kSavedHostsFile, *hosts, 0600); !written) log::warning(written.error().message);
}

/// Logs when a trouble begins and ends.
void Follower::note(const std::string& trouble) {
  trouble_ = trouble;
  const bool follows = trouble.empty();
  if (follows_ == follows) return;
  follows_ = follows;
  if (follows) return log::info("ops-meta stands by, and follows ", peer_.url());
  log::warning("ops-meta stands by, and cannot follow ", peer_.url(), ": ", trouble);
}

void Follower::note_frozen() {
  const bool is_frozen = following().is_frozen();
  if (is_frozen && !was_frozen_) {
    log::warning(peer_.url(), " has been silent for ", kFreezeAfter.count(),
                 " s: ops-meta answers heartbeats with the versions that hosts have, and no host changes. If that ops-meta is "
                 "dead, run ./control promote --force here");
  }
  was_frozen_ = is_frozen;
}

/// "" if cfg.json assigns the same as the last leader.
std::string Follower::fault_of_config() const {
  ConfigReport report;
  const Config config = load_config(config_path_, report);
  if (!report.ok()) return report.text(config_path_);
  const auto assignments = following().assignments;
  if (assignments == nullptr || assignments_json(config) == assignments_json(*assignments->config())) return "";
  return cat(config_path_, " differs from the config of the last leader in `agents` or `interval`, and would change hosts: ",
             "./control promote replaces them");
}

/// "" if this process has read the state of a leader, or if this ops-meta has led, and knows no other leader.
std::string Follower::fault_of_state() const {
  const Following state = following();
  if (state.assignments == nullptr && ::access(kSavedHostsFile, F_OK) != 0) {
    return cat("ops-meta has never reached a leader, and hosts would get the versions of ", config_path_,
               ". If they should, as with a new pair without hosts, run ./control promote --force --old-state");
  }
  if (state.assignments == nullptr || state.is_recent) return "";
  return cat("ops-meta has not reached a leader since its start, and its state in var/ is ",
             std::max<int64_t>(0, std::time(nullptr) - written_at_),
             " s old: hosts would go back to the versions of then. If they should, run ./control promote --force --old-state");
}

/// Returns the highest generation that the other ops-meta knows.
Result<int64_t> Follower::step_down_other(const std::stop_token& stop) {
  const auto reply = body_of(peer_, "/standby/step-down", peer_.post(with_now("/standby/step-down"), stop));
  if (!reply) return reply.error();
  if (const auto generation = generation_in(*reply)) return *generation;  // it does not lead
  if (auto taken = take(*reply); !taken) return taken.error();
  return leadership().generation;
}

Promotion Follower::promote(const PromotionRequest& request, const std::stop_token& stop) {
  const auto refused = [](std::string why) { return Promotion{Promotion::State::refused, "not promoted: " + std::move(why)}; };
  if (const std::string fault = fault_of_state(); !fault.empty() && !request.old_state) return refused(fault);
  if (const std::string fault = fault_of_config(); !fault.empty()) return refused(fault);
  if (cannot_take_ && !request.force) {
    return refused(cat(trouble_, ". To lead with the last state that ops-meta has read, run ./control promote --force"));
  }
  if (trouble_.empty()) fetch_hosts(stop);
  const auto known = step_down_other(stop);
  if (!known && !request.force) {
    return refused(cat("the other ops-meta does not step down: ", known.error().message,
                       ". If it is dead, or you have stopped it, run ./control promote --force"));
  }
  const Following state = following();
  if (const std::string fault = state.age_fault(); !fault.empty() && !request.old_state) return refused(fault);
  if (known && *known > state.generation && !request.old_state) {
    return refused(
        cat(peer_.url(), " has followed a later leader: promote that one, or run ./control promote --old-state here"));
  }
  if (const std::string fault = fault_of_config(); !fault.empty()) return refused(fault);
  const int64_t seen = std::max(state.generation, known ? *known : 0);
  const Leadership leadership{true, next_generation(seen, std::time(nullptr)), true};
  if (auto saved = save_leadership(leadership, kLeaderFile); !saved) {
    return refused(cat(saved.error().message, ". No ops-meta leads now: run ./control promote again"));
  }
  const std::lock_guard lock(mutex_);
  leadership_ = leadership;
  return {Promotion::State::done, cat("promoted: leads with generation ", leadership.generation)};
}

}  // namespace ops::meta
