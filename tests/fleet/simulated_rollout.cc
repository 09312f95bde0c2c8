#include "tests/fleet/simulated_rollout.h"

#include <algorithm>

namespace ops::fleet {

namespace {

constexpr int64_t kDownload = 20'000;    // ms
constexpr int64_t kProbation = 30'000;   // ms
constexpr int64_t kReportAgain = 1'000;  // ms
constexpr int64_t kTick = 10'000;        // ms

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

int64_t to_ms(double seconds) { return static_cast<int64_t>(seconds * 1000); }

}  // namespace

SimulatedRollout::SimulatedRollout(SimulationOptions options)
    : options_(std::move(options)), state_(options_.hosts), wheel_(options_.hosts), random_(options_.seed) {
  heartbeat_.updater_version = "1.1.0";
  heartbeat_.platform = "linux_amd64";
  heartbeat_.real_agents = {{"a", "1", "started", 0}};
  alive_ = options_.hosts;
  for (uint32_t id = 0; id < options_.hosts; ++id) {
    state_[id].flaps = is_chosen(id, 4, options_.background.flapping);
    state_[id].booted_at = state_[id].started_at = to_ms(-1e6);
    heartbeat_.hostname = "h" + std::to_string(id);
    heartbeat_.interval = options_.reports_interval ? static_cast<int64_t>(options_.interval) : 0;
    (void)hosts_.record(heartbeat_, kBegin - std::chrono::seconds(1));
    wheel_.set(id, std::uniform_int_distribution<int64_t>(0, to_ms(options_.interval))(random_));
  }
}

bool SimulatedRollout::is_chosen(uint32_t host, uint32_t salt, double share) const {
  return share > 0 && static_cast<double>(mix(mix(uint64_t{host} << 8 | salt) + options_.seed) % 1'000'000) < share * 1e6;
}

bool SimulatedRollout::is_done() const {
  const uint32_t done = assigned_.version == "2" ? running_ : alive_ - running_;
  return done >= 0.999 * alive_;
}

bool SimulatedRollout::run(double seconds) {
  const int64_t end = now_ms_ + to_ms(seconds);
  const auto due = [this](uint32_t id, int64_t at) {
    now_ms_ = at;
    visit(id);
  };
  while (now_ms_ < end && !is_done()) {
    const int64_t next = ticked_at_ + kTick;
    wheel_.advance(std::min(next, end), due);
    now_ms_ = std::min(next, end);
    if (now_ms_ < next) break;
    ticked_at_ = next;
    controller_.tick(time());
    was_halted_ = was_halted_ || state().is_halted;
  }
  return is_done();
}

/// The things that happened to the host since its last round.
void SimulatedRollout::let_happen(uint32_t id, Host& host) {
  const SimulatedRelease& release = options_.release;
  const SimulatedBackground& background = options_.background;
  const double hours = static_cast<double>(now_ms_ - host.round_at) / 3'600'000;
  host.round_at = now_ms_;
  if (draw(background.deaths * hours)) host.alive = false;
  if (draw(background.reboots * hours)) host.up = false, host.booted_at = now_ms_;
  if (host.flaps && draw(0.5)) host.up = false;
  if (host.phase == Phase::downloading && now_ms_ >= host.until) {
    host.phase = Phase::probation;
    host.until = now_ms_ + kProbation;
    host.version = assigned_.version == "2" ? 2 : 1;
    if (host.version == 2) ++running_;
    if (host.version == 1) --running_;
    host.up = true;
    host.restarts = 0;
    host.started_at = host.changed_at = now_ms_;
  } else if (host.phase == Phase::probation && now_ms_ >= host.until) {
    host.phase = Phase::idle;
    if (host.version == 2 && is_chosen(id, 1, release.starts_not)) {
      host.version = 1;
      --running_;
      host.phase = Phase::rolled_back;
    }
  }
  if (host.version != 2) return;
  const bool dies = release.dies_after > 0 && is_chosen(id, 2, release.dies_on);
  if (dies && now_ms_ >= host.started_at + to_ms(release.dies_after)) host.up = false;
  if (release.silent_after > 0 && now_ms_ >= host.changed_at + to_ms(release.silent_after)) host.alive = false;
}

/// Sends a heartbeat and follows the reply. Returns whether an update begins.
bool SimulatedRollout::send(uint32_t id, Host& host) {
  heartbeat_.hostname.assign("h").append(std::to_string(id));
  RealAgent& agent = heartbeat_.real_agents[0];
  agent.version = host.version == 2 ? "2" : "1";
  agent.status = host.up ? "started" : "stoped";
  if (options_.reports_interval) {
    agent.restarts = host.restarts;
    agent.started = (now_ms_ - host.started_at) / 1000;
    heartbeat_.uptime = (now_ms_ - host.booted_at) / 1000;
  }
  heartbeat_.updates.clear();
  if (host.phase != Phase::idle) {
    const char* phase = host.phase == Phase::downloading ? "downloading"
                        : host.phase == Phase::probation ? "probation"
                                                         : "rolled-back";
    heartbeat_.updates.push_back({"a", host.phase == Phase::rolled_back ? "2" : assigned_.version, phase, 0, 0, 1, 0, ""});
  }
  if (!hosts_.record(heartbeat_, time())) return false;
  const bool may_change = controller_.decide(assigned_, options_.limits, heartbeat_, time()) == meta::Answer::desired;
  if (!may_change || host.phase != Phase::idle || agent.version == assigned_.version) return false;
  if (!host.told) ++told_;
  host.told = true;
  host.phase = Phase::downloading;
  host.until = now_ms_ + kDownload;
  return true;
}

void SimulatedRollout::visit(uint32_t id) {
  Host& host = state_[id];
  const SimulatedBackground& background = options_.background;
  const double pause = options_.interval * std::uniform_real_distribution<>(0.9, 1.1)(random_);
  int64_t next = now_ms_ + to_ms(pause);
  const bool is_dark = now() >= background.dark_from && now() < background.dark_until && is_chosen(id, 3, background.dark);
  let_happen(id, host);
  if (!host.alive) {
    --alive_;
    running_ -= host.version == 2 ? 1 : 0;
    return;
  }
  if (!is_dark) {
    (void)send(id, host);
    const bool can_start = options_.release.starts_again || host.version != 2;
    if (!host.up && can_start) {  // the updater starts the agent again and reports it
      host.up = true;
      ++host.restarts;
      host.started_at = now_ms_;
      next = std::min(next, now_ms_ + kReportAgain);
    }
  }
  if (host.phase == Phase::downloading || host.phase == Phase::probation)
    next = std::min(next, std::max(host.until, now_ms_ + 1));
  wheel_.set(id, next);
}

}  // namespace ops::fleet
