#include "meta/config/config.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/http/server.h"
#include "common/protocol/url.h"

namespace ops::meta {

namespace {

constexpr int64_t kMostHosts = 100'000'000;

void check_name(const ConfigObject& object, const std::string& name) {
  if (name == "var") object.error("is \"var\", which is the updater's own folder on hosts", "name");
  if (!is_valid_name(name)) object.error(invalid_name_message(name), "name");
}

void check_version(const ConfigObject& object, const std::string& version) {
  if (!is_valid_version(version)) object.error(invalid_version_message(version), "version");
}

void check_cmd(const ConfigObject& object, const std::string& cmd) {
  if (cmd == "" || cmd == "start" || cmd == "stop") return;
  const std::string meant = to_lower(trim(cmd));
  if (meant == "start" || meant == "stop") {
    return object.error(cat("is \"", one_line(cmd, 40), "\", expected \"", meant, "\": in lower case, without white space"),
                        "cmd");
  }
  object.error(cat("is \"", cmd, "\", expected \"start\", \"stop\", or \"\" to leave the agent alone"), "cmd");
}

void check_url(const ConfigObject& object, const char* key, const std::string& url) {
  const std::string is = cat("is \"", one_line(without_secrets(url), 300), "\"");
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; })) {
    return object.error(is + ", which contains white space or control characters", key);
  }
  const auto meant = read_base_url(url);
  if (!meant) {
    const char* or_checksum = key == std::string("md5") ? ", or a checksum of 32 hex digits" : "";
    return object.error(cat(is, ", expected a URL that starts with http:// or https://", or_checksum), key);
  }
  const std::string address = split_user(*meant).url;
  const char first = address.c_str()[address.find("://") + 3];
  if (first == '\0' || first == '/' || first == ':') return object.error(is + ", which has no host name", key);
  if (url.find(",http", url.find("://")) != std::string::npos) {
    return object.error(
        is + R"(, which is several URLs in one text: several tarball URLs are a list, ["http://a/x", "http://b/x"])", key);
  }
  const size_t file = url.find(kFilePlace);
  if (url.find('#') != std::string::npos || (file == std::string::npos && url.find('?') != std::string::npos)) {
    return object.error(is + ", which contains ? or #: hosts append a file name to this URL, and it would not be part of the "
                             "path; {file} after the ? says where the name goes",
                        key);
  }
  if (file < url.find_first_of("/?", url.find("://") + 3)) return object.error(is + ", which has {file} in the host name", key);
  if (*meant != url) object.warning(cat(is, ", is read as ", one_line(without_secrets(*meant), 300)), key);
}

/// Earlier updaters append the file's name to the first URL, and send {file} as it is.
void warn_of_file_place(const ConfigObject& object, const char* key, const std::string& url, const char* remedy) {
  if (url.find(kFilePlace) == std::string::npos) return;
  object.warning(
      cat("contains {file}, which ops-updater 1.0 and the Go updater do not know: their hosts cannot download from it", remedy),
      key);
}

/// `md5` is the base URL of the .md5 files, or the checksum itself.
void check_md5(const ConfigObject& object, const std::string& md5) {
  if (md5.empty() || is_hex(md5, 32)) return;
  check_url(object, "md5", md5);
  warn_of_file_place(object, "md5", md5, "");
}

/// Reads `tarball`, a base URL or a list of them.
void read_tarball(const ConfigObject& object, std::string& tarball, std::vector<std::string>& mirrors) {
  const std::vector<std::string> urls = object.string_or_strings("tarball");
  for (size_t i = 0; i < urls.size(); ++i) {
    const std::string key = urls.size() == 1 ? "tarball" : cat("tarball[", i, "]");
    if (!urls[i].empty()) check_url(object, key.c_str(), urls[i]);
    if (urls[i].empty() && urls.size() > 1) object.error("is empty", key.c_str());
  }
  if (urls.size() > kMaxMirrors + 1)
    object.error(cat("has ", urls.size(), " URLs, expected at most ", kMaxMirrors + 1), "tarball");
  if (urls.empty()) return;
  tarball = urls.front();
  mirrors.assign(urls.begin() + 1, urls.end());
  warn_of_file_place(object, "tarball", tarball, "; for them, put a URL without {file} first in a list");
}

size_t read_size(const ConfigObject& object, const char* key, size_t fallback, int64_t min, int64_t max) {
  return static_cast<size_t>(object.integer(key, static_cast<int64_t>(fallback), min, max));
}

/// An error names the place of a bad token and never repeats the token.
std::vector<std::string> read_tokens(const ConfigObject& http, const char* key) {
  const std::vector<std::string> tokens = http.strings(key);
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!is_valid_token(tokens[i])) http.error(kInvalidToken, cat(key, "[", i, "]").c_str());
  }
  return tokens;
}

