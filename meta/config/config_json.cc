// to_json() and the look-ups of config.h; config.cc reads the config.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/secret.h"
#include "common/protocol/url.h"
#include "meta/config/config.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

enum class Secrets { masked, kept };

std::string url_of(const std::string& url, Secrets secrets) { return secrets == Secrets::kept ? url : without_secrets(url); }

/// The `tarball` of an entry: a URL, or a list of them.
Json tarball_of(const std::string& first, const std::vector<std::string>& mirrors, Secrets secrets) {
  if (mirrors.empty()) return url_of(first, secrets);
  Json urls = {url_of(first, secrets)};
  for (const std::string& mirror : mirrors) urls.push_back(url_of(mirror, secrets));
  return urls;
}

Json json_of(const AgentConfig& agent, Secrets secrets = Secrets::masked) {
  Json others = Json::array();
  for (const Override& entry : agent.others) {
    others.push_back({{"prefix", entry.prefix},
                      {"percent", entry.percent},
                      {"version", entry.version},
                      {"tarball", tarball_of(entry.tarball, entry.mirrors, secrets)},
                      {"md5", url_of(entry.md5, secrets)},
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
                          {"tarball", tarball_of(defaults.tarball, defaults.mirrors, secrets)},
                          {"md5", url_of(defaults.md5, secrets)},
                          {"cmd", defaults.cmd},
                          {"preserve", defaults.preserve}};
  if (defaults.start_timeout > 0) json_of_default["startTimeout"] = defaults.start_timeout;
  if (defaults.stop_timeout > 0) json_of_default["stopTimeout"] = defaults.stop_timeout;
  return {{"default", std::move(json_of_default)}, {"others", std::move(others)}, {"rollout", std::move(rollout)}};
}

}  // namespace

const AgentConfig* find_agent(const Config& config, std::string_view name) {
  const auto has_name = [&](const AgentConfig& agent) { return agent.defaults.name == name; };
  const auto found = std::find_if(config.agents.begin(), config.agents.end(), has_name);
  return found == config.agents.end() ? nullptr : &*found;
}

std::set<std::string, std::less<>> versions_of(const AgentConfig& agent) {
  std::set<std::string, std::less<>> versions = {agent.defaults.version};
  for (const Override& entry : agent.others) {
    if (!entry.version.empty()) versions.insert(entry.version);
  }
  return versions;
}

std::string to_json(const AgentConfig& agent) { return json_of(agent).dump(); }

std::string assignments_json(const Config& config) {
  Json agents = Json::array();
  for (const AgentConfig& agent : config.agents) agents.push_back(json_of(agent, Secrets::kept));
  return Json{{"http", Json::object()}, {"interval", config.interval.count()}, {"agents", std::move(agents)}}.dump();
}

std::string to_json(const Config& config) {
  Json agents = Json::array();
  for (const AgentConfig& agent : config.agents) agents.push_back(json_of(agent));
  Json document{{"debug", config.debug},
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
                {"agents", std::move(agents)}};
  if (!config.standby.of.empty()) {
    document["standby"] = {{"of", without_secrets(config.standby.of)}, {"token", kMasked}, {"ca", config.standby.ca}};
  }
  return document.dump();
}

}  // namespace ops::meta
