#include "meta/reports/agent_status.h"

#include <algorithm>
#include <charconv>

#include "common/base/json_writer.h"
#include "common/protocol/status.h"
#include "meta/reports/local_times.h"

namespace ops::meta {

namespace {

// What a piece may cost: heartbeats wait for the lock while a batch is looked at, other clients until the piece is made.
constexpr size_t kHostsAtATime = 256;
constexpr size_t kHostsForAPiece = 4096;

bool matches(const StatusFilter& filter, const std::optional<AgentView>& agent, const std::optional<UpdateView>& update) {
  if (!filter.version.empty() && (!agent || agent->version != filter.version)) return false;
  if (!filter.phase.empty() && (!update || update->phase != filter.phase)) return false;
  if (filter.status.empty()) return true;
  if (!agent) return false;
  if (const Status wanted = to_status(filter.status); wanted != Status::unclear) return to_status(agent->status) == wanted;
  return agent->status == filter.status;
}

/// Goes through the hosts that match, and lets `Format` append each.
template <typename Format>
class Listing {
 public:
  Listing(const HostTable& hosts, StatusFilter filter, Format format)
      : hosts_(hosts),
        filter_(std::move(filter)),
        left_(filter_.limit.value_or(SIZE_MAX)),
        from_(std::max(filter_.prefix, filter_.from)),
        format_(std::move(format)) {}

  bool operator()(std::string& to) {
    if (!is_begun_) format_.begin(to);
    is_begun_ = true;
    bool more = left_ > 0;
    for (size_t looked_at = 0; more && looked_at < kHostsForAPiece && to.size() < kPieceSize; looked_at += kHostsAtATime) {
      more = hosts_.visit(from_, kHostsAtATime, [&](const HostView& host) { return add(host, to); }) && !is_over_;
    }
    if (!more) format_.end(to);
    return more;
  }

 private:
  /// False when no more hosts are wanted now.
  bool add(const HostView& host, std::string& to) {
    is_over_ = !host.name().starts_with(filter_.prefix);
    if (is_over_) return false;
    const auto agent = host.agent(filter_.agent);
    const auto update = host.update(filter_.agent);
    if (!matches(filter_, agent, update)) return true;
    format_.add(to, host.name(), agent, update);
    is_over_ = --left_ == 0;
    return !is_over_ && to.size() < kPieceSize;
  }

  const HostTable& hosts_;
  StatusFilter filter_;
  size_t left_;
  std::string from_;
  bool is_begun_ = false;
  bool is_over_ = false;
  Format format_;
};

class TextFormat {
 public:
  void begin(std::string& /*to*/) {}
  void add(std::string& to, std::string_view host, const std::optional<AgentView>& agent,
           const std::optional<UpdateView>& /*update*/) {
    to += host;
    if (!agent) {
      to += " not found\n";
      return;
    }
    to.append(1, ' ').append(agent->version).append(1, ' ').append(agent->status).append(1, ' ');
    append_number(to, agent->timestamp);
    to += ' ';
    times_.append(to, agent->timestamp);
    to += '\n';
  }
  void end(std::string& /*to*/) {}

 private:
  LocalTimes times_;
};

void append_field(std::string& to, std::string_view key, std::string_view value) {
  append_json_key(to, key);
  append_json_string(to, value);
  to += ',';
}

void append_field(std::string& to, std::string_view key, int64_t value) {
  append_json_key(to, key);
  append_number(to, value);
  to += ',';
}

/// As the protocol has it.
void append_update(std::string& to, std::string_view agent, const UpdateView& update) {
  to += '{';
  append_field(to, "name", agent);
  append_field(to, "version", update.version);
  append_field(to, "phase", update.phase);
  append_field(to, "done", update.entry.done);
  append_field(to, "total", update.entry.total);
  append_field(to, "attempts", update.entry.attempts);
  append_field(to, "since", update.entry.since);
  append_json_key(to, "error");
  append_json_string(to, update.entry.error);
  to += '}';
}

class JsonFormat {
 public:
  explicit JsonFormat(std::string agent) : agent_name_(std::move(agent)) {}

