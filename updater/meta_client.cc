#include "updater/meta_client.h"

#include <algorithm>

namespace ops::updater {

namespace {

constexpr std::chrono::seconds kHeartbeatTimeout{20};

}  // namespace

Result<HeartbeatResponse> MetaClient::send(const std::vector<std::string>& servers, const HeartbeatRequest& heartbeat,
                                           const std::stop_token& cancel, const ClientCredentials& access) {
  const std::string body = to_json(heartbeat);
  retry_after_.reset();
  std::string failures;
  for (size_t i = 0; i < servers.size() && !cancel.stop_requested(); ++i) {
    const size_t index = (preferred_ + i) % servers.size();
    bool refuses = false;
    auto response = ask(refuses, servers[index], body, cancel, access);
    if (response) {
      preferred_ = index;
      answered_by_ = servers[index];
      return response;
    }
    failures += (failures.empty() ? "" : "; ") + response.error().message;
    if (refuses) break;
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
  return response;
}

}  // namespace ops::updater
