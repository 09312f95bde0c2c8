// Heartbeats, configs, checksums, signatures and notes.

#include "common/base/secret.h"
#include "common/protocol/heartbeat.h"
#include "meta/config/config.h"
#include "tests/fuzz/targets.h"
#include "updater/config.h"
#include "updater/model/state.h"
#include "updater/release/checksum.h"
#include "updater/release/signature.h"

namespace ops::fuzz {

namespace {

constexpr char kFile[] = "a-1.0.tar.gz";

/// Of the key that signed what is in the corpus of minisig.
constexpr char kPublicKey[] = "RWRLxdzf8aWgHPO0rz3GvQn+DAGQH50Qy0zX48g67S2onKsRxx96ciI1";

void mask_secrets(meta::Config& config) {
  for (std::string& token : config.tokens) token = kMasked;
  for (std::string& token : config.admin_tokens) token = kMasked;
}

void mask_secrets(updater::Config& config) {
  if (!config.token.empty()) config.token = kMasked;
}

/// What a config says of itself must be read as the same config, but for its secrets.
template <typename Load>
void check_config(std::string_view bytes, const Load& load) {
  ConfigReport report;
  auto config = load(scratch_file("cfg.json", bytes), report);
  if (!report.ok()) return;
  ConfigReport report_again;
  const auto again = load(scratch_file("cfg.json", to_json(config)), report_again);
  mask_secrets(config);
  promise(report_again.ok(), "a config's own JSON is good");
  promise(again == config, "a config's own JSON is the same config");
}

}  // namespace

void heartbeat_request(std::string_view bytes) {
  auto request = parse_heartbeat_request(bytes);
  const std::string hostname = hostname_in(bytes);
  promise(hostname.empty() || is_valid_hostname(hostname), "a hostname that is told is a good one");
  if (!request) {
    promise(!request.error().message.empty(), "a refusal says why");
    return;
  }
  promise(is_valid_hostname(request->hostname), "a host has a good name");
  promise(request->real_agents.size() <= kMaxAgentsPerHost, "a host has not too many agents");
  promise(hostname == request->hostname, "the hostname that is told is the request's");
  for (const RealAgent& agent : request->real_agents) {
    promise(refusal_of(agent.name, agent.version).empty(), "an agent that is taken has good names");
    promise(agent.status.size() <= kMaxStatusSize + sizeof "…", "a long status is cut");
  }
  request->refused.clear();
  const auto again = parse_heartbeat_request(to_json(*request));
  promise(again && *again == *request, "a request's own JSON is the same request");
}

void heartbeat_reply(std::string_view bytes) {
  auto response = parse_heartbeat_response(bytes);
  if (!response) return;
  for (const DesiredAgent& agent : response->desired_agents) {
    promise(is_valid_name(agent.name) && is_valid_version(agent.version), "an agent that is taken has good names");
  }
  promise(response->interval >= 0 && response->interval <= kLongestInterval, "the interval is within its limits");
  const auto again = parse_heartbeat_response(to_json(*response));
  response->refused.clear();
  promise(again && *again == *response, "a reply's own JSON is the same reply");
}

void meta_config(std::string_view bytes) { check_config(bytes, meta::load_config); }
void updater_config(std::string_view bytes) { check_config(bytes, updater::load_config); }

void md5(std::string_view bytes) {
  const auto digest = updater::parse_md5sum(std::string(bytes), kFile);
  promise(!digest || (is_hex(*digest, 32) && to_lower(*digest) == *digest), "a digest is 32 digits in lower case");
}

void minisig(std::string_view bytes) {
  static const updater::PublicKey key = *updater::parse_public_key(kPublicKey);
  const std::string text(bytes);
  const auto signature = updater::parse_signature(text, kFile, {key});
  promise(!signature || text.find(std::string("file:") + kFile) != std::string::npos, "what is signed is this file");
  if (const auto other = updater::parse_public_key(text)) {
    promise(other->id.size() == 8 && other->key.size() == 32, "a key has its size");
    (void)updater::parse_signature(text, kFile, {*other});
  }
}

void state(std::string_view bytes) {
  const std::string path = scratch_file(".state", bytes);
  const auto read = updater::read_state(path);
  promise(read.ok(), "what is damaged is put aside");
  promise(updater::write_state(path, *read).ok(), "a state can be written");
  const auto again = updater::read_state(path);
  promise(again && *again == *read, "a state that was written is read");
}

}  // namespace ops::fuzz
