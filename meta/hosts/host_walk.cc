#include "meta/hosts/host_walk.h"

#include <algorithm>

namespace ops::meta {

namespace {

constexpr size_t kAgentsPerVisit = 1024;  // while the table is locked
constexpr size_t kAgentsPerStep = 8192;   // other requests of the same thread wait for a step

}  // namespace

HostWalk::HostWalk(const HostTable& hosts, size_t agents)
    : hosts_(hosts), hosts_per_visit_(std::max<size_t>(1, kAgentsPerVisit / std::max<size_t>(1, agents))) {}

bool HostWalk::step(const std::function<void(const HostView&)>& visit) {
  bool more = true;
  for (size_t visited = 0; more && visited < kAgentsPerStep; visited += kAgentsPerVisit) {
    more = hosts_.visit(from_, hosts_per_visit_, [&](const HostView& host) {
      visit(host);
      return true;
    });
  }
  return more;
}

}  // namespace ops::meta
