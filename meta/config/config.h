#pragma once

// ops-meta's cfg.json: which agents run on which hosts, and in which version. The format is the original's with additions;
// meta/README.md describes every key.
//
//   {"debug": true, "tarballDir": "./tarball", "interval": 0, "maxHosts": 2000000,
//    "http": {"enabled": true, "listen": "0.0.0.0:2000", "maxConnections": 16384, "keepAlive": 75, "maxDownloads": 64,
//             "tokens": [], "adminTokens": [], "tls": {"cert": "", "key": "", "clientCa": ""}},
//    "agents": [{"default": {"name": "falcon-agent", "version": "1.0.0", "tarball": "http://m:2000/falcon", "md5": "",
//                            "cmd": "start"},
//                "others": [{"prefix": "lg-", "percent": 5, "version": "1.1.0", "tarball": "", "md5": "", "cmd": ""}],
//                "rollout": {"parallel": 1000000, "maxFailures": 3, "maxFailureRate": 5, "timeout": 1800, "soak": 600}}],
//    "standby": {"of": "https://m1:2000", "token": "", "ca": ""}}
//
// ops-meta never writes this file.

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

/// An entry of `others`. It applies to the hosts whose name starts with `prefix`, or to a share of them (percent_bucket.h). A
/// field that is "" keeps the value that it has without this entry.
struct Override {
  std::string prefix;  // "" matches every host
  std::string version;
  std::string tarball;
  std::string md5;
  std::string cmd;
  double percent = 100;                   // of the hosts with the prefix; 0 to 100, with two decimals
  std::vector<std::string> mirrors = {};  // further URLs beside `tarball`, and part of that field

  bool operator==(const Override&) const = default;
};

/// The limits of a rollout; meta/rollout/policy.h has the rule that uses them.
struct RolloutLimits {
  uint32_t parallel = 1'000'000;       // hosts that may change at the same time; 0: no limits, all hosts change at once
  uint32_t max_failures = 3;           // hosts; fewer failures do not halt the rollout
  double max_failure_rate = 5;         // percent of the hosts that failed or run the release; the rollout halts above it
  std::chrono::seconds timeout{1800};  // a host that reports no result for this long after its lease began counts as failed
  std::chrono::seconds soak{-1};  // a host proves a release when it has run it so long; -1: two of its intervals; 0: at once

  bool operator==(const RolloutLimits&) const = default;
};

struct AgentConfig {
  DesiredAgent defaults;
  std::vector<Override> others;
  RolloutLimits rollout;

  bool operator==(const AgentConfig&) const = default;
};

/// The other one of two ops-metas (meta/standby/leadership.h).
struct StandbyConfig {
  std::string of;     // its base URL, without a slash at the end; "" if there is none
  std::string token;  // one of its http.adminTokens; secret
  std::string ca;     // that issued its certificate; "": the CAs of the system

  bool operator==(const StandbyConfig&) const = default;
};

struct Config {
  bool debug = false;
  std::string tarball_dir = "./tarball";
  bool http_enabled = true;
  std::string http_listen = "0.0.0.0:2000";
  size_t max_connections = 16384;
  std::chrono::seconds keep_alive{75};    // a kept connection may be idle for this long
  size_t max_downloads = 64;              // at the same time; files up to 64 KiB do not count
  std::vector<std::string> tokens;        // of hosts; secret; authorization.h has the rights that they give
  TlsFiles tls;                           // `ca` is http.tls.clientCa; without `cert`, ops-meta serves plain HTTP
  std::vector<std::string> admin_tokens;  // of operators; secret
  std::chrono::seconds interval{0};       // between two heartbeats of a host; 0: the interval in the host's own config
  std::vector<AgentConfig> agents;
  size_t max_hosts = kDefaultMaxHosts;  // ops-meta refuses heartbeats of further hosts
  StandbyConfig standby;

  bool operator==(const Config&) const = default;
};

/// The agent's entry, borrowed; nullptr if the config has no agent of this name.
const AgentConfig* find_agent(const Config& config, std::string_view name);

/// The versions that the agent's entry names: the default version and those of `others`.
std::set<std::string, std::less<>> versions_of(const AgentConfig& agent);

/// Reads the config file and checks the files that http.tls names. Adds all faults to `report`; the returned config is valid
/// only when `report` has no errors.
Config load_config(const std::string& path, ConfigReport& report);

/// Reads a config from its text, which may come from an untrusted client. Opens no file.
Config parse_config(std::string_view text, ConfigReport& report);

/// The config as JSON, with the defaults of missing keys, as /config/reload prints it. Tokens, and the secrets in URLs, are
/// masked.
std::string to_json(const Config& config);
/// One entry of `agents`.
std::string to_json(const AgentConfig& agent);
/// The part of the config that hosts notice: `agents` and `interval`, for parse_config(). A secret: URLs keep their passwords.
std::string assignments_json(const Config& config);

}  // namespace ops::meta
