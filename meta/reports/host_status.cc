#include "meta/reports/host_status.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/base/json_writer.h"

namespace ops::meta {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kHostsOfAPage = 100;  // when none are asked for
constexpr size_t kHostsAtATime = 16;   // each may have 256 agents

Json agent_json(const RealAgent& agent) {
  return {{"name", agent.name}, {"version", agent.version}, {"status", agent.status}, {"timestamp", agent.timestamp}};
}

Json agents_json(const Host& host) {
  Json agents = Json::array();
  for (const RealAgent& agent : host.agents) {
    agents.push_back(agent_json(agent));
    if (const AgentUpdate* update = host.update(agent.name)) agents.back()["update"] = Json::parse(to_json(*update));
  }
  for (const AgentUpdate& update : host.updates) {
    if (host.agent(update.name) != nullptr) continue;
    agents.push_back({{"name", update.name}, {"update", Json::parse(to_json(update))}});
  }
  return agents;
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
  /// Heartbeats wait while hosts are copied, but not while their JSON is made.
  bool add_some(std::string& to) {
    size_t count = 0;
    bool is_over = false;
    const bool more = hosts_.visit(from_, kHostsAtATime, [&](const HostView& host) {
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
      to += host_json(names_[i], copies_[i]);
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
  std::array<std::string, kHostsAtATime> names_;
  std::array<Host, kHostsAtATime> copies_;
};

}  // namespace

std::string host_json(const std::string& hostname, const Host& host) {
  const Json json = {{"hostname", hostname},
                     {"heardAt", std::chrono::system_clock::to_time_t(host.heard_at)},
                     {"updaterVersion", host.updater_version},
                     {"platform", host.platform},
                     {"agents", agents_json(host)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<StatusFilter> page_from_query(const HttpRequest& request) {
  auto filter = StatusFilter::from_query("", request);
  if (!filter) return filter;
  if (!filter->version.empty() || !filter->status.empty() || !filter->phase.empty()) {
    return Error{"version, status and phase are of an agent: /status/json/AGENT takes them; here are prefix, from and limit"};
  }
  if (filter->limit.value_or(0) > kMaxHostsOfAPage) {
    return Error{cat("limit is ", *filter->limit, ", should be at most ", kMaxHostsOfAPage, "; \"next\" says how to go on")};
  }
  return filter;
}

BodyStream status_hosts(const HostTable& hosts, StatusFilter page) { return Page(hosts, std::move(page)); }

}  // namespace ops::meta
