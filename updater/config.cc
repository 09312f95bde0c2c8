#include "updater/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/secret.h"
#include "common/http/server.h"
#include "common/protocol/heartbeat.h"
#include "common/protocol/url.h"

namespace ops::updater {

namespace {

/// Reads "m1:2000, https://ann:secret@m2" as the servers {"http://m1:2000", "https://m2"} and a password for the second.
void read_servers(const ConfigObject& root, Config& config) {
  std::istringstream parts(root.string("server", ""));
  for (std::string part; std::getline(parts, part, ',');) {
    std::string server(trim(part));
    if (server.empty()) continue;
    const bool has_scheme = server.find("://") != std::string::npos;
    if (!has_scheme) server = "http://" + server;
    auto [url, user] = split_user(read_base_url(server).value_or(server));
    while (url.ends_with('/')) url.pop_back();
    const bool known = url.starts_with("http://") || url.starts_with("https://");
    const auto is_invalid = [](unsigned char c) { return c <= ' ' || c == 0x7f || std::strchr("\"'<>@", c) != nullptr; };
    if (!known || std::any_of(url.begin(), url.end(), is_invalid)) {
      const size_t at = part.rfind('@');
      const std::string shown = at == std::string::npos ? part : kMasked + part.substr(at);
      root.error(cat("\"", shown, "\" is not an address like 10.0.0.1:2000 or https://meta.example.com",
                     at == std::string::npos ? "" : "; in a password, write %2F for / and %40 for @"),
                 "server");
    }
    const std::string host = url.substr(std::min(url.size(), url.find("://") + 3));
    if (known && std::count(host.begin(), host.end(), ':') > 1 && !host.starts_with('[')) {
      root.error(cat("\"", host, "\" is an IPv6 address without brackets: write it like [::1]:2000"), "server");
    } else if (!has_scheme && host.find(':', host.rfind(']') == std::string::npos ? 0 : host.rfind(']')) == std::string::npos) {
      root.warning(
          cat("\"", host, "\" has no port, so the updater asks port 80: write ", host, ":2000 for the usual port of ops-meta"),
          "server");
    }
    if (!user.empty()) config.passwords[url] = user.find(':') == std::string::npos ? user + ":" : user;
    config.servers.push_back(std::move(url));
  }
  if (config.servers.empty()) root.error("is missing or empty, expected ops-meta's address, like 10.0.0.1:2000", "server");
}

/// The value of `server`, with passwords masked.
std::string shown_servers(const Config& config) {
  std::string servers;
  for (const std::string& url : config.servers) {
    std::string server = url;
    if (config.passwords.contains(url)) server.insert(url.find("://") + 3, cat(kMasked, "@"));
    servers += (servers.empty() ? "" : ",") + server;
  }
  return servers;
}

std::string read_desired_agent(const ConfigObject& root) {
  std::string name = root.string("desiredAgent", "");
  if (!name.empty() && !is_valid_name(name)) root.error(invalid_name_message(name), "desiredAgent");
  return name;
}

std::chrono::seconds read_seconds(const ConfigObject& object, const char* key, std::chrono::seconds fallback, int64_t least,
                                  int64_t most) {
  return std::chrono::seconds(object.integer(key, fallback.count(), least, most));
}

std::vector<PublicKey> read_public_keys(const ConfigObject& root) {
  std::vector<PublicKey> keys;
  for (const std::string& text : root.strings("publicKeys")) {
    if (auto key = parse_public_key(text)) {
      keys.push_back(std::move(*key));
    } else {
      root.error(key.error().message, "publicKeys");
    }
  }
  return keys;
}

bool is_proxy_url(const std::string& text) {
  const std::string url = split_user(text).url;
  const auto is_invalid = [](unsigned char c) { return c <= ' ' || c >= 0x7f || std::strchr("\"'<>@?#", c) != nullptr; };
  return (url.starts_with("http://") || url.starts_with("https://")) && url.find("://") + 3 < url.size() &&
         std::none_of(url.begin(), url.end(), is_invalid);
}

/// A key that is missing stays unset: the environment's value is used. An error never repeats the URL, which may contain a
/// password.
ProxySettings read_proxy(const ConfigObject& root) {
  ProxySettings proxy;
  if (root.has("proxy")) {
    const std::string text = root.string("proxy", "");
    proxy.url = text.empty() || text.find("://") != std::string::npos ? text : "http://" + text;
    if (!proxy.url->empty() && !is_proxy_url(*proxy.url)) {
      root.error(
          "is not the URL of a proxy, like http://proxy.example:3128, or \"\" for no proxy; in a user and a password, "
          "write %2F for / and %40 for @",
          "proxy");
    }
  }
  if (root.has("noProxy")) proxy.exceptions = root.string("noProxy", "");
  return proxy;
}

TlsFiles read_tls(const ConfigObject& tls) {
  TlsFiles files{tls.string("cert", ""), tls.string("key", ""), tls.string("ca", "")};
  if (files.cert.empty() != files.key.empty()) tls.error("is missing: a PEM file", files.cert.empty() ? "cert" : "key");
  return files;
}

}  // namespace

void check_tls(const Config& config, ConfigReport& report) {
  const auto credentials = read_credentials(config.tls);
  if (!credentials) {
    report.errors.push_back("tls: " + credentials.error().message);
    return;
  }
  for (const std::string& warning : warnings_about(config.tls, *credentials)) report.warnings.push_back("tls: " + warning);
}

Config load_config(const std::string& path, ConfigReport& report) {
  const ConfigDocument document = ConfigDocument::load(path, report);
  if (!report.ok()) return {};
  const ConfigObject root = document.root();
  Config config;
  config.debug = root.boolean("debug", config.debug);
  config.hostname = root.string("hostname", "");
  if (!config.hostname.empty() && !is_valid_hostname(config.hostname)) {
    root.error("has white space, control characters or invisible characters, or is longer than 253 bytes", "hostname");
  }
  config.desired_agent = read_desired_agent(root);
  read_servers(root, config);
  config.interval = read_seconds(root, "interval", config.interval, 1, 86400);
  config.probation = read_seconds(root, "probation", config.probation, 0, 3600);
  config.control_timeout = read_seconds(root, "controlTimeout", config.control_timeout, 1, 3600);
  config.start_timeout = read_seconds(root, "startTimeout", config.start_timeout, 1, kLongestTimeout);
  config.stop_timeout = read_seconds(root, "stopTimeout", config.stop_timeout, 1, kLongestTimeout);
  config.keep_versions = static_cast<int>(root.integer("keepVersions", config.keep_versions, 1, 100));
  config.public_keys = read_public_keys(root);
  config.tls = read_tls(root.object("tls"));
  config.proxy = read_proxy(root);
  config.proxy_heartbeats = root.boolean("proxyHeartbeats", false);
  config.token = root.string("token", "");
  if (!config.token.empty() && !is_valid_token(config.token)) root.error(kInvalidToken, "token");
  const bool has_password = !config.passwords.empty() || !split_user(config.proxy.url.value_or("")).user.empty();
  if (const bool has_token = !config.token.empty(); (has_token || has_password) && is_world_readable(path)) {
    report.warnings.push_back(
        cat("contains a ", has_token ? "token" : "password",
            ", and every user of this machine may read it: make the daemon's user its owner, and run chmod o-r ", path));
  }
  const ConfigObject http = root.object("http");
  config.http_enabled = http.boolean("enabled", config.http_enabled);
  config.http_listen = http.string("listen", config.http_listen);
  if (config.http_enabled && !config.http_listen.empty()) {
    if (const auto address = parse_listen_address(config.http_listen); !address) {
      http.error(address.error().message, "listen");
    }
  }
  document.warn_of_unknown_keys();
  return config;
}

std::string to_json(const Config& config) {
  std::vector<std::string> keys;
  for (const PublicKey& key : config.public_keys) keys.push_back(key.text);
  nlohmann::ordered_json json{{"debug", config.debug},
                              {"hostname", config.hostname},
                              {"desiredAgent", config.desired_agent},
                              {"server", shown_servers(config)},
                              {"interval", config.interval.count()},
                              {"http", {{"enabled", config.http_enabled}, {"listen", config.http_listen}}},
                              {"probation", config.probation.count()},
                              {"keepVersions", config.keep_versions},
                              {"controlTimeout", config.control_timeout.count()},
                              {"startTimeout", config.start_timeout.count()},
                              {"stopTimeout", config.stop_timeout.count()},
                              {"publicKeys", keys},
                              {"tls", {{"ca", config.tls.ca}, {"cert", config.tls.cert}, {"key", config.tls.key}}},
                              {"token", std::string(config.token.empty() ? "" : kMasked)},
                              {"proxyHeartbeats", config.proxy_heartbeats}};
  if (config.proxy.url) json["proxy"] = without_secrets(*config.proxy.url);
  if (config.proxy.exceptions) json["noProxy"] = *config.proxy.exceptions;
  return json.dump();
}

ClientCredentials credentials_of(const Config& config, std::shared_ptr<TlsSessionCache> sessions, Request request) {
  const bool takes_proxy = request == Request::download || config.proxy_heartbeats;
  return {config.token,        config.servers,   config.tls,
          std::move(sessions), config.passwords, takes_proxy ? std::optional(config.proxy) : std::nullopt};
}

std::string hostname_of(const Config& config) {
  if (!config.hostname.empty()) return config.hostname;
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace ops::updater
