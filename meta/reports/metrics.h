#pragma once

// ops-meta's metrics: /metrics, for Prometheus. README.md lists them, with alert rules.
//
// The labels are bounded whatever hosts send: an agent or a version has series of its own only when cfg.json names it, or did
// so lately; all others are summed up as "other". So is what a very long config names beyond kMaxReleases.

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

/// What is counted as requests come. Each of them synchronises itself.
struct MetaCounters {
  DurationHistogram heartbeats;  // all that were looked at, also those that were refused then
  Counter unauthorized = 0;      // heartbeats that got a 401 or 403,
  Counter malformed = 0;         // a 400,
  Counter no_room = 0;           // and a 503
  Counter left_out = 0;          // agents of heartbeats, for a bad name or version
  Counter downloads = 0;         // of files that take a slot
  Counter downloads_refused = 0;
  Counter listings_refused = 0;
  Counter bad_reloads = 0;
  std::atomic<bool> is_reload_bad = false;  // the last one
  HttpCounters http;
  const TlsServer* tls = nullptr;  // which counts handshakes
};

/// The agents and versions that have series of their own: those of the config, and the last few of before.
class NamedReleases {
 public:
  static constexpr size_t kEarlier = 3;        // versions of an agent that the config named before
  static constexpr size_t kMaxReleases = 300;  // an agent in a version; about 2 KB each
  using Names = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;  // agent -> versions

  /// Takes over what this config names.
  void note(const Config& config);

  const Names& names() const { return names_; }

 private:
  std::map<std::string, std::deque<std::string>> earlier_;  // by agent, the latest first
  Names current_;
  Names names_;
};

/// Goes through the releases that hosts report, and through no host.
std::string metrics_text(const MetaCounters& counters, const HostTable& hosts, RolloutController& controller,
                         const Config& config, const NamedReleases::Names& names, RolloutController::TimePoint now);

}  // namespace ops::meta
