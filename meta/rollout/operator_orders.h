#pragma once

// Orders of an operator about a release, which override the rule of policy.h: `./control halt AGENT VERSION` and
// `./control resume AGENT VERSION`.
//
//   halt     no host changes to the release any more, not even a host with a lease
//   resume   failures do not halt the release
//
// An order is in effect until the agent's entry in cfg.json changes, also over restarts and crashes. Each order is saved at
// once:
//
//   {"orders": [{"agent": "falcon-agent", "version": "3.1.3", "order": "halt", "at": 1447000000, "config": "the agent's entry
//   as JSON text"}]}

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "meta/config/config.h"

namespace ops::meta {

inline constexpr char kOrdersFile[] = "var/orders.json";

enum class Order { halt, resume };

/// "halt" or "resume".
std::string_view name_of(Order order);

/// Thread-safe.
class OperatorOrders {
 public:
  /// `path`: the file of the orders; "" keeps them in memory only.
  explicit OperatorOrders(std::string path = "") : path_(std::move(path)) {}

  /// Reads the saved orders. A missing file is no error. A damaged file is an error and changes nothing.
  Result<void> load();

  /// The orders as in the file.
  std::string json() const;

  std::optional<Order> find(std::string_view agent, std::string_view version) const;

  /// When the order about the release was given, in seconds since 1970; 0 if there is none, or an ops-meta before 1.1 took it.
  int64_t given_at(std::string_view agent, std::string_view version) const;

  /// Replaces an earlier order about the release. An error if the config does not name the agent or the version. If the
  /// file cannot be written, the error says that the order is in effect but not saved.
  Result<void> give(const Config& config, const std::string& agent, const std::string& version, Order order);

  /// Removes the orders about agents whose entry has changed. Returns them, as "halt of falcon-agent 3.1.3".
  std::vector<std::string> remove_outdated(const Config& config);

 private:
  struct Entry {
    std::string agent;
    std::string version;
    Order order;
    std::string config;  // the agent's entry when the order was given
    int64_t at = 0;      // seconds since 1970
  };
  std::string json_locked() const;
  Result<void> save() const;

  const std::string path_;
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // guarded by mutex_; a few
};

}  // namespace ops::meta
