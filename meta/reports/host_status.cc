#include "meta/reports/host_status.h"

#include <algorithm>
#include <array>

#include "common/base/clock.h"
#include "common/base/json_writer.h"

namespace ops::meta {

namespace {

constexpr size_t kHostsOfAPage = 100;   // without a limit
constexpr size_t kHostsPerCopy = 16;    // heartbeats are blocked meanwhile, and a host may have 256 agents
constexpr size_t kHostsPerVisit = 256;  // the same, without a copy
constexpr size_t kVisitsPerPiece = 64;  // other clients of the thread wait while a piece is made

/// `agent` or `update` may be null, but not both.
void append_agent(std::string& to, std::string_view name, const RealAgent* agent, const AgentUpdate* update) {
  if (!to.ends_with('[')) to += ',';
  to += '{';
  append_json_member(to, "name", name);
  if (agent != nullptr) {
    append_json_member(to, "version", agent->version);
    append_json_member(to, "status", agent->status);
    append_json_member(to, "timestamp", agent->timestamp);
  }
  if (update != nullptr) to.append(R"(,"update":)").append(to_json(*update));
  to += '}';
}

void append_host(std::string& to, std::string_view hostname, const Host& host) {
  to += '{';
  append_json_member(to, "hostname", hostname);
  append_json_member(to, "heardAt", to_wall_seconds(host.heard_at));
  append_json_member(to, "updaterVersion", host.updater_version);
  append_json_member(to, "platform", host.platform);
  if (host.is_duplicate) to += R"(,"duplicate":true)";
  to += R"(,"agents":[)";
  for (const RealAgent& agent : host.agents) append_agent(to, agent.name, &agent, host.update(agent.name));
  for (const AgentUpdate& update : host.updates) {
    if (host.agent(update.name) == nullptr) append_agent(to, update.name, nullptr, &update);
  }
  to += "]}";
}

class Page {
 public:
  Page(const HostTable& hosts, StatusFilter filter)
      : hosts_(hosts),
        filter_(std::move(filter)),
        from_(std::max(filter_.prefix, filter_.from)),
        left_(filter_.limit.value_or(kHostsOfAPage)) {}

  bool operator()(std::string& to) {
    if (!is_begun_) to += R"({"hosts":[)";
    is_begun_ = true;
    bool more = true;
    for (size_t visits = 0; more && visits < kVisitsPerPiece && to.size() < kPieceSize; ++visits) more = add_some(to);
    if (!more) end(to);
    return more;
  }

 private:
  bool is_wanted(const HostView& host) const {
    if (filter_.agent.empty()) return true;
    const auto agent = host.agent(filter_.agent);
    const auto update = host.update(filter_.agent);
    if (filter_.failed.empty() && !agent && !update) return false;
    return matches(host, filter_, agent, update);
  }

  /// Heartbeats are blocked while hosts are copied, but not while their JSON is made.
  bool add_some(std::string& to) {
    size_t count = 0;
    bool is_over = false;
    const bool more = hosts_.visit(from_, kHostsPerVisit, [&](const HostView& host) {
      is_over = !host.name().starts_with(filter_.prefix);
      if (is_over) return false;
      if (!is_wanted(host)) return true;
      if (left_ == 0) {
        next_ = host.name();
        is_over = true;
        return false;
      }
      --left_;
      names_[count] = host.name();
      host.copy_to(copies_[count++]);
      return count < kHostsPerCopy;
    });
    for (size_t i = 0; i < count; ++i) {
      if (!is_first_) to += ',';
      is_first_ = false;
      append_host(to, names_[i], copies_[i]);
    }
    return more && !is_over;
  }

  void end(std::string& to) const {
    to += ']';
    if (!next_.empty()) {
      to += R"(,"next":)";
      append_json_string(to, next_);
    }
    to += '}';
  }

  const HostTable& hosts_;
  const StatusFilter filter_;
  std::string from_;
  size_t left_;
  bool is_begun_ = false;
  bool is_first_ = true;
  std::string next_;
  std::array<std::string, kHostsPerCopy> names_;
  std::array<Host, kHostsPerCopy> copies_;
};

}  // namespace

std::string host_json(const std::string& hostname, const Host& host) {
  std::string json;
  append_host(json, hostname, host);
  return json;
}

Result<StatusFilter> page_from_query(const HttpRequest& request) {
  auto filter = StatusFilter::from_query(request.parameter("agent"), request);
  if (!filter) return filter;
  const bool is_of_agent =
      !filter->version.empty() || !filter->status.empty() || !filter->phase.empty() || !filter->failed.empty();
  if (is_of_agent && filter->agent.empty()) {
    return Error{"version, status, phase and failed filter one agent: add agent=NAME, or use /status/json/NAME"};
  }
  if (filter->limit.value_or(0) > kMaxHostsOfAPage) {
    return Error{
        cat("limit is ", *filter->limit, ", expected at most ", kMaxHostsOfAPage, "; the next page begins at \"next\"")};
  }
  return filter;
}

BodyStream status_hosts(const HostTable& hosts, StatusFilter page) { return Page(hosts, std::move(page)); }

}  // namespace ops::meta
