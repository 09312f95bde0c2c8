#include "meta/reports/standstill.h"

#include <array>
#include <ctime>

#include "common/base/number_text.h"
#include "meta/reports/fleet_summary.h"

namespace ops::meta {

namespace {

constexpr size_t kNamedHolders = 3;
constexpr size_t kMaxErrorSize = 80;  // bytes

std::string since(const RolloutState& state) {
  return state.halted_since == 0 ? "" : cat(" since ", time_text(state.halted_since));
}

/// "lg-db031 (229 s, downloading), lg-db032 (12 s)"
std::string holders_of(const RolloutSituation& rollout, const RolloutController& controller, const HostTable& hosts,
                       RolloutController::TimePoint now) {
  const std::string& name = rollout.agent.defaults.name;
  const auto holders = controller.leases().holders(name, release_key(rollout.agent, rollout.version), kNamedHolders);
  std::string text;
  for (const auto& [host, granted_at] : holders) {
    const auto age = std::chrono::floor<std::chrono::seconds>(now - granted_at).count();
    std::string what;
    if (const auto known = hosts.find(host)) {
      const AgentUpdate* update = known->update(name);
      if (update != nullptr && update->version == rollout.version) {
        what = update->error.empty() ? update->phase : one_line(update->error, kMaxErrorSize);
      }
    }
    text += cat(text.empty() ? "" : ", ", host, " (", age, " s", what.empty() ? "" : ", ", what, ")");
  }
  return text + (rollout.state.leases.inflight > holders.size() ? " …" : "");
}

}  // namespace

std::string time_text(int64_t seconds) {
  if (seconds == 0) return "";
  std::tm then{};
  std::tm today{};
  const std::time_t time = seconds;
  const std::time_t now_time = std::time(nullptr);
  ::localtime_r(&time, &then);
  ::localtime_r(&now_time, &today);
  const bool is_today = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &then);
  return {text.data(), size};
}

std::string_view to_word(Standstill standstill) {
  constexpr std::array<std::string_view, 8> kWords = {"moving", "warming-up", "halted-by-hand", "halted",
                                                      "slots",  "cautious",   "soaking",        "no-host"};
  return kWords[static_cast<size_t>(standstill)];
}

Standstill standstill_of(const RolloutSituation& rollout, const RolloutController& controller) {
  const auto& [agent, version, state, scan] = rollout;
  if (scan != nullptr && scan->assigned == 0) return Standstill::moving;
  const uint32_t waiting = scan == nullptr ? 0 : scan->waiting;
  if (state.order == Order::halt) return Standstill::halted_by_hand;
  if (state.is_halted) return Standstill::halted;
  if (waiting > 0 && controller.is_warming_up()) return Standstill::warming_up;
  const uint32_t most = max_on_the_way(state.reports, state.failed());
  const uint32_t slots = slots_in_use(state.leases, state.reports.peak);
  if (agent.rollout.parallel > 0 && (slots >= agent.rollout.parallel || slots + state.reports.soaking >= most)) {
    RolloutReports well = state.reports;
    well.is_suspect = false;
    if (state.leases.inflight > 0) return most < max_on_the_way(well, 0) ? Standstill::cautious : Standstill::slots;
    if (state.reports.soaking > 0 && (scan == nullptr || waiting > 0)) return Standstill::soaking;
  }
  if (scan == nullptr || waiting > 0 || state.leases.inflight > 0) return Standstill::moving;
  return state.leases.stuck + scan->held + scan->absent > 0 ? Standstill::no_host : Standstill::moving;
}

std::string why_it_waits(const RolloutSituation& rollout, const RolloutController& controller, const HostTable& hosts,
                         RolloutController::TimePoint now) {
  const RolloutState& state = rollout.state;
  switch (standstill_of(rollout, controller)) {
    case Standstill::moving: return "";
    case Standstill::warming_up: return cat("warming up for another ", controller.warm_up_left(now).count(), " s");
    case Standstill::halted_by_hand: return cat("halted by hand", since(state));
    case Standstill::halted: return cat("halted", since(state), ": ", why_halted(state, rollout.agent.rollout));
    case Standstill::slots: return cat("slots held by ", holders_of(rollout, controller, hosts, now));
    case Standstill::cautious:
      return cat(max_on_the_way(state.reports, state.failed()), " at a time because ",
                 state.failed() > 0 ? cat(counted(state.failed(), "host"), " failed") : std::string("hosts are in trouble"),
                 "; slots held by ", holders_of(rollout, controller, hosts, now));
    case Standstill::soaking: {
      const auto soak = soak_of(rollout.agent.rollout.soak, std::chrono::seconds(hosts.longest_interval()));
      return cat("soaking: ", counted(state.reports.soaking, "host"), state.reports.soaking == 1 ? " has" : " have",
                 " run it for less than ", rough(soak));
    }
    case Standstill::no_host: {
      std::string text;
      const auto add = [&text](uint32_t count, std::string_view what) {
        if (count > 0) text += cat(text.empty() ? ": " : ", ", grouped(count), what);
      };
      add(state.leases.stuck, " cannot take it");
      add(rollout.scan->held, " held");
      add(rollout.scan->absent, " silent");
      return "no host left to ask" + text;
    }
  }
  return "";
}

}  // namespace ops::meta
