#pragma once

// ops-meta's cfg.json: which agent, in which version, on which hosts. The original's format; README.md has it key by key.
//
//   {"debug": true, "tarballDir": "./tarball", "interval": 0, "maxHosts": 2000000,
//    "http": {"enabled": true, "listen": "0.0.0.0:2000", "maxConnections": 16384, "maxDownloads": 64,
//             "tokens": [], "adminTokens": [], "tls": {"cert": "", "key": "", "clientCa": ""}},
//    "agents": [{"default": {"name": "falcon-agent", "version": "1.0.0", "tarball": "http://m:2000/falcon", "md5": "",
//                            "cmd": "start"},
//                "others": [{"prefix": "lg-", "percent": 5, "version": "1.1.0", "tarball": "", "md5": "", "cmd": ""}],
//                "rollout": {"parallel": 1000000, "maxFailures": 3, "maxFailureRate": 5, "timeout": 1800}}]}
//
// It is never written by us.

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/daemon/config_reader.h"
#include "common/protocol/heartbeat.h"
#include "common/tls/certificates.h"
#include "meta/hosts/limits.h"

namespace ops::meta {

/// What differs on the hosts whose name starts with `prefix`, or on a share of them (percent_bucket.h); a field that is ""
/// inherits.
struct Override {
  std::string prefix;  // "" is every host
  std::string version;
  std::string tarball;
  std::string md5;
  std::string cmd;
  double percent = 100;

  bool operator==(const Override&) const = default;
};

/// The rule that uses them stands in meta/rollout/policy.h.
struct RolloutLimits {
  uint32_t parallel = 1'000'000;  // hosts at once; 0: no admission, everybody gets everything at once
  uint32_t max_failures = 3;      // hosts
  double max_failure_rate = 5;    // percent
  std::chrono::seconds timeout{1800};

  bool operator==(const RolloutLimits&) const = default;
};

struct AgentConfig {
  DesiredAgent defaults;
  std::vector<Override> others;
  RolloutLimits rollout;

  bool operator==(const AgentConfig&) const = default;
};

struct Config {
  bool debug = false;
  std::string tarball_dir = "./tarball";
  bool http_enabled = true;
  std::string http_listen = "0.0.0.0:2000";
  size_t max_connections = 16384;
  size_t max_downloads = 64;              // at once, of what is larger than a checksum file
  std::vector<std::string> tokens;        // secrets; see authorization.h
  TlsFiles tls;                           // its `ca` is clientCa; without a certificate, plain HTTP
  std::vector<std::string> admin_tokens;  // secrets
  std::chrono::seconds interval{0};       // at which hosts are to come; 0: at their own
  std::vector<AgentConfig> agents;
  size_t max_hosts = kDefaultMaxHosts;  // beyond it new hosts are refused

  bool operator==(const Config&) const = default;
};

/// The agent's entry, borrowed; nullptr if the config has no agent of this name.
const AgentConfig* find_agent(const Config& config, std::string_view name);

/// The versions that the agent's entry names: the default version and those of `others`.
std::set<std::string, std::less<>> versions_of(const AgentConfig& agent);

/// Reads the file, and sees that those of http.tls can be used; what it returns may be used only when `report` has no errors.
Config load_config(const std::string& path, ConfigReport& report);

/// The same of a config's text, from whomever; no other file is looked at.
Config parse_config(std::string_view text, ConfigReport& report);

/// The config as it was understood, as /config/reload prints it, secrets left out; and one agent of it.
std::string to_json(const Config& config);
std::string to_json(const AgentConfig& agent);

}  // namespace ops::meta
