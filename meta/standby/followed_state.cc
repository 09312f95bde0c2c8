#include "meta/standby/followed_state.h"

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "meta/rollout/rollout_snapshot.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxSize = 64 << 20;  // bytes

std::string dump(const Json& document) { return document.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// The rollouts as if they were saved on this machine now: rollout_snapshot.h compares the clocks of a save and of a start.
Result<std::string> saved_here(const std::string& rollouts) {
  auto parsed = parse_rollouts(rollouts);
  if (!parsed) return parsed.error().within("the leader's rollouts");
  parsed->saved = boot_time();
  return to_json(*parsed);
}

}  // namespace

FollowedState state_of(const Config& config, const HostTable& hosts, const RolloutController& controller, int64_t generation,
                       WallTime wall) {
  return {generation, controller.is_warming_up(), assignments_json(config), controller.orders().json(),
          to_json(snapshot_of(hosts, controller, wall, {}))};
}

std::string to_json(const FollowedState& state) {
  return dump({{"generation", state.generation},
               {"warmsUp", state.warms_up},
               {"config", state.config},
               {"orders", state.orders},
               {"rollouts", state.rollouts}});
}

Result<FollowedState> parse_followed_state(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    return FollowedState{json.at("generation"), json.at("warmsUp"), json.at("config"), json.at("orders"), json.at("rollouts")};
  } catch (const Json::exception&) {
    return Error{"the reply is no state of an ops-meta that leads"};
  }
}

std::optional<FollowedConfig> load_followed(const std::string& path) {
  const auto text = read_file(path, kMaxSize);
  if (!text) return std::nullopt;
  try {
    const Json json = Json::parse(*text);
    return FollowedConfig{json.at("generation"), json.at("at"), json.at("config")};
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Result<void> save_followed(const FollowedConfig& followed, const std::string& path) {
  return replace_file(path, dump({{"generation", followed.generation}, {"at", followed.at}, {"config", followed.config}}),
                      0600);
}

Result<void> write_followed(const FollowedState& state, const FollowedState& before, int64_t now) {
  if (!state.warms_up && state.rollouts != before.rollouts) {
    const auto rollouts = saved_here(state.rollouts);
    if (!rollouts) return rollouts.error();
    if (auto written = replace_file(kSavedRolloutsFile, *rollouts, 0600); !written) return written;
  }
  if (state.orders != before.orders) {
    if (auto written = replace_file(kOrdersFile, state.orders, 0600); !written) return written;
  }
  if (state.config == before.config && state.generation == before.generation) return {};
  return save_followed({state.generation, now, state.config}, kFollowedFile);
}

Result<std::string> with_followed_agents(const std::string& path, const Config& config, const FollowedConfig& followed) {
  const auto assignments = assignments_in(followed.config);
  if (assignments == nullptr) return Error{cat(kFollowedFile, " has a config that this ops-meta refuses: upgrade it")};
  if (assignments_json(config) == assignments_json(*assignments->config())) return std::string();
  const auto text = read_file(path, kMaxSize);
  if (!text) return text.error();
  try {
    Json document = Json::parse(*text);
    const Json last = Json::parse(followed.config);
    document["agents"] = last.at("agents");
    document.erase("interval");
    if (last.at("interval") != 0) document["interval"] = last.at("interval");
    return document.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
  } catch (const Json::exception& failure) {
    return Error{cat("cannot put the agents of ", kFollowedFile, " into ", path, ": ", failure.what())};
  }
}

std::shared_ptr<const Assignments> assignments_in(const std::string& config) {
  ConfigReport report;
  auto parsed = std::make_shared<const Config>(parse_config(config, report));
  return report.ok() ? std::make_shared<const Assignments>(std::move(parsed)) : nullptr;
}

}  // namespace ops::meta
