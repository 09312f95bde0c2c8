#include "meta/rollout/rollout_snapshot.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/text.h"

namespace ops::meta {

namespace {

using Json = nlohmann::json;

constexpr int64_t kRounding = 2;    // seconds
constexpr int64_t kBootTime = 600;  // seconds that a machine may take to stop and boot

constexpr size_t kMaxSize = size_t{1} << 30;

/// Throws for a fraction and for a number out of range: to convert one is undefined.
int64_t whole_number(const Json& number) {
  if (!number.is_number_integer()) throw Json::other_error::create(599, "not a whole number", nullptr);
  return number;
}

int64_t to_seconds(RolloutWatch::TimePoint time) { return std::chrono::system_clock::to_time_t(time); }
RolloutWatch::TimePoint to_time(const Json& seconds) { return std::chrono::system_clock::from_time_t(whole_number(seconds)); }

Cohort cohort_of(const Json& json) {
  Cohort cohort;
  for (size_t i = 0; i < cohort.hosts.size(); ++i) {
    cohort.hosts[i] = static_cast<uint32_t>(whole_number(json.at("hosts").at(i)));
    cohort.troubled[i] = static_cast<uint32_t>(whole_number(json.at("troubled").at(i)));
  }
  return cohort;
}

}  // namespace

RolloutSnapshot snapshot_of(const HostTable& hosts, const RolloutController& controller, WallTime wall, BootTime boot) {
  const auto ahead = std::chrono::round<std::chrono::seconds>(wall - steady_now());
  RolloutSnapshot rollouts{controller.leases().all(), hosts.peaks(), std::move(boot), controller.watch().all(),
                           hosts.longest_interval()};
  for (Leases::Saved& lease : rollouts.leases) lease.granted_at += ahead.count();
  for (RolloutWatch::Rollout& rollout : rollouts.under_way) {
    rollout.began += ahead;
    rollout.asked_at += ahead;
  }
  return rollouts;
}

std::string to_json(const RolloutSnapshot& rollouts) {
  Json leases = Json::array();
  Json turns = Json::array();
  for (const Leases::Saved& lease : rollouts.leases) {
    Json entry = {{"agent", lease.agent}, {"version", lease.version}, {"host", lease.host}, {"grantedAt", lease.granted_at}};
    if (lease.turn == Turn::inflight || lease.turn == Turn::overdue) {
      leases.push_back(std::move(entry));
    } else {
      entry["turn"] = to_word(lease.turn);
      entry["failed"] = lease.has_failed;
      turns.push_back(std::move(entry));
    }
  }
  Json peaks = Json::array();
  for (const auto& [agent, version, hosts] : rollouts.peaks) {
    peaks.push_back({{"agent", agent}, {"version", version}, {"hosts", hosts}});
  }
  Json document = {{"leases", std::move(leases)}, {"proven", std::move(peaks)}, {"turns", std::move(turns)}};
  if (const auto& saved = rollouts.saved) {
    document["saved"] = {{"at", saved->wall}, {"bootId", saved->boot_id}, {"sinceBoot", saved->seconds}};
  }
  if (rollouts.longest_interval > 0) document["longestInterval"] = rollouts.longest_interval;
  for (const RolloutWatch::Rollout& rollout : rollouts.under_way) {
    Json& entry = document["underWay"].emplace_back(Json{{"agent", rollout.agent},
                                                         {"version", rollout.version},
                                                         {"began", to_seconds(rollout.began)},
                                                         {"askedAt", to_seconds(rollout.asked_at)}});
    if (rollout.is_surveyed) entry["before"] = {{"hosts", rollout.before.hosts}, {"troubled", rollout.before.troubled}};
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path) {
  return replace_file(path, to_json(rollouts), 0600);
}

Result<RolloutSnapshot> load_rollouts(const std::string& path) {
  const auto text = read_file(path, kMaxSize);
  if (!text) return text.error();
  auto rollouts = parse_rollouts(*text);
  if (!rollouts) return Error{cat(path, " is ignored: ", rollouts.error().message)};
  return rollouts;
}

Result<RolloutSnapshot> parse_rollouts(const std::string& text) {
  RolloutSnapshot rollouts;
  try {
    const Json document = Json::parse(text);
    for (const Json& lease : document.at("leases")) {
      rollouts.leases.push_back(
          {lease.at("agent"), lease.at("version"), lease.at("host"), whole_number(lease.at("grantedAt"))});
    }
    for (const Json& entry : document.value("turns", Json::array())) {
      const auto turn = to_turn(entry.at("turn").get<std::string>());
      if (!turn) continue;  // of a later ops-meta
      rollouts.leases.push_back({entry.at("agent"), entry.at("version"), entry.at("host"), whole_number(entry.at("grantedAt")),
                                 *turn, entry.at("failed")});
    }
    for (const Json& entry : document.at("proven")) {
      rollouts.peaks.emplace_back(entry.at("agent"), entry.at("version"),
                                  static_cast<uint32_t>(whole_number(entry.at("hosts"))));
    }
    if (const auto saved = document.find("saved"); saved != document.end()) {
      rollouts.saved = {saved->at("bootId"), whole_number(saved->at("sinceBoot")), whole_number(saved->at("at"))};
    }
    rollouts.longest_interval = whole_number(document.value("longestInterval", Json(0)));
    for (const Json& entry : document.value("underWay", Json::array())) {
      RolloutWatch::Rollout& rollout = rollouts.under_way.emplace_back();
      rollout.agent = entry.at("agent");
      rollout.version = entry.at("version");
      rollout.began = to_time(entry.at("began"));
      rollout.asked_at = to_time(entry.at("askedAt"));
      rollout.is_surveyed = entry.contains("before");
      if (rollout.is_surveyed) rollout.before = cohort_of(entry.at("before"));
    }
  } catch (const Json::exception&) {
    return Error{"it is damaged"};
  }
  return rollouts;
}

std::optional<std::chrono::seconds> since_save(const RolloutSnapshot& rollouts, const BootTime& now) {
  if (!rollouts.saved) return std::nullopt;
  const int64_t spent = seconds_between(*rollouts.saved, now);
  const int64_t shown = now.wall - rollouts.saved->wall;
  const int64_t longer = now.boot_id == rollouts.saved->boot_id ? kRounding : kBootTime;
  if (shown >= spent - kRounding && shown <= spent + longer) return std::nullopt;
  return std::chrono::seconds(spent);
}

namespace {

int64_t time_at(int64_t saved_time, const RolloutSnapshot& rollouts, int64_t now,
                std::optional<std::chrono::seconds> since_save) {
  const bool is_known = rollouts.saved && since_save;
  const int64_t age = is_known ? rollouts.saved->wall - saved_time + since_save->count() : now - saved_time;
  return now - std::max<int64_t>(age, 0);
}

}  // namespace

std::vector<Leases::Saved> leases_at(const RolloutSnapshot& rollouts, int64_t now,
                                     std::optional<std::chrono::seconds> since_save) {
  std::vector<Leases::Saved> leases = rollouts.leases;
  for (Leases::Saved& lease : leases) lease.granted_at = time_at(lease.granted_at, rollouts, now, since_save);
  return leases;
}

std::vector<RolloutWatch::Rollout> under_way_at(const RolloutSnapshot& rollouts, int64_t now,
                                                std::optional<std::chrono::seconds> since_save) {
  std::vector<RolloutWatch::Rollout> under_way = rollouts.under_way;
  for (RolloutWatch::Rollout& rollout : under_way) {
    for (RolloutWatch::TimePoint* time : {&rollout.began, &rollout.asked_at}) {
      *time = to_time(time_at(to_seconds(*time), rollouts, now, since_save));
    }
  }
  return under_way;
}

std::chrono::seconds longest_interval_in(const std::string& path) {
  const auto text = read_file(path, 32);
  return std::chrono::seconds(text ? parse_number(trim(*text)).value_or(0) : 0);
}

}  // namespace ops::meta
