#include "meta/rollout/rollout_snapshot.h"

#include <nlohmann/json.hpp>

#include "common/base/file.h"

namespace ops::meta {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxSize = size_t{1} << 30;

/// Throws for a fraction and for a number out of range: to convert one is undefined.
int64_t whole_number(const Json& number) {
  if (!number.is_number_integer()) throw Json::other_error::create(599, "not a whole number", nullptr);
  return number;
}

}  // namespace

Result<void> save_rollouts(const RolloutSnapshot& rollouts, const std::string& path) {
  Json leases = Json::array();
  for (const Leases::Saved& lease : rollouts.leases) {
    leases.push_back(
        {{"agent", lease.agent}, {"version", lease.version}, {"host", lease.host}, {"grantedAt", lease.granted_at}});
  }
  Json peaks = Json::array();
  for (const auto& [agent, version, hosts] : rollouts.peaks) {
    peaks.push_back({{"agent", agent}, {"version", version}, {"hosts", hosts}});
  }
  const Json document = {{"leases", std::move(leases)}, {"proven", std::move(peaks)}};
  return replace_file(path, document.dump(-1, ' ', false, Json::error_handler_t::replace), 0600);
}

Result<RolloutSnapshot> load_rollouts(const std::string& path) {
  const auto text = read_file(path, kMaxSize);
  if (!text) return text.error();
  RolloutSnapshot rollouts;
  try {
    const Json document = Json::parse(*text);
    for (const Json& lease : document.at("leases")) {
      rollouts.leases.push_back(
          {lease.at("agent"), lease.at("version"), lease.at("host"), whole_number(lease.at("grantedAt"))});
    }
    for (const Json& entry : document.at("proven")) {
      rollouts.peaks.emplace_back(entry.at("agent"), entry.at("version"),
                                  static_cast<uint32_t>(whole_number(entry.at("hosts"))));
    }
  } catch (const Json::exception&) {
    return Error{cat(path, " is ignored: it is damaged")};
  }
  return rollouts;
}

}  // namespace ops::meta
