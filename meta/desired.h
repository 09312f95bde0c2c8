#pragma once

// What should run on a host, by the config alone.
//
// All of an agent's overrides whose prefix the hostname starts with apply, in the order of the config: a field that is not ""
// replaces what stood before (the original's rule). There may be thousands of them, and 3,000 hosts ask each second, so a
// config is prepared once: a hostname's beginnings are looked up among the prefixes, one for each length that a prefix has.

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/heartbeat.h"
#include "meta/config.h"

namespace ops::meta {

/// A config, prepared. Constant after construction.
class Desired {
 public:
  explicit Desired(std::shared_ptr<const Config> config);
  Desired(const Desired&) = delete;
  Desired& operator=(const Desired&) = delete;

  const std::shared_ptr<const Config>& config() const { return config_; }

  /// Every configured agent, in the order of the config.
  std::vector<DesiredAgent> agents(std::string_view hostname) const;

  /// The heartbeat's reply with these agents, in JSON.
  std::string reply(std::string_view hostname) const;

 private:
  /// An override of the config. They sort in its order.
  struct Place {
    uint32_t agent;
    uint32_t entry;  // of its `others`
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> overrides_of(std::string_view hostname) const;
  DesiredAgent resolve(size_t agent, std::span<const Place> overrides) const;

  const std::shared_ptr<const Config> config_;
  std::unordered_map<std::string_view, std::vector<Place>> places_;  // by prefix; the keys are the config's texts
  std::vector<size_t> lengths_;                                      // of the prefixes, each once, sorted
  std::vector<std::string> defaults_;                                // by agent: what it is without overrides, in JSON
};

}  // namespace ops::meta
