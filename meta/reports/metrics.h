#pragma once

// The metrics of ops-meta for Prometheus: /metrics. meta/README.md lists them, with alert rules.
//
// A host cannot create a time series: a release has its own series only if cfg.json names it, or named it lately. All other
// releases are summed up as "other", as are the releases of the config beyond kMaxReleases.

#include <deque>
#include <map>
#include <set>
#include <string>

#include "common/daemon/metrics.h"
#include "common/http/server.h"
#include "common/tls/tls.h"
#include "meta/config/config.h"
#include "meta/hosts/host_table.h"
#include "meta/rollout/controller.h"

namespace ops::meta {

/// Counters of requests. Each member is thread-safe.
struct MetaCounters {
  DurationHistogram heartbeats;  // with a valid token; also those refused with a 400 or 503
  Counter unauthorized = 0;      // heartbeats refused with a 401 or 403
  Counter malformed = 0;         // heartbeats refused with a 400
  Counter no_room = 0;           // heartbeats refused with a 503
  Counter left_out = 0;          // agents left out of heartbeats, for an invalid name or version
  Counter downloads = 0;         // of files that count against http.maxDownloads
  Counter downloads_refused = 0;
  Counter listings_refused = 0;
  Counter bad_reloads = 0;
  std::atomic<bool> is_reload_bad = false;  // the last reload failed
  std::atomic<int64_t> silent_hosts = -1;   // -1 until they are counted
  HttpCounters http;
  const TlsServer* tls = nullptr;  // counts handshakes; null without TLS
};

/// The releases with their own series: those of the config, and a few of earlier configs.
class NamedReleases {
 public:
  static constexpr size_t kEarlier = 3;        // versions per agent that an earlier config named
  static constexpr size_t kMaxReleases = 300;  // about 2 KB of metrics each
  using Names = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;  // agent -> versions

  /// To be called with each config that comes into force.
  void note(const Config& config);

  const Names& names() const { return names_; }

 private:
  std::map<std::string, std::deque<std::string>> earlier_;  // versions by agent, the latest first
  Names current_;
  Names names_;
};

/// Takes time per release that hosts report, not per host.
std::string metrics_text(const MetaCounters& counters, const HostTable& hosts, RolloutController& controller,
                         const Config& config, const NamedReleases::Names& names, RolloutController::TimePoint now);

}  // namespace ops::meta
