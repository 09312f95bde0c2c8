#include "meta/reports/host_status.h"

#include <algorithm>
#include <array>

#include "common/base/clock.h"
#include "common/base/json_writer.h"

namespace ops::meta {

namespace {

constexpr size_t kHostsOfAPage = 100;  // without a limit
constexpr size_t kHostsPerVisit = 16;  // a host may have 256 agents

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
        prefix_(std::move(filter.prefix)),
        from_(std::max(prefix_, filter.from)),
        left_(filter.limit.value_or(kHostsOfAPage)) {}

  bool operator()(std::string& to) {
    if (is_first_) to += R"({"hosts":[)";
    bool more = true;
    while (more && to.size() < kPieceSize) more = add_some(to);
    if (!more) end(to);
    return more;
  }

 private:
  /// Heartbeats are blocked while hosts are copied, but not while their JSON is made.
  bool add_some(std::string& to) {
    size_t count = 0;
    bool is_over = false;
    const bool more = hosts_.visit(from_, kHostsPerVisit, [&](const HostView& host) {
      const bool is_wanted = host.name().starts_with(prefix_);
      if (is_wanted && left_ > 0) {
        --left_;
        names_[count] = host.name();
        host.copy_to(copies_[count++]);
        return true;
      }
      if (is_wanted) next_ = host.name();
      is_over = true;
      return false;
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
  const std::string prefix_;
  std::string from_;
  size_t left_;
  bool is_first_ = true;
  std::string next_;
  std::array<std::string, kHostsPerVisit> names_;
  std::array<Host, kHostsPerVisit> copies_;
};

}  // namespace

std::string host_json(const std::string& hostname, const Host& host) {
  std::string json;
  append_host(json, hostname, host);
  return json;
}

Result<StatusFilter> page_from_query(const HttpRequest& request) {
  auto filter = StatusFilter::from_query("", request);
  if (!filter) return filter;
  if (!filter->version.empty() || !filter->status.empty() || !filter->phase.empty()) {
    return Error{
        "version, status and phase filter one agent: use /status/json/AGENT; /status/hosts takes prefix, from and limit"};
  }
  if (filter->limit.value_or(0) > kMaxHostsOfAPage) {
    return Error{
        cat("limit is ", *filter->limit, ", should be at most ", kMaxHostsOfAPage, "; the next page begins at \"next\"")};
  }
  return filter;
}

BodyStream status_hosts(const HostTable& hosts, StatusFilter page) { return Page(hosts, std::move(page)); }

}  // namespace ops::meta