  void begin(std::string& to) { to += '{'; }
  void add(std::string& to, std::string_view host, const std::optional<AgentView>& agent,
           const std::optional<UpdateView>& update) {
    if (!is_first_) to += ',';
    is_first_ = false;
    append_json_string(to, host);
    to += ':';
    if (!agent && !update) {
      to += "null";
      return;
    }
    to += '{';
    if (agent) {
      append_field(to, "name", agent_name_);
      append_field(to, "version", agent->version);
      append_field(to, "status", agent->status);
      append_field(to, "timestamp", agent->timestamp);
    }
    if (update) {
      append_json_key(to, "update");
      append_update(to, agent_name_, *update);
      to += '}';
    } else {
      to.back() = '}';
    }
  }
  void end(std::string& to) { to += '}'; }

 private:
  std::string agent_name_;
  bool is_first_ = true;
};

void append_counts(std::string& to, const ReleaseCounts& counts) {
  to += '{';
  append_field(to, "hosts", counts.hosts);
  append_field(to, "started", counts.started);
  append_field(to, "stopped", counts.stopped);
  append_field(to, "other", counts.hosts - counts.started - counts.stopped);
  append_json_key(to, "updates");
  to += '{';
  for (const Phase phase : kPhases) {
    if (counts.in(phase) > 0) append_field(to, to_word(phase), counts.in(phase));
  }
  if (to.back() == ',') to.pop_back();
  to += "}}";
}

/// The versions with most hosts first; `listed` counts those of all agents.
void append_agent(std::string& to, const std::map<std::string, ReleaseCounts>& versions, size_t& listed) {
  std::vector<std::pair<std::string_view, const ReleaseCounts*>> order;
  for (const auto& [version, counts] : versions) order.emplace_back(version, &counts);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second->hosts > b.second->hosts; });
  const size_t count = std::min({order.size(), kMaxListedVersions, kMaxListedReleases - listed});
  listed += count;
  to += R"({"versions":{)";
  ReleaseCounts others;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i >= count) {
      others += *order[i].second;
      continue;
    }
    if (i > 0) to += ',';
    append_json_string(to, order[i].first);
    to += ':';
    append_counts(to, *order[i].second);
  }
  to += '}';
  if (count < order.size()) {
    to += R"(,"others":)";
    append_counts(to, others);
  }
  to += '}';
}

}  // namespace

Result<StatusFilter> StatusFilter::from_query(const std::string& agent, const HttpRequest& request) {
  StatusFilter filter;
  filter.agent = agent;
  filter.version = request.parameter("version");
  filter.status = request.parameter("status");
  filter.phase = request.parameter("phase");
  filter.prefix = request.parameter("prefix");
  filter.from = request.parameter("from");
  if (const std::string text = request.parameter("limit"); !text.empty()) {
    size_t limit = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    if (error != std::errc() || end != text.data() + text.size() || limit == 0) {
      return Error{cat("limit is \"", one_line(text, 100), "\", should be a number of hosts like 100")};
    }
    filter.limit = limit;
  }
  return filter;
}

BodyStream status_text(const HostTable& hosts, StatusFilter filter) {
  return Listing<TextFormat>(hosts, std::move(filter), {});
}

BodyStream status_json(const HostTable& hosts, StatusFilter filter) {
  JsonFormat format(filter.agent);
  return Listing<JsonFormat>(hosts, std::move(filter), std::move(format));
}

std::string status_summary(const HostTable& hosts, std::string_view more) {
  std::string json = R"({"hosts":)";
  append_number(json, static_cast<int64_t>(hosts.size()));
  json += R"(,"agents":{)";
  size_t listed = 0;
  for (const auto& [agent, versions] : hosts.summary()) {
    if (json.back() != '{') json += ',';
    append_json_string(json, agent);
    json += ':';
    append_agent(json, versions, listed);
  }
  json += '}';
  if (more == "{}") return json + "}";
  return json.append(1, ',').append(more.substr(1));
}

}  // namespace ops::meta
