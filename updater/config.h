#pragma once

// ops-updater's cfg.json: the original's keys, and ours behind them. README.md has it key by key.
//
//   {"debug": true, "hostname": "", "desiredAgent": "", "server": "127.0.0.1:2000", "interval": 300,
//    "http": {"enabled": true, "listen": "127.0.0.1:2001"},
//    "probation": 30, "keepVersions": 2, "controlTimeout": 60, "publicKeys": [], "token": "",
//    "tls": {"ca": "", "cert": "", "key": ""}}
//
// It is never written by us.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/daemon/config_reader.h"
#include "common/tls/certificates.h"
#include "updater/release/signature.h"

namespace ops::updater {

struct Config {
  bool debug = false;
  std::string hostname;              // "" for the system's; see hostname_of
  std::vector<std::string> servers;  // base URLs without a slash at the end and without a password, in order of preference
  std::chrono::seconds interval{300};
  bool http_enabled = true;
  std::string http_listen = "127.0.0.1:2001";
  std::chrono::seconds probation{30};
  int keep_versions = 2;                         // of an agent, the current one included
  std::chrono::seconds control_timeout{60};      // for ./control start and stop
  std::vector<PublicKey> public_keys;            // with any, a release must be signed by one of them
  TlsFiles tls;                                  // `ca` "" is the system's; cert and key "" for none
  std::string token;                             // a secret, for `servers` only; "" for none
  std::map<std::string, std::string> passwords;  // secrets: user:password by server, where `server` has one in the URL
  std::string desired_agent;                     // the one agent that is looked after; "" for all

  bool operator==(const Config&) const = default;
};

/// Reads the file; what it returns may be used only when `report` has no errors.
Config load_config(const std::string& path, ConfigReport& report);

/// Reports what is wrong with the files that `tls` names. They are read anew for each connection: bad ones are a reason not to
/// take up a config, but not to leave a host's agents alone.
void check_tls(const Config& config, ConfigReport& report);

/// The config as it was understood, as /config/reload prints it. Secrets are left out.
std::string to_json(const Config& config);

/// The configured hostname, or the system's.
std::string hostname_of(const Config& config);

}  // namespace ops::updater
