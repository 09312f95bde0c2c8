#include "updater/cycle.h"

#include <algorithm>
#include <ctime>

#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/agent/observe.h"
#include "updater/agent/switch.h"
#include "updater/process/memory.h"

namespace ops::updater {

using std::chrono::milliseconds;

namespace {

constexpr auto kLookPatience = std::chrono::seconds(1);  // for an agent's status, before the loop goes on without it
constexpr auto kLookAgain = std::chrono::seconds(1);     // when the host failed to read the disk
constexpr auto kNever = Clock::time_point::max();

std::chrono::seconds uptime() {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return std::chrono::seconds(since_boot.tv_sec);
}

}  // namespace

Cycle::Cycle(std::string config_path, Config config, const Layout& layout)
    : config_path_(std::move(config_path)),
      layout_(layout),
      polling_(config.interval, uptime(), Clock::now(), random_),
      config_(std::make_shared<const Config>(std::move(config))),
      sessions_(make_sessions()),
      fetch_worker_(layout, {}, Signals::wake),
      queues_(Signals::wake) {}

void Cycle::run(const Signals& signals) {
  for (;;) {
    tick();
    switch (signals.wait(time_until_next())) {
      case Signals::Event::stop: return;
      case Signals::Event::reload:
        (void)reload();  // it logs why not
        break;
      case Signals::Event::wake:
      case Signals::Event::timeout: break;
    }
  }
}

std::shared_ptr<const Config> Cycle::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

Result<void> Cycle::reload() {
  ConfigReport report;
  Config fresh = load_config(config_path_, report);
  if (report.ok()) check_tls(fresh, report);
  if (!report.ok()) {
    log::error("the config is not reloaded, the old one stays: ", report.text(config_path_));
    return Error{cat("parse config file ", config_path_, " fail: ", report.text(config_path_))};
  }
  for (const std::string& warning : report.warnings) log::warning(config_path_, ": ", warning);
  log::set_debug(fresh.debug);
  {
    const std::lock_guard lock(mutex_);
    if (fresh.http_listen != config_->http_listen || fresh.http_enabled != config_->http_enabled) {
      log::warning("http.listen or http.enabled changed: that takes a restart");
    }
    config_ = std::make_shared<const Config>(std::move(fresh));
    sessions_ = make_sessions();  // those that there were may come from whom nobody trusts any more
    reloaded_ = true;
  }
  log::info("config reloaded");
  Signals::wake();
  return {};
}

void Cycle::tick() {
  collect();
  take_answer();
  take_preparation();
  bool reloaded = false;
  {
    const std::lock_guard lock(mutex_);
    reloaded = std::exchange(reloaded_, false);
  }
  if (reloaded) polling_.ask_now();
  const auto now = Clock::now();
  const bool asks = polling_.is_due(now) && !queues_.is_busy(kMetaLane);
  look(asks && polling_.is_round_due(now));
  decide();
  note_phases();
  if (asks) send_heartbeat();
  publish();
}

/// Takes what the lanes have brought.
void Cycle::collect() {
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(mutex_);
    finished.swap(inbox_);
  }
  for (Finished& entry : finished) {
    Agent& agent = agents_[entry.agent];
    if (entry.seen && !*entry.seen) {
      errors_.warn(entry.agent, cat(entry.agent, ": ", entry.seen->error().message));
      agent.look_at = Clock::now() + kLookAgain;  // what the loop knew before is still the best there is
    } else if (entry.seen) {
      agent.seen = std::move(**entry.seen);
      if (!agent.seen.hold) agent.seen.hold = reason_to_leave(entry.agent, config()->desired_agent);
      agent.was_seen = true;
      // Who looked before a preparation ended may not have seen what it brought: to decide by that would be to fetch it again.
      agent.is_fresh = entry.preparations == agent.preparations;
      if (!agent.is_fresh) agent.look_at = Clock::now();
    } else {
      const Action action = *agent.action;
      agent.action.reset();
      finish(entry.agent, agent, action, *entry.outcome);
    }
  }
}

void Cycle::finish(const std::string& name, Agent& agent, Action action, const Result<void>& outcome) {
  agent.note_outcome(action, outcome, Clock::now(), random_);
  if (action != Action::tidy) polling_.report_soon();
  if (outcome) {
    if (action != Action::tidy && action != Action::pass_probation) polls_.last_change = std::time(nullptr);
    errors_.forget(name);
    if (action != Action::tidy) log::info(name, ": ", to_string(action), " is done");
  } else {
    const std::string what = is_switching(action) ? "" : to_string(action) + ": ";
    errors_.warn(name, cat(name, ": ", what, outcome.error().message));
  }
}

/// Takes what the fetch_worker has brought.
void Cycle::take_preparation() {
  const auto outcome = fetch_worker_.take_outcome();
  if (!outcome) return;
  const std::string& name = outcome->agent.name;
  Agent& agent = agents_[name];
  ++agent.preparations;
  agent.prepare = false;
  agent.is_fresh = false;
  agent.look_at = Clock::now();
  polling_.report_soon();
  if (!outcome->error) {
    agent.error.clear();
    log::info(name, " ", outcome->agent.version, " is fetched, verified and unpacked");
    return;
  }
  const PrepareError& failure = *outcome->error;
  agent.error = failure.error.message;
  agent.update.fail(Clock::now(), random_, failure.retry_after);
  if (failure.lasting) {
    agent.bad_release =
        Latch{outcome->agent.version, failure.checksum, one_line(agent.error, kMaxStatusSize), std::time(nullptr)};
  }
  errors_.warn(name, cat(name, " ", outcome->agent.version, ": ", agent.error));
}

