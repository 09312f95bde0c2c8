// HostsWriter of host_snapshot.h.

#include <unordered_map>

#include "common/base/binary_format.h"
#include "meta/hosts/host_snapshot.h"
#include "meta/hosts/host_snapshot_format.h"

namespace ops::meta {

using namespace host_snapshot;

namespace {

constexpr size_t kHostsPerVisit = 256;
constexpr size_t kMaxPiece = 64 << 10;  // bytes

class Encoder {
 public:
  std::string bytes;  // the caller writes and clears them

  void add(const HostView& view, const Host& host) {
    const std::string_view hostname = view.name();
    const uint64_t heard_at = to_seconds(host.heard_at);
    text(hostname);
    number(heard_at);
    name(host.updater_version);
    name(host.platform);
    number(host.agents.size());
    for (const RealAgent& agent : host.agents) {
      name(agent.name);
      name(content_key(agent.version, agent.md5));
      name(agent.status);
      number(zigzag(static_cast<int64_t>(static_cast<uint64_t>(agent.timestamp) - heard_at)));
    }
    number(view.interval());
    number(view.updater_restarts());
    for (size_t i = 0; i < host.agents.size(); ++i) {
      const AgentHealth health = view.health(i);
      number(health.since < 2 ? health.since : to_seconds(view.heard_at()) - health.since + 2);
      number(static_cast<uint8_t>(health.stage));
      for (const uint8_t field : {health.down, health.restarts, health.counted}) number(field);
    }
    number(host.updates.size());
    for (const AgentUpdate& update : host.updates) {
      for (const std::string* field : {&update.name, &update.version, &update.phase}) name(*field);
      for (const int64_t field : {update.done, update.total, update.attempts, update.since}) number(zigzag(field));
      text(update.error);
    }
  }

 private:
  void number(uint64_t value) { append_leb128(bytes, value); }

  void text(std::string_view value) {
    number(value.size());
    bytes += value;
  }

  void name(const std::string& value) {
    const auto [found, is_new] = names_.try_emplace(value, names_.size() + 1);
    number(is_new ? 0 : found->second);
    if (is_new) text(value);
  }

  std::unordered_map<std::string, uint64_t> names_;
};

}  // namespace

struct HostsWriter::State {
  const HostTable& hosts;
  std::chrono::seconds ahead;
  uint64_t saved_at;
  Encoder encoder = {};
  uint64_t checksum = kFnvStart;
  size_t count = 0;
  std::string from = {};
  Host host = {};  // reuses its memory
};

HostsWriter::HostsWriter(const HostTable& hosts, HostTable::TimePoint now, HostTable::TimePoint wall)
    : state_(std::make_unique<State>(State{hosts, std::chrono::round<std::chrono::seconds>(wall - now), to_seconds(wall)})) {
  state_->encoder.bytes.append(kMagic).append(bytes_of(kFormat)).append(bytes_of(state_->saved_at));
}

HostsWriter::~HostsWriter() = default;

size_t HostsWriter::count() const { return state_->count; }

bool HostsWriter::next(std::string& to) {
  State& state = *state_;
  const bool more = state.hosts.visit(state.from, kHostsPerVisit, [&](const HostView& view) {
    view.copy_to(state.host);
    state.host.heard_at += state.ahead;
    state.encoder.add(view, state.host);
    ++state.count;
    return state.encoder.bytes.size() < kMaxPiece;
  });
  state.checksum = fnv1a(state.encoder.bytes, state.checksum);
  to += state.encoder.bytes;
  state.encoder.bytes.clear();
  if (!more) to += bytes_of(state.checksum);
  return more;
}

}  // namespace ops::meta
