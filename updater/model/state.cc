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

/// Refuses a version that is no valid name: versions become parts of paths.
std::string version_field(const Json& object, const char* key) {
  std::string version = object.at(key);
  if (!version.empty() && !is_valid_version(version))
    throw Json::other_error::create(599, cat(key, ": ", invalid_version_message(version)), nullptr);
  return version;
}

/// The version of a probation or a latch, which must not be empty.
std::string own_version(const Json& object) {
  std::string version = version_field(object, "version");
  if (version.empty()) throw Json::other_error::create(599, "version is empty", nullptr);
  return version;
}

/// Refuses fractions and numbers out of range: their conversion to int64_t is undefined.
int64_t number_field(const Json& object, const char* key) {
  const Json& number = object.at(key);
  if (!number.is_number_integer()) throw Json::other_error::create(599, cat(key, " is not a whole number"), nullptr);
  return number;
}

State from_json(const Json& json) {
  State state;
  if (json.contains("trial")) {
    const Json& probation = json.at("trial");
    state.probation = Probation{own_version(probation), version_field(probation, "previous"), probation.at("checksum"),
                                number_field(probation, "until")};
    if (probation.contains("starts")) state.probation->starts = number_field(probation, "starts");
    if (probation.contains("bootId")) {
      state.probation->boot_id = probation.at("bootId");
      state.probation->until_since_boot = number_field(probation, "untilSinceBoot");
    }
    if (probation.contains("soak")) state.probation->soak = number_field(probation, "soak");
  }
  if (json.contains("soak")) {
    const Json& soak = json.at("soak");
    state.soak = Soak{
        own_version(soak),           soak.at("checksum"), version_field(soak, "previous"),      number_field(soak, "seconds"),
        number_field(soak, "until"), soak.at("bootId"),   number_field(soak, "untilSinceBoot"), number_field(soak, "deaths")};
  }
  if (json.contains("failed")) {
    const Json& failed = json.at("failed");
    state.latch = Latch{own_version(failed), failed.at("checksum"), failed.at("error"), number_field(failed, "when")};
  }
  state.previous = version_field(json, "previous");
  state.stopped = json.value("stopped", false);
  return state;
}

Json to_json(const State& state) {
  Json json = Json::object();
  if (const auto& probation = state.probation) {
    json["trial"] = {{"version", probation->version},
                     {"previous", probation->previous},
                     {"checksum", probation->checksum},
                     {"until", probation->until},
                     {"starts", probation->starts}};
    if (!probation->boot_id.empty()) {
      json["trial"]["bootId"] = probation->boot_id;
      json["trial"]["untilSinceBoot"] = probation->until_since_boot;
    }
    if (probation->soak > 0) json["trial"]["soak"] = probation->soak;
  }
  if (const auto& soak = state.soak) {
    json["soak"] = {{"version", soak->version},
                    {"checksum", soak->checksum},
                    {"previous", soak->previous},
                    {"seconds", soak->seconds},
                    {"until", soak->until},
                    {"bootId", soak->boot_id},
                    {"untilSinceBoot", soak->until_since_boot},
                    {"deaths", soak->deaths}};
  }
  if (const auto& failed = state.latch) {
    json["failed"] = {
        {"version", failed->version}, {"checksum", failed->checksum}, {"error", failed->error}, {"when", failed->when}};
  }
  json["previous"] = state.previous;
  json["stopped"] = state.stopped;
  return json;
}

/// Renames the file, so that the log names it only once, and .state can be written even if a folder is in its place.
State set_aside(const std::string& path, const std::string& why) {
  const std::string aside = path + ".damaged";
  const auto removed = remove_tree(aside);
  const bool renamed = removed && ::rename(path.c_str(), aside.c_str()) == 0;
  log::error(path, " ", why, "; the updater ", renamed ? cat("renamed it to ", aside, " and ") : "", "goes on without it");
  return {};
}

}  // namespace

Result<State> read_state(const std::string& path) {
  const auto text = find_file(path, kMaxStateSize);
  if (!text) return text.error();
  if (!*text) {
    if (::access(path.c_str(), F_OK) == 0) return set_aside(path, "cannot be read as a file of at most 64 KiB");
    return State{};
  }
  try {
    return from_json(Json::parse(**text));
  } catch (const Json::exception& failure) {
    return set_aside(path, cat("is damaged: ", failure.what()));
  }
}

Result<void> write_state(const std::string& path, const State& state) {
  return put_file(path, to_json(state).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", 0600);
}

}  // namespace ops::updater