/// Looks at all agents, or at those whose time has come, each in its lane, and waits a moment for what they say.
void Cycle::look(bool at_all) {
  std::set<std::string> names;
  for (const std::string& name : installed_agents(layout_)) names.insert(name);
  for (const auto& [name, agent] : desired_) names.insert(name);
  std::erase_if(agents_, [&](const auto& entry) {
    // Of one with an action, the outcome is still to come.
    const bool gone = !names.contains(entry.first) && !entry.second.action && !queues_.is_busy(entry.first);
    if (gone) errors_.forget(entry.first);
    return gone;
  });

  std::set<std::string> looked_at;
  const auto now = Clock::now();
  for (const std::string& name : names) {
    Agent& agent = agents_[name];
    if (agent.is_fresh || queues_.is_busy(name) || (!at_all && agent.look_at > now)) continue;
    looked_at.insert(name);
    agent.look_at = kNever;
    queues_.run(name, [this, name, patience = config()->control_timeout, first = !agent.was_seen,
                       preparations = agent.preparations](const std::stop_token& cancel) {
      auto seen = or_out_of_memory([&] {
        if (first) await_earlier_script(layout_, name, patience, cancel);
        return observe_agent(layout_, name, cancel);
      });
      if (cancel.stop_requested()) return;
      const std::lock_guard lock(mutex_);
      inbox_.push_back({name, std::move(seen), std::nullopt, preparations});
    });
  }
  if (looked_at.empty()) return;
  queues_.wait_until_idle(looked_at, kLookPatience);
  collect();
}

void Cycle::decide() {
  for (auto& [name, agent] : agents_) {
    if (agent.is_fresh && !queues_.is_busy(name)) decide_for(name, agent);
  }
  std::vector<DesiredAgent> wanted;
  for (const auto& [name, agent] : agents_) {
    const DesiredAgent* release = desired(name);
    if (agent.prepare && release != nullptr && release->cmd == "start") wanted.push_back(*release);
  }
  fetch_worker_.want(wanted, {config()->public_keys, access()});
}

void Cycle::decide_for(const std::string& name, Agent& agent) {
  agent.is_fresh = false;
  if (agent.seen.retry_asked) forget_failures(name, agent);
  if (agent.bad_release) latch_bad_release(name, agent);
  const DesiredAgent* wanted = desired(name);
  if (wanted != nullptr && *wanted != agent.attempted) {
    agent.update.reset();
    agent.attempted = *wanted;
  }
  const auto now = Clock::now();
  const Circumstances around{agent.update.is_paused(now), agent.control.is_paused(now),
                             fetch_worker_.progress(name).has_value(), config()->keep_versions};
  const Decision decision = plan(agent.seen, wanted, around, std::time(nullptr));
  agent.phase = decision.phase;
  agent.prepare = decision.prepare;
  if (decision.phase == Phase::idle && decision.action == Action::none && agent.seen.status == Status::started)
    agent.error.clear();
  if (wanted != nullptr && wanted->cmd != "" && wanted->cmd != "start" && wanted->cmd != "stop") {
    errors_.warn(
        name, cat(name, ": meta's cmd \"", one_line(wanted->cmd, 40), "\" is neither start nor stop, the agent is left alone"));
  }
  if (decision.action == Action::none) {
    agent.plan_next_look(now, config()->probation);
  } else {
    act(name, agent, decision);
  }
}

/// A release that is bad in itself gets the same latch as one that did not start.
void Cycle::latch_bad_release(const std::string& name, Agent& agent) {
  agent.seen.state.latch = agent.bad_release;
  agent.bad_release.reset();
  if (auto saved = write_state(layout_.state_file(name), agent.seen.state); !saved) errors_.warn(name, saved.error().message);
}

/// The operator's ./control retry. It is forgotten last, and the pauses only then: a word that stays would end them at each
/// look.
void Cycle::forget_failures(const std::string& name, Agent& agent) {
  Result<void> done;
  if (agent.seen.state.latch && !agent.seen.state.probation) {
    agent.seen.state.latch.reset();
    done = write_state(layout_.state_file(name), agent.seen.state);
  }
  if (done) done = remove_tree(layout_.retry_file(name));
  if (!done) {
    errors_.warn(name, cat(name, ": the operator asked for a retry, but: ", done.error().message));
    return;
  }
  agent.forget_failures();
  log::info(name, ": failures and pauses are forgotten, as the operator asked");
}

void Cycle::act(const std::string& name, Agent& agent, const Decision& decision) {
  if (decision.action != Action::tidy) log::info(name, ": ", to_string(decision.action), ": ", decision.reason);
  agent.action = decision.action;
  const auto settings = config();
  const SwitchSettings how{settings->control_timeout, settings->probation, settings->keep_versions};
  std::optional<DesiredAgent> wanted;
  if (desired(name) != nullptr) wanted = *desired(name);
  queues_.run(name, [this, name, decision, how, wanted, seen = agent.seen](const std::stop_token& cancel) {
    auto outcome =
        or_out_of_memory([&] { return carry_out(decision, seen, wanted ? &*wanted : nullptr, layout_, how, cancel); });
    const std::lock_guard lock(mutex_);
    inbox_.push_back({name, std::nullopt, std::move(outcome)});
  });
}

milliseconds Cycle::time_until_next() const {
  // While ops-meta's lane is busy, its end will wake the loop.
  const auto now = Clock::now();
  if (polling_.is_due(now) && !queues_.is_busy(kMetaLane)) return milliseconds(0);
  auto next = polling_.next();
  for (const auto& [name, agent] : agents_) {
    if (!queues_.is_busy(name)) next = std::min(next, agent.look_at);
  }
  const Clock::duration left = std::clamp<Clock::duration>(next - now, milliseconds(0), std::chrono::hours(1));
  return std::chrono::ceil<milliseconds>(left);
}

}  // namespace ops::updater
