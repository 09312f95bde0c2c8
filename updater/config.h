#pragma once

// ops-updater's cfg.json: the keys of the Go original, and additions of ours. updater/README.md describes each key.
//
//   {"debug": true, "hostname": "", "desiredAgent": "", "server": "127.0.0.1:2000", "interval": 300,
//    "http": {"enabled": true, "listen": "127.0.0.1:2001"},
//    "probation": 30, "keepVersions": 2, "controlTimeout": 60, "startTimeout": 30, "stopTimeout": 30, "publicKeys": [],
//    "token": "", "tls": {"ca": "", "cert": "", "key": ""}, "proxy": "", "noProxy": "", "proxyHeartbeats": false}
//
// The updater only reads it.

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/daemon/config_reader.h"
#include "common/http/http_client.h"
#include "common/tls/certificates.h"
#include "updater/release/signature.h"

namespace ops::updater {

struct Config {
  bool debug = false;
  std::string hostname;              // "" for the system's: see hostname_of
  std::vector<std::string> servers;  // base URLs, most preferred first; no slash at the end, no password
  std::chrono::seconds interval{300};
  bool http_enabled = true;
  std::string http_listen = "127.0.0.1:2001";
  std::chrono::seconds probation{30};
  int keep_versions = 2;                         // releases that stay on the disk per agent, the current one included
  std::chrono::seconds control_timeout{60};      // for ./control start and stop
  std::chrono::seconds start_timeout{30};        // after ./control start, until the status is started
  std::chrono::seconds stop_timeout{30};         // after ./control stop, until the status is stopped
  std::vector<PublicKey> public_keys;            // one of them must have signed a release; empty: signatures are not checked
  TlsFiles tls;                                  // `ca` "" is the system's CAs; `cert` and `key` "" for no client certificate
  std::string token;                             // a secret, sent to `servers` only; "" for none
  std::map<std::string, std::string> passwords;  // secrets: user:password by server, from the URLs in `server`
  ProxySettings proxy;                           // for downloads
  bool proxy_heartbeats = false;                 // heartbeats take the proxy, too
  std::string desired_agent;                     // the only agent that the updater manages; "" for all

  bool operator==(const Config&) const = default;
};

/// Reads the file. The config may be used only when `report` has no errors.
Config load_config(const std::string& path, ConfigReport& report);

/// Reports faults of the files that `tls` names. Each connection reads these files again. So a bad file is an error when an
/// operator checks or reloads the config, and a start of the updater only logs it.
void check_tls(const Config& config, ConfigReport& report);

/// The config as /config/reload prints it, with its defaults and without secrets.
std::string to_json(const Config& config);

enum class Request { heartbeat, download };

/// How the updater sends such a request.
ClientCredentials credentials_of(const Config& config, std::shared_ptr<TlsSessionCache> sessions, Request request);

/// The configured hostname, or the system's.
std::string hostname_of(const Config& config);

}  // namespace ops::updater
