#include "updater/model/state.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/protocol/heartbeat.h"

namespace ops::updater {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxStateSize = 64 << 10;

/// Versions become parts of paths.
std::string version_field(const Json& object, const char* key) {
  std::string version = object.at(key);
  if (!version.empty() && !is_valid_version(version))
    throw Json::other_error::create(599, cat(key, ": ", invalid_version_message(version)), nullptr);
  return version;
}

/// A trial or a failure is of some version.
std::string own_version(const Json& object) {
  std::string version = version_field(object, "version");
  if (version.empty()) throw Json::other_error::create(599, "a version is missing", nullptr);
  return version;
}

/// Not a fraction, nor a number that no time can be: to convert one of those is undefined.
int64_t time_field(const Json& object, const char* key) {
  const Json& time = object.at(key);
  if (!time.is_number_integer()) throw Json::other_error::create(599, cat(key, " is no time"), nullptr);
  return time;
}

State from_json(const Json& json) {
  State state;
  if (json.contains("trial")) {
    const Json& trial = json.at("trial");
    state.trial =
        Probation{own_version(trial), version_field(trial, "previous"), trial.at("checksum"), time_field(trial, "until")};
  }
  if (json.contains("failed")) {
    const Json& failed = json.at("failed");
    state.failed = Failure{own_version(failed), failed.at("checksum"), failed.at("error"), time_field(failed, "when")};
  }
  state.previous = version_field(json, "previous");
  state.stopped = json.value("stopped", false);
  return state;
}

Json to_json(const State& state) {
  Json json = Json::object();
  if (const auto& trial = state.trial) {
    json["trial"] = {
        {"version", trial->version}, {"previous", trial->previous}, {"checksum", trial->checksum}, {"until", trial->until}};
  }
  if (const auto& failed = state.failed) {
    json["failed"] = {
        {"version", failed->version}, {"checksum", failed->checksum}, {"error", failed->error}, {"when", failed->when}};
  }
  json["previous"] = state.previous;
  json["stopped"] = state.stopped;
  return json;
}

/// Out of the way, so that it is told of once, and .state can be written even if this is a folder.
State put_aside(const std::string& path, const std::string& why) {
  const std::string aside = path + ".damaged";
  const auto removed = remove_tree(aside);
  const bool done = removed && ::rename(path.c_str(), aside.c_str()) == 0;
  log::error(path, " ", why, "; going on as if there was none", done ? ", it is " + aside + " now" : "");
  return {};
}

}  // namespace

Result<State> read_state(const std::string& path) {
  const auto text = find_file(path, kMaxStateSize);
  if (!text) return text.error();
  if (!*text) {
    if (::access(path.c_str(), F_OK) == 0) return put_aside(path, "can't be read");
    return State{};
  }
  try {
    return from_json(Json::parse(**text));
  } catch (const Json::exception& failure) {
    return put_aside(path, cat("is damaged, ", failure.what()));
  }
}

Result<void> write_state(const std::string& path, const State& state) {
  return put_file(path, to_json(state).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", 0600);
}

}  // namespace ops::updater
