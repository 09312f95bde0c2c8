#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "meta/hosts/host_table.h"

namespace ops::meta {

/// Goes through all hosts, in steps of a few milliseconds, each of which lets heartbeats pass all along. Borrows the table.
class HostWalk {
 public:
  /// `agents`: how many are looked at on each host.
  HostWalk(const HostTable& hosts, size_t agents);

  /// Goes on with some hosts; false when all were seen.
  bool step(const std::function<void(const HostView&)>& look_at);

 private:
  const HostTable& hosts_;
  const size_t at_a_time_;  // hosts, while heartbeats wait
  std::string from_;
};

}  // namespace ops::meta
