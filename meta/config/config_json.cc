// to_json() of config.h; config.cc reads the config.

#include <nlohmann/json.hpp>

#include "common/base/secret.h"
#include "common/protocol/url.h"
#include "meta/config/config.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

/// The `tarball` of an entry: a URL, or a list of them.
Json tarball_of(const std::string& first, const std::vector<std::string>& mirrors) {
  if (mirrors.empty()) return without_secrets(first);
  Json urls = {without_secrets(first)};
  for (const std::string& mirror : mirrors) urls.push_back(without_secrets(mirror));
  return urls;
}

Json json_of(const AgentConfig& agent) {
  Json others = Json::array();
  for (const Override& entry : agent.others) {
    others.push_back({{"prefix", entry.prefix},
                      {"percent", entry.percent},
                      {"version", entry.version},
                      {"tarball", tarball_of(entry.tarball, entry.mirrors)},
                      {"md5", without_secrets(entry.md5)},
                      {"cmd", entry.cmd}});
  }
  const DesiredAgent& defaults = agent.defaults;
  Json rollout = {{"parallel", agent.rollout.parallel},
                  {"maxFailures", agent.rollout.max_failures},
                  {"maxFailureRate", agent.rollout.max_failure_rate},
                  {"timeout", agent.rollout.timeout.count()}};
  if (agent.rollout.soak.count() >= 0) rollout["soak"] = agent.rollout.soak.count();
  Json json_of_default = {{"name", defaults.name},
                          {"version", defaults.version},
                          {"tarball", tarball_of(defaults.tarball, defaults.mirrors)},
                          {"md5", without_secrets(defaults.md5)},
                          {"cmd", defaults.cmd},
                          {"preserve", defaults.preserve}};
  if (defaults.start_timeout > 0) json_of_default["startTimeout"] = defaults.start_timeout;
  if (defaults.stop_timeout > 0) json_of_default["stopTimeout"] = defaults.stop_timeout;
  return {{"default", std::move(json_of_default)}, {"others", std::move(others)}, {"rollout", std::move(rollout)}};
}

}  // namespace

std::string to_json(const AgentConfig& agent) { return json_of(agent).dump(); }

std::string to_json(const Config& config) {
  Json agents = Json::array();
  for (const AgentConfig& agent : config.agents) agents.push_back(json_of(agent));
  return Json{{"debug", config.debug},
              {"tarballDir", config.tarball_dir},
              {"interval", config.interval.count()},
              {"http",
               {{"enabled", config.http_enabled},
                {"listen", config.http_listen},
                {"maxConnections", config.max_connections},
                {"keepAlive", config.keep_alive.count()},
                {"maxDownloads", config.max_downloads},
                {"tls", {{"cert", config.tls.cert}, {"key", config.tls.key}, {"clientCa", config.tls.ca}}},
                {"tokens", std::vector<std::string>(config.tokens.size(), kMasked)},
                {"adminTokens", std::vector<std::string>(config.admin_tokens.size(), kMasked)}}},
              {"maxHosts", config.max_hosts},
              {"agents", std::move(agents)}}
      .dump();
}

}  // namespace ops::meta
