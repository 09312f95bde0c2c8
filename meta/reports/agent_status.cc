#include "meta/reports/agent_status.h"

#include <algorithm>

#include "common/base/json_writer.h"
#include "common/base/text.h"
#include "common/protocol/phase.h"
#include "common/protocol/status.h"
#include "meta/reports/local_times.h"

namespace ops::meta {

namespace {

constexpr size_t kHostsPerVisit = 256;   // heartbeats are blocked during a visit
constexpr size_t kHostsPerPiece = 4096;  // other clients of the thread wait while a piece is made

bool has_failed_on(const HostView& host, const StatusFilter& filter, const std::optional<AgentView>& agent,
                   const std::optional<UpdateView>& update) {
  if (update && update->version == filter.failed && has_failed(to_phase(update->phase))) return true;
  if (agent && agent->version == filter.failed && is_late_trouble(host.health(filter.agent).stage)) return true;
  return filter.failed_by_lease && filter.failed_by_lease(host.name());
}

}  // namespace

bool matches(const HostView& host, const StatusFilter& filter, const std::optional<AgentView>& agent,
             const std::optional<UpdateView>& update) {
  if (!filter.failed.empty() && !has_failed_on(host, filter, agent, update)) return false;
  if (!filter.version.empty() && (!agent || agent->version != filter.version)) return false;
  if (!filter.phase.empty() && (!update || update->phase != filter.phase)) return false;
  if (filter.status.empty()) return true;
  if (!agent) return false;
  if (const Status wanted = to_status(filter.status); wanted != Status::unclear) return to_status(agent->status) == wanted;
  return agent->status == filter.status;
}

namespace {

/// Visits the hosts that match the filter; `Format` appends each.
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
    for (size_t visited = 0; more && visited < kHostsPerPiece && to.size() < kPieceSize; visited += kHostsPerVisit) {
      more = hosts_.visit(from_, kHostsPerVisit, [&](const HostView& host) { return add(host, to); }) && !is_over_;
    }
    if (!more) format_.end(to);
    return more;
  }

 private:
  /// False when the piece or the listing is complete.
  bool add(const HostView& host, std::string& to) {
    is_over_ = !host.name().starts_with(filter_.prefix);
    if (is_over_) return false;
    const auto agent = host.agent(filter_.agent);
    const auto update = host.update(filter_.agent);
    if (!matches(host, filter_, agent, update)) return true;
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

/// The member "update", in the protocol's form (common/protocol/heartbeat.h).
void append_update(std::string& to, std::string_view agent, const UpdateView& update) {
  if (!to.ends_with('{')) to += ',';
  to += R"("update":{)";
  append_json_member(to, "name", agent);
  append_json_member(to, "version", update.version);
  append_json_member(to, "phase", update.phase);
  append_json_member(to, "done", update.entry.done);
  append_json_member(to, "total", update.entry.total);
  append_json_member(to, "attempts", update.entry.attempts);
  append_json_member(to, "since", update.entry.since);
  append_json_member(to, "error", update.entry.error);
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
      append_json_member(to, "name", agent_name_);
      append_json_member(to, "version", agent->version);
      append_json_member(to, "status", agent->status);
      append_json_member(to, "timestamp", agent->timestamp);
    }
    if (update) append_update(to, agent_name_, *update);
    to += '}';
  }
  void end(std::string& to) { to += '}'; }

 private:
  std::string agent_name_;
  bool is_first_ = true;
};

}  // namespace

Result<StatusFilter> StatusFilter::from_query(const std::string& agent, const HttpRequest& request) {
  StatusFilter filter;
  filter.agent = agent;
  filter.version = request.parameter("version");
  filter.status = request.parameter("status");
  filter.phase = request.parameter("phase");
  filter.failed = request.parameter("failed");
  filter.prefix = request.parameter("prefix");
  filter.from = request.parameter("from");
  if (const std::string text = request.parameter("limit"); !text.empty()) {
    const auto limit = parse_number(text);
    if (!limit || *limit == 0 || *limit == UINT64_MAX) {
      return Error{cat("limit is \"", one_line(text, 100), "\", expected a number of hosts like 100")};
    }
    filter.limit = *limit;
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

}  // namespace ops::meta
