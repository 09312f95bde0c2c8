#include "updater/server_check.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <iostream>

#include "updater/release/download.h"

namespace ops::updater {

namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr size_t kMaxReply = 1 << 20;
constexpr int64_t kSmallDifference = 5;  // seconds

/// Paths that require a host's token. A GET of them changes nothing: ops-meta refuses a GET of the first, and has no file of
/// the second name.
constexpr std::array kPathsForHosts = {"/heartbeat", "/ops-updater-check"};

void say(const char* verdict, const std::string& what) { std::cout << "  " << verdict << "  " << what << std::endl; }

/// Why the server refuses this host's token; "" when it accepts it.
std::string refusal_of(const std::string& server, const ClientCredentials& access) {
  for (const char* path : kPathsForHosts) {
    const std::string url = server + path;
    const auto reply = get_small(url, kMaxReply, kPatience, {}, access);
    if (!reply) return reply.error().message;
    if (reply->status != 401 && reply->status != 403 && reply->status / 100 != 5) continue;
    return cat(url, ": ", reply->status_text, ": ", one_line(trim(reply->body), 200));
  }
  return "";
}

bool check_token(const std::string& server, const ClientCredentials& access) {
  const std::string refusal = refusal_of(server, access);
  if (!refusal.empty()) return say("FAIL", refusal), false;
  ClientCredentials anonymous = access;
  anonymous.token.clear();
  anonymous.passwords.clear();
  const bool is_required = !refusal_of(server, anonymous).empty();
  say("good", is_required ? "it accepts this host's token or password" : "it requires no token");
  return true;
}

void compare_clocks(std::optional<int64_t> theirs) {
  if (!theirs) return say("warn", "its replies have no Date header: its clock cannot be compared");
  const int64_t ahead = *theirs - std::time(nullptr);
  const std::string apart = cat("its clock is ", std::abs(ahead), " s ", ahead < 0 ? "behind" : "ahead of", " this host's");
  say(std::abs(ahead) > kSmallDifference ? "warn" : "good", apart);
}

bool check_server(const std::string& server, const ClientCredentials& access) {
  std::cout << server << std::endl;
  const auto reply = get_small(server + "/health", kMaxReply, kPatience, {}, access);
  if (!reply) return say("FAIL", reply.error().message), false;
  if (reply->status != 200 || trim(reply->body) != "ok") {
    say("FAIL", cat("it is not an ops-meta: it answers /health with status ", reply->status, " and \"",
                    one_line(trim(reply->body), 100), "\", expected 200 and \"ok\""));
    return false;
  }
  say("good", cat("it answers", server.starts_with("https:") ? ", and its certificate is trusted" : ""));
  const bool is_accepted = check_token(server, access);
  compare_clocks(reply->date);
  return is_accepted;
}

}  // namespace

bool check_servers(const Config& config) {
  const ClientCredentials access = credentials_of(config, make_sessions(), Request::heartbeat);
  bool is_good = true;
  for (const std::string& server : config.servers) is_good = check_server(server, access) && is_good;
  return is_good;
}

}  // namespace ops::updater
