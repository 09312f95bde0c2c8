#pragma once

// What an operator decided of a release by hand, over the rule of policy.h: `./control halt AGENT VERSION` and
// `./control resume AGENT VERSION`.
//
//   halt     no host changes to it any more, not even one that has a lease
//   resume   failures don't halt it
//
// An order holds until the agent's entry in cfg.json changes, and over restarts and crashes: each is written to kOrdersFile at
// once,
//
//   {"orders": [{"agent": "falcon-agent", "version": "3.1.3", "order": "halt", "config": "the agent's entry, in JSON"}]}

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

/// Synchronises itself.
class OperatorOrders {
 public:
  /// `path`: where they are kept; "" keeps them in memory only.
  explicit OperatorOrders(std::string path = "") : path_(std::move(path)) {}

  /// Takes up what was given before. A file that is damaged is an error, and nothing is taken up; none is no error.
  Result<void> load();

  std::optional<Order> find(std::string_view agent, std::string_view version) const;

  /// Replaces an earlier one. An error when the config names no such agent or version, or when it can't be written: then it
  /// holds in memory, and the error says so.
  Result<void> give(const Config& config, const std::string& agent, const std::string& version, Order order);

  /// Forgets those whose agent's entry is another now, and returns them, as "halt of falcon-agent 3.1.3".
  std::vector<std::string> keep_those_of(const Config& config);

 private:
  struct Given {
    std::string agent;
    std::string version;
    Order order;
    std::string config;  // the agent's entry
  };
  Result<void> save() const;

  const std::string path_;
  mutable std::mutex mutex_;
  std::vector<Given> given_;  // guarded by mutex_; a few
};

}  // namespace ops::meta
