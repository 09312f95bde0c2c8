#include "meta/hosts/host_walk.h"

#include <algorithm>

namespace ops::meta {

namespace {

constexpr size_t kAgentsAtATime = 1024;   // heartbeats wait while so many are looked at,
constexpr size_t kAgentsForAStep = 8192;  // and other answers of the same thread meanwhile

}  // namespace

HostWalk::HostWalk(const HostTable& hosts, size_t agents)
    : hosts_(hosts), at_a_time_(std::max<size_t>(1, kAgentsAtATime / std::max<size_t>(1, agents))) {}

bool HostWalk::step(const std::function<void(const HostView&)>& look_at) {
  bool more = true;
  for (size_t looked_at = 0; more && looked_at < kAgentsForAStep; looked_at += kAgentsAtATime) {
    more = hosts_.visit(from_, at_a_time_, [&](const HostView& host) {
      look_at(host);
      return true;
    });
  }
  return more;
}

}  // namespace ops::meta
