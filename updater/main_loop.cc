#include "updater/main_loop.h"

#include <algorithm>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/agent/observe.h"
#include "updater/agent/switch.h"
#include "updater/generation_file.h"
#include "updater/host_id.h"
#include "updater/process/memory.h"

namespace ops::updater {

using std::chrono::milliseconds;

namespace {

constexpr auto kObservationWait = std::chrono::seconds(1);  // then the loop goes on without the slow agents
constexpr auto kReloadCalm = std::chrono::minutes(1);
constexpr char kMetaQueue[] = "ops-meta's";  // no agent can have this name
constexpr char kNoteQueue[] = "notes'";
constexpr auto kListWait = std::chrono::seconds(2);  // then a folder counts as stuck
constexpr char kPollFile[] = "var/app.poll";

Instant now() {
  const BootTime boot = boot_time();
  return {Clock::now(), boot.wall, boot.boot_id, boot.seconds};
}

}  // namespace

MainLoop::MainLoop(std::string config_path, Config config, const Layout& layout)
    : config_path_(std::move(config_path)),
      layout_(layout),
      host_id_(host_id(kHostIdFile, machine_identity())),
      cycle_(config, std::chrono::seconds(boot_time().seconds), now(), Random{std::random_device{}()}),
      folders_(layout),
      meta_(saved_generation()),
      generation_(meta_.generation()),
      config_(std::make_shared<const Config>(std::move(config))),
      sessions_(make_sessions()),
      fetch_worker_(layout, {}, Signals::wake),
      queues_(Signals::wake) {}

std::string MainLoop::announce() {
  const Instant start = now();
  carry_out(cycle_.note_start(start));
  queues_.wait_until_idle({kNoteQueue}, kObservationWait);  // ./control status -v reads the note
  return cycle_.start_text(start);
}

void MainLoop::run(const Signals& signals) {
  for (;;) {
    expect_pass_before(Clock::now());
    pass();
    const Instant end = now();
    const Clock::duration left = cycle_.next_pass(end) - end.steady;
    const auto wait = std::clamp<Clock::duration>(left, milliseconds(0), std::chrono::hours(1));
    expect_pass_before(end.steady + wait);
    switch (signals.wait(std::chrono::ceil<milliseconds>(wait))) {
      case Signals::Event::stop: return;
      case Signals::Event::reload:
        (void)reload(Asker::the_operator);  // it logs its error
        break;
      case Signals::Event::wake:
      case Signals::Event::timeout: break;
    }
  }
}

void MainLoop::expect_pass_before(Clock::time_point time) {
  const auto patience = std::clamp<Clock::duration>(3 * config()->interval, std::chrono::seconds(10), std::chrono::seconds(60));
  pass_expected_at_ = (time + patience).time_since_epoch().count();
}

std::string MainLoop::trouble() const {
  const Clock::duration late = Clock::now().time_since_epoch() - Clock::duration(pass_expected_at_.load());
  if (late <= Clock::duration(0)) return {};
  return cat("the main loop is late by ", std::chrono::ceil<std::chrono::seconds>(late).count(),
             " s: it sends no heartbeats and restarts no agents; look at the disk of ", layout_.root(), "/var\n");
}

void MainLoop::pass() {
  if (auto fetched = fetch_worker_.take_outcome()) post("", std::move(*fetched));
  take_events();
  const Effects observations = cycle_.observe(folders_.read(kListWait), now());
  carry_out(observations);
  std::set<std::string> observed;
  for (const Effect& effect : observations) {
    if (const auto* observation = std::get_if<Observe>(&effect)) observed.insert(observation->agent);
  }
  if (!observed.empty()) queues_.wait_until_idle(observed, kObservationWait);
  take_events();
  if (!forgetting_.empty()) {
    queues_.wait_until_idle(std::exchange(forgetting_, {}), kObservationWait);
    take_events();
  }
  carry_out(cycle_.decide(fetch_worker_.progress(), now()));
  carry_out(cycle_.send(fetch_worker_.progress(), now()));
  publish();
}

void MainLoop::take_events() {
  while (auto event = next_event()) carry_out(cycle_.take(std::move(*event), now()));
}

/// The oldest event of an idle queue. A task posts its event while its queue is still busy, and the decision that follows may
/// need the queue: the event waits until the task has ended, which wakes the loop.
std::optional<Event> MainLoop::next_event() {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(events_.begin(), events_.end(), [&](const Posted& posted) { return !queues_.is_busy(posted.queue); });
  if (found == events_.end()) return std::nullopt;
  Event event = std::move(found->event);
  events_.erase(found);
  return event;
}

void MainLoop::post(std::string queue, Event event) {
  const std::lock_guard lock(mutex_);
  events_.push_back({std::move(queue), std::move(event)});
}

// ---- effects ----

void MainLoop::carry_out(const Effects& effects) {
  for (const Effect& effect : effects) std::visit([this](const auto& one) { perform(one); }, effect);
}

void MainLoop::perform(const Observe& effect) {
  queues_.run(effect.agent, [this, name = effect.agent, is_first = effect.is_first,
                             patience = config()->control_timeout](const std::stop_token& cancel) {
    auto seen = or_out_of_memory([&] {
      if (is_first) await_earlier_script(layout_, name, patience, cancel);
      return observe_agent(layout_, name, cancel, status_deadline(patience));
    });
    if (!cancel.stop_requested()) post(name, ObservationEnded{name, std::move(seen)});
  });
}

void MainLoop::perform(const Act& effect) {
  queues_.run(effect.seen.name, [this, effect](const std::stop_token& cancel) {
    const DesiredAgent* desired = effect.desired ? &*effect.desired : nullptr;
    auto outcome = or_out_of_memory(
        [&] { return updater::carry_out(effect.decision, effect.seen, desired, layout_, effect.settings, cancel); });
    post(effect.seen.name, ActionEnded{effect.seen.name, std::move(outcome)});
  });
}

void MainLoop::perform(const SaveState& effect) {
  queues_.run(effect.agent, [this, effect](const std::stop_token&) {
    if (auto saved = write_state(layout_.state_file(effect.agent), effect.state); !saved) {
      errors_.warn(effect.agent, saved.error().message);
    }
  });
}

void MainLoop::perform(const ForgetRetry& effect) {
  forgetting_.insert(effect.agent);
  queues_.run(effect.agent, [this, effect](const std::stop_token&) {
    Result<void> outcome;
    if (effect.state) outcome = write_state(layout_.state_file(effect.agent), *effect.state);
    if (outcome) outcome = remove_tree(layout_.retry_file(effect.agent));
    post(effect.agent, RetryForgotten{effect.agent, std::move(outcome)});
  });
}

void MainLoop::perform(const Fetch& effect) {
  fetch_worker_.want(effect.wanted, {config()->public_keys, credentials(Request::download)});
}

void MainLoop::perform(const SendHeartbeat& effect) {
  HeartbeatRequest heartbeat = effect.heartbeat;
  heartbeat.host_id = host_id_;
  queues_.run(kMetaQueue, [this, settings = config(), access = credentials(Request::heartbeat), stay = effect.stay,
                           heartbeat = std::move(heartbeat)](const std::stop_token& cancel) {
    const MetaClient::Timing timing{Clock::now(), stay};
    auto response = or_out_of_memory([&] { return meta_.send(settings->servers, heartbeat, cancel, access, timing); });
    save_generation();
    post(kMetaQueue, MetaAnswered{std::move(response), meta_.retry_after(), meta_.answered_by(), meta_.stale()});
  });
}

/// Before the assignments of the reply are carried out: a restart of the updater must not obey an older generation.
void MainLoop::save_generation() {
  if (meta_.generation() == generation_) return;
  if (auto saved = updater::save_generation(meta_.generation()); saved) {
    generation_ = meta_.generation();
    errors_.forget(kGenerationFile);
  } else {
    errors_.warn(kGenerationFile, saved.error().message);
  }
}

void MainLoop::perform(const NotePoll& effect) {
  notify_systemd("STATUS=" + effect.text);
  {
    const std::lock_guard lock(mutex_);
    note_ = effect.text + "\n";
    if (std::exchange(is_writing_notes_, true)) return;
  }
  queues_.run(kNoteQueue, [this](const std::stop_token&) { write_notes(); });
}

void MainLoop::write_notes() {
  for (;;) {
    std::optional<std::string> note;
    {
      const std::lock_guard lock(mutex_);
      note.swap(note_);
      is_writing_notes_ = note.has_value();
    }
    if (!note) return;
    if (auto written = write_note(kPollFile, *note); written) {
      errors_.forget(kPollFile);
    } else {
      errors_.warn(kPollFile, written.error().message);
    }
  }
}

void MainLoop::perform(const LogInfo& effect) { log::info(effect.text); }

void MainLoop::perform(const LogError& effect) { errors_.warn(effect.topic, effect.text); }

void MainLoop::perform(const EndError& effect) { errors_.forget(effect.topic); }

// ---- what other threads use ----

/// False if the same outcome was logged, or would have been, less than a minute ago: a user may ask in a loop.
bool MainLoop::is_worth_a_line(Asker asker, const std::string& outcome) {
  const std::lock_guard lock(mutex_);
  const auto when = Clock::now();
  const bool is_repeated = outcome == last_reload_ && when - last_reload_at_ < kReloadCalm;
  last_reload_ = outcome;
  last_reload_at_ = when;
  return asker == Asker::the_operator || !is_repeated;
}

Result<void> MainLoop::reload(Asker asker) {
  ConfigReport report;
  Config fresh = load_config(config_path_, report);
  if (report.ok()) check_tls(fresh, report);
  if (!report.ok()) {
    const std::string why = report.text(config_path_);
    if (is_worth_a_line(asker, why)) log::error("the config is not reloaded, the old one stays: ", why);
    return Error{cat("parse config file ", config_path_, " fail: ", why)};
  }
  const bool is_logged = is_worth_a_line(asker, cat(to_json(fresh), report.text(config_path_)));
  if (is_logged) {
    for (const std::string& warning : report.warnings) log::warning(config_path_, ": ", warning);
  }
  log::set_debug(fresh.debug);
  {
    const std::lock_guard lock(mutex_);
    if (is_logged && (fresh.http_listen != config_->http_listen || fresh.http_enabled != config_->http_enabled)) {
      log::warning("http.listen or http.enabled changed: restart ops-updater for the change to take effect");
    }
    config_ = std::make_shared<const Config>(fresh);
    sessions_ = make_sessions();  // drop cached sessions: their CA may no longer be trusted
    events_.push_back({"", ConfigReloaded{std::move(fresh), asker == Asker::the_operator}});
  }
  if (is_logged) log::info("config reloaded");
  Signals::wake();
  return {};
}

std::shared_ptr<const Config> MainLoop::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

ClientCredentials MainLoop::credentials(Request request) const {
  const std::lock_guard lock(mutex_);
  return credentials_of(*config_, sessions_, request);
}

void MainLoop::publish() {
  auto report = cycle_.report(fetch_worker_.progress());
  const std::lock_guard lock(mutex_);
  report_ = std::move(report);
  polls_ = cycle_.polls();
}

std::vector<AgentReport> MainLoop::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

PollCounts MainLoop::polls() const {
  const std::lock_guard lock(mutex_);
  return polls_;
}

}  // namespace ops::updater