TlsFiles read_tls(const ConfigObject& tls) {
  TlsFiles files{tls.string("cert", ""), tls.string("key", ""), tls.string("clientCa", "")};
  if (files == TlsFiles()) return files;
  for (const auto& [key, file] : {std::pair("cert", &files.cert), std::pair("key", &files.key)}) {
    if (file->empty()) tls.error("is missing: a PEM file", key);
  }
  return files;
}

/// Reads the files, so that an operator sees a fault before the hosts do.
void check_tls(const TlsFiles& files, ConfigReport& report) {
  const auto credentials = read_credentials(files);
  if (!credentials) {
    report.errors.push_back("http.tls: " + credentials.error().message);
    return;
  }
  if (const std::string trouble = validity_error(files, *credentials); !trouble.empty()) {
    report.errors.push_back(cat("http.tls: ", trouble, "; hosts would refuse it"));
    return;
  }
  for (const std::string& warning : warnings_about(files, *credentials)) report.warnings.push_back("http.tls: " + warning);
}

void check_secrecy(const Config& config, const std::string& path, ConfigReport& report) {
  if (config.tokens.empty() && config.admin_tokens.empty()) return;
  if (!is_world_readable(path)) return;
  report.warnings.push_back(
      cat("contains tokens, and every user of this machine may read it: make the daemon's user its owner, and run chmod o-r ",
          path));
}

/// ops-meta serves every file below tarballDir, so it must not contain the config, the state or the keys.
void check_tarball_dir(const Config& config, const std::string& path, ConfigReport& report) {
  const std::pair<const char*, std::string> secret[] = {{"cfg.json", path},
                                                        {"the folder of cfg.json", std::filesystem::path(path).parent_path()},
                                                        {"ops-meta's own folder", "."},
                                                        {"ops-meta's var/", "var"},
                                                        {"the file of http.tls.key", config.tls.key},
                                                        {"the file of http.tls.cert", config.tls.cert},
                                                        {"the file of http.tls.clientCa", config.tls.ca}};
  for (const auto& [name, file] : secret) {
    if (config.tarball_dir.empty() || file.empty() || !is_within(file, config.tarball_dir)) continue;
    report.errors.push_back(cat("tarballDir: is \"", one_line(config.tarball_dir, 300), "\", which is or contains ", name,
                                ": ops-meta would serve it to clients; use a folder for tarballs only, like ./tarball"));
    return;
  }
}

StandbyConfig read_standby(const ConfigObject& standby, bool has_admin_tokens) {
  StandbyConfig other{standby.string("of", ""), standby.string("token", ""), standby.string("ca", "")};
  check_url(standby, "of", other.of);
  other.of = read_base_url(other.of).value_or("");
  while (other.of.ends_with('/')) other.of.pop_back();
  if (!is_valid_token(other.token))
    standby.error(cat("is one of the other ops-meta's http.adminTokens, and ", kInvalidToken), "token");
  if (!has_admin_tokens) standby.error("needs http.adminTokens here, or every client could make this ops-meta step down");
  return other;
}

DesiredAgent read_default(const ConfigObject& object) {
  DesiredAgent agent{object.string("name", ""), object.string("version", ""), "",
                     object.string("md5", ""),  object.string("cmd", ""),     object.boolean("preserve", false)};
  agent.start_timeout = object.integer("startTimeout", 0, 1, kLongestTimeout);
  agent.stop_timeout = object.integer("stopTimeout", 0, 1, kLongestTimeout);
  for (const char* key : {"name", "version"}) {
    if (!object.has(key)) object.error("is missing", key);
  }
  if (object.has("name")) check_name(object, agent.name);
  if (object.has("version")) check_version(object, agent.version);
  check_cmd(object, agent.cmd);
  check_md5(object, agent.md5);
  read_tarball(object, agent.tarball, agent.mirrors);
  if (agent.tarball.empty() && agent.cmd == "start") {
    object.warning("is empty: a host without this version cannot download it", "tarball");
  }
  return agent;
}

/// A pattern like "lg-*" would match nearly no host, because a prefix is compared character by character.
void check_prefix(const ConfigObject& object, const std::string& prefix) {
  constexpr std::string_view kPattern = "*?[]{}()^$|\\";
  const size_t at = prefix.find_first_of(kPattern);
  if (at == std::string::npos) return;
  std::string plain = at > 0 ? prefix.substr(0, at) : prefix;
  std::erase_if(plain, [&](char c) { return kPattern.find(c) != std::string_view::npos; });
  object.error(
      cat("is \"", one_line(prefix, 300), "\", but a prefix is not a pattern: give the first characters of the hostnames",
          plain.empty() ? "" : cat(", like \"", one_line(plain, 300), "\"")),
      "prefix");
}

