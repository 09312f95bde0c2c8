#include "meta/standby/leadership.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/log.h"

namespace ops::meta {

namespace {

constexpr size_t kMaxSize = 4096;  // bytes
constexpr std::string_view kLeads = "leads, generation ";

}  // namespace

std::optional<Leadership> load_leadership(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  const auto text = read_file(path, kMaxSize);
  try {
    const auto json = nlohmann::json::parse(text ? *text : "");
    return Leadership{json.at("leads"), json.at("generation"), json.value("warmsUp", false)};
  } catch (const nlohmann::json::exception&) {
    log::error(path, " is damaged or unreadable: ops-meta takes it for that of an ops-meta that does not lead");
    return Leadership{};
  }
}

Result<void> save_leadership(const Leadership& leadership, const std::string& path) {
  const nlohmann::ordered_json json = {
      {"leads", leadership.leads}, {"generation", leadership.generation}, {"warmsUp", leadership.warms_up}};
  return replace_file(path, json.dump() + "\n", 0600);
}

Leadership leadership_at_start(const Config& config) {
  const auto saved = load_leadership(kLeaderFile);
  if (!config.standby.of.empty()) return saved.value_or(Leadership{});
  if (!saved || saved->leads) return saved.value_or(Leadership{true});
  const Leadership leadership{true, next_generation(saved->generation, std::time(nullptr)), true};
  log::warning("cfg.json has no standby any more: ops-meta leads with generation ", leadership.generation);
  if (auto written = save_leadership(leadership, kLeaderFile); !written) log::error(written.error().message);
  return leadership;
}

int64_t next_generation(int64_t seen, int64_t now) { return std::max(seen + 1, now); }

std::string leader_line(int64_t generation) { return cat(kLeads, generation, "\n"); }

std::optional<int64_t> generation_in(const std::string& leader_line) {
  if (!leader_line.starts_with(kLeads)) return std::nullopt;
  const auto number = parse_number(trim(std::string_view(leader_line).substr(kLeads.size())));
  return number && *number < INT64_MAX ? std::optional(static_cast<int64_t>(*number)) : std::nullopt;
}

}  // namespace ops::meta
