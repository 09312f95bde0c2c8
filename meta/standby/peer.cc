#include "meta/standby/peer.h"

#include "common/base/text.h"
#include "common/http/http_client.h"
#include "common/protocol/url.h"

namespace ops::meta {

namespace {

constexpr uint64_t kMaxReply = uint64_t{4} << 30;  // bytes; a table of a million hosts has 60 MB
constexpr std::chrono::seconds kPatience{2};
constexpr std::chrono::seconds kLongest{30};

}  // namespace

Result<PeerReply> Peer::get(const std::string& target, const std::stop_token& cancel) const {
  return ask(target, nullptr, cancel);
}

Result<PeerReply> Peer::post(const std::string& target, const std::stop_token& cancel) const {
  const std::string nothing;
  return ask(target, &nothing, cancel);
}

Result<PeerReply> Peer::ask(const std::string& target, const std::string* body, const std::stop_token& cancel) const {
  ClientCredentials access;
  access.token = settings_.token;
  access.servers = {settings_.of};
  access.tls.ca = settings_.ca;
  access.program = "ops-meta";
  HttpClient client(settings_.of + target, kMaxReply, cancel, access);
  client.connect_within(kPatience);
  client.end_when_slower(1, kPatience);
  client.end_after(kLongest);
  if (body != nullptr) client.post(*body);
  PeerReply reply;
  const auto take = [&](std::string_view piece) {
    reply.body += piece;
    return true;
  };
  if (auto ran = client.run(take); !ran) return ran.error();
  reply.status = client.status();
  return reply;
}

std::string Peer::url() const { return without_secrets(settings_.of); }

std::string Peer::address() const {
  const std::string shown = url();
  const size_t scheme = shown.find("://");
  return scheme == std::string::npos ? shown : shown.substr(scheme + 3);
}

}  // namespace ops::meta