Override read_override(const ConfigObject& object) {
  Override entry{object.string("prefix", ""), object.string("version", ""), "",
                 object.string("md5", ""),    object.string("cmd", ""),     object.number("percent", 100, 0, 100)};
  read_tarball(object, entry.tarball, entry.mirrors);
  check_prefix(object, entry.prefix);
  if (object.refuse_unknown_keys() && !object.has("prefix") && !object.has("percent")) {
    object.error(
        "has neither \"prefix\" nor \"percent\", so it would apply to all hosts; if you mean all hosts, add \"prefix\": \"\"");
  }
  if (!entry.version.empty()) check_version(object, entry.version);
  check_cmd(object, entry.cmd);
  check_md5(object, entry.md5);
  return entry;
}

RolloutLimits read_rollout(const ConfigObject& object) {
  RolloutLimits limits;
  limits.parallel = static_cast<uint32_t>(object.integer("parallel", limits.parallel, 0, UINT32_MAX));
  limits.max_failures = static_cast<uint32_t>(object.integer("maxFailures", limits.max_failures, 1, UINT32_MAX));
  limits.max_failure_rate = object.number("maxFailureRate", limits.max_failure_rate, 0, 100);
  limits.timeout = std::chrono::seconds(object.integer("timeout", limits.timeout.count(), 1, 7 * 86400));
  if (object.has("soak")) limits.soak = std::chrono::seconds(object.integer("soak", 0, 0, 7 * 86400));
  object.refuse_unknown_keys();
  return limits;
}

AgentConfig read_agent(const ConfigObject& object) {
  AgentConfig agent;
  if (object.has("default")) {
    agent.defaults = read_default(object.object("default"));
  } else {
    object.error("is missing", "default");
  }
  for (const ConfigObject& entry : object.objects("others")) agent.others.push_back(read_override(entry));
  agent.rollout = read_rollout(object.object("rollout"));
  return agent;
}

Config read_config(const ConfigDocument& document, ConfigReport& report) {
  if (!report.ok()) return {};
  const ConfigObject root = document.root();
  Config config;
  config.debug = root.boolean("debug", false);
  config.tarball_dir = root.string("tarballDir", config.tarball_dir);
  // With an empty tarballDir the original serves its own folder, including cfg.json.
  if (config.tarball_dir.empty()) root.error("is empty, expected a folder like ./tarball", "tarballDir");

  if (!root.has("http"))
    root.error("is missing, expected an object like {\"enabled\": true, \"listen\": \"0.0.0.0:2000\"}", "http");
  const ConfigObject http = root.object("http");
  config.http_enabled = http.boolean("enabled", true);
  config.http_listen = http.string("listen", config.http_listen);
  if (!config.http_enabled || config.http_listen.empty()) {
    http.warning("is switched off: no host can reach this ops-meta");
  } else if (const auto address = parse_listen_address(config.http_listen); !address) {
    http.error(address.error().message, "listen");
  }

  config.max_connections = read_size(http, "maxConnections", config.max_connections, 16, 1'000'000);
  config.keep_alive = std::chrono::seconds(http.integer("keepAlive", config.keep_alive.count(), 1, 3600));
  config.max_downloads = read_size(http, "maxDownloads", config.max_downloads, 1, 100'000);
  config.tls = read_tls(http.object("tls"));
  config.tokens = read_tokens(http, "tokens");
  config.admin_tokens = read_tokens(http, "adminTokens");
  if (root.has("standby")) config.standby = read_standby(root.object("standby"), !config.admin_tokens.empty());
  config.interval = std::chrono::seconds(root.integer("interval", 0, 0, 3600));
  config.max_hosts = read_size(root, "maxHosts", config.max_hosts, 1, kMostHosts);

  if (!root.has("agents")) root.error("is missing; a site without agents has \"agents\": []", "agents");
  std::set<std::string> names;
  for (const ConfigObject& entry : root.objects("agents")) {
    config.agents.push_back(read_agent(entry));
    const std::string& name = config.agents.back().defaults.name;
    if (!name.empty() && !names.insert(name).second) entry.error(cat("a second agent is named ", name), "default.name");
  }
  if (names.size() > kMaxAgentsPerHost)
    root.error(cat("has ", names.size(), " agents, expected at most ", kMaxAgentsPerHost), "agents");
  document.warn_of_unknown_keys();
  return config;
}

}  // namespace

Config load_config(const std::string& path, ConfigReport& report) {
  Config config = read_config(ConfigDocument::load(path, report), report);
  check_tarball_dir(config, path, report);
  if (report.ok()) check_tls(config.tls, report);
  check_secrecy(config, path, report);
  if (config.standby.ca.empty()) return config;
  if (const auto ca = read_file(config.standby.ca, 1 << 20); !ca) report.errors.push_back("standby.ca: " + ca.error().message);
  return config;
}

Config parse_config(std::string_view text, ConfigReport& report) {
  return read_config(ConfigDocument::parse(text, report), report);
}

}  // namespace ops::meta
