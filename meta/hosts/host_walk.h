#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "meta/hosts/host_table.h"

namespace ops::meta {

/// Visits all hosts of the table in steps of a few milliseconds. Within a step, heartbeats are blocked for about a thousand
/// agents at a time. Borrows the table.
class HostWalk {
 public:
  /// `agents`: how many agents `visit` examines per host.
  HostWalk(const HostTable& hosts, size_t agents);

  /// Visits some more hosts. False when all hosts are visited.
  bool step(const std::function<void(const HostView&)>& visit);

 private:
  const HostTable& hosts_;
  const size_t hosts_per_visit_;
  std::string from_;
};

}  // namespace ops::meta
