#pragma once

// ops-meta's cfg.json: which agent, in which version, on which hosts. The original's format; README.md has it key by key.
//
//   {"debug": true, "tarballDir": "./tarball", "http": {"enabled": true, "listen": "0.0.0.0:2000"}, "maxHosts": 2000000,
//    "agents": [{"default": {"name": "falcon-agent", "version": "1.0.0", "tarball": "http://m:2000/falcon", "md5": "", "cmd":
//    "start"},
//                "others": [{"prefix": "lg-", "version": "1.1.0", "tarball": "", "md5": "", "cmd": ""}]}]}
//
// It is never written by us.

#include <string>
#include <vector>

#include "common/config_reader.h"
#include "common/heartbeat.h"

namespace ops::meta {

inline constexpr size_t kDefaultMaxHosts = 2'000'000;

/// What differs on the hosts whose name starts with `prefix`; a field that is "" inherits.
struct Override {
  std::string prefix;  // "" is every host
  std::string version;
  std::string tarball;
  std::string md5;
  std::string cmd;

  bool operator==(const Override&) const = default;
};

struct AgentConfig {
  DesiredAgent defaults;
  std::vector<Override> others;

  bool operator==(const AgentConfig&) const = default;
};

struct Config {
  bool debug = false;
  std::string tarball_dir = "./tarball";
  bool http_enabled = true;
  std::string http_listen = "0.0.0.0:2000";
  std::vector<AgentConfig> agents;
  size_t max_hosts = kDefaultMaxHosts;  // beyond it new hosts are refused

  bool operator==(const Config&) const = default;
};

/// Reads the file; what it returns may be used only when `report` has no errors.
Config load_config(const std::string& path, ConfigReport& report);

/// The config as it was understood, as /config/reload prints it.
std::string to_json(const Config& config);

}  // namespace ops::meta
