#include "updater/meta_client.h"

#include <algorithm>

namespace ops::updater {

namespace {

constexpr std::chrono::seconds kHeartbeatTimeout{20};

void append_failure(std::string& failures, const std::string& failure) { failures += (failures.empty() ? "" : "; ") + failure; }

}  // namespace

/// The indexes of the servers in the order in which to ask them.
std::vector<size_t> MetaClient::order(size_t servers, Clock::time_point now) const {
  const size_t preferred = preferred_ % servers;
  const bool returns = preferred != 0 && now >= return_at_;
  std::vector<size_t> indexes;
  if (returns) indexes.push_back(0);
  for (size_t i = 0; i < servers; ++i) {
    const size_t index = (preferred + i) % servers;
    if (index != 0 || !returns) indexes.push_back(index);
  }
  return indexes;
}

Result<HeartbeatResponse> MetaClient::send(const std::vector<std::string>& servers, HeartbeatRequest heartbeat,
                                           const std::stop_token& cancel, const ClientCredentials& access,
                                           const Timing& timing) {
  heartbeat.generation = generation_;
  const std::string body = to_json(heartbeat);
  retry_after_.reset();
  stale_.clear();
  std::string failures;
  const size_t preferred = preferred_ % servers.size();
  for (const size_t index : order(servers.size(), timing.now)) {
    if (cancel.stop_requested()) break;
    const bool is_return = index == 0 && preferred != 0 && timing.now >= return_at_;
    bool refuses = false;
    auto response = ask(refuses, servers[index], body, cancel, access);
    if (response) {
      if (index != preferred) return_at_ = timing.now + timing.stay;
      preferred_ = index;
      answered_by_ = servers[index];
      return response;
    }
    if (is_return) return_at_ = timing.now + timing.stay;
    append_failure(failures, response.error().message);
    if (refuses && !is_return) break;
  }
  return Error{"no answer from ops-meta: " + failures};
}

Result<HeartbeatResponse> MetaClient::ask(bool& refuses, const std::string& server, const std::string& body,
                                          const std::stop_token& cancel, const ClientCredentials& access) {
  const std::string url = server + "/heartbeat";
  const auto reply = post_json(url, body, kMaxHeartbeatSize, kHeartbeatTimeout, cancel, access);
  if (!reply) return reply.error();
  if (reply->retry_after) retry_after_ = std::max(reply->retry_after, retry_after_);
  // (The Go updater also obeys a 500 with JSON in its body.)
  if (reply->status != 200) {
    refuses = reply->status / 100 == 4;
    return Error{cat(url, ": ", reply->status_text, ": ", one_line(trim(reply->body), 200))};
  }
  auto response = parse_heartbeat_response(reply->body);
  if (!response) return response.error().within(url);
  refuses = !response->error_message.empty();
  if (refuses) return Error{cat(url, ": ", one_line(response->error_message, 200))};
  if (response->generation < generation_) {
    const std::string why =
        cat(url, ": the reply has generation ", response->generation, ", an earlier reply had ", generation_,
            ": another ops-meta leads, and ops-updater does not obey this one. Stop it, or make it lead with "
            "./control promote");
    append_failure(stale_, why);
    return Error{why};
  }
  generation_ = response->generation;
  return response;
}

}  // namespace ops::updater
