// Fuzzes the parsers of heartbeats, configs, checksums, signatures and state files.

#include "common/base/secret.h"
#include "common/protocol/heartbeat.h"
#include "common/protocol/url.h"
#include "meta/config/config.h"
#include "tests/fuzz/targets.h"
#include "updater/config.h"
#include "updater/model/state.h"
#include "updater/release/checksum.h"
#include "updater/release/signature.h"

namespace ops::fuzz {

namespace {

constexpr char kFile[] = "a-1.0.tar.gz";

/// The public key of the signatures in the corpus of minisig.
constexpr char kPublicKey[] = "RWRLxdzf8aWgHPO0rz3GvQn+DAGQH50Qy0zX48g67S2onKsRxx96ciI1";

template <typename Entry>
void mask_urls(Entry& entry) {
  entry.tarball = without_secrets(entry.tarball);
  entry.md5 = without_secrets(entry.md5);
  for (std::string& mirror : entry.mirrors) mirror = without_secrets(mirror);
}

void mask_secrets(meta::Config& config) {
  for (std::string& token : config.tokens) token = kMasked;
  for (std::string& token : config.admin_tokens) token = kMasked;
  for (meta::AgentConfig& agent : config.agents) {
    mask_urls(agent.defaults);
    for (meta::Override& entry : agent.others) mask_urls(entry);
  }
}

void mask_secrets(updater::Config& config) {
  if (!config.token.empty()) config.token = kMasked;
  for (auto& [server, password] : config.passwords) password = cat(kMasked, ":");
  if (config.proxy.url) config.proxy.url = without_secrets(*config.proxy.url);
}

/// Checks that a config, printed as JSON and loaded again, is the same config, except for masked secrets.
template <typename Load>
void check_config(std::string_view bytes, const Load& load) {
  ConfigReport report;
  auto config = load(scratch_file("cfg.json", bytes), report);
  if (!report.ok()) return;
  ConfigReport report_again;
  const auto again = load(scratch_file("cfg.json", to_json(config)), report_again);
  mask_secrets(config);
  promise(report_again.ok(), "a printed config is valid");
  promise(again == config, "a printed config is the same config");
}

}  // namespace

void heartbeat_request(std::string_view bytes) {
  auto request = parse_heartbeat_request(bytes);
  const std::string hostname = hostname_in(bytes);
  promise(hostname.empty() || is_valid_hostname(hostname), "hostname_in() returns a valid hostname or none");
  if (!request) {
    promise(!request.error().message.empty(), "a refusal has a reason");
    return;
  }
  promise(is_valid_hostname(request->hostname), "an accepted request has a valid hostname");
  promise(request->real_agents.size() <= kMaxAgentsPerHost, "an accepted request has at most kMaxAgentsPerHost agents");
  promise(hostname == request->hostname, "hostname_in() returns the request's hostname");
  for (const RealAgent& agent : request->real_agents) {
    promise(refusal_of(agent.name, agent.version).empty(), "an accepted agent has a valid name and version");
    promise(agent.status.size() <= kMaxStatusSize + sizeof "…", "a long status is cut");
  }
  request->refused.clear();
  const auto again = parse_heartbeat_request(to_json(*request));
  promise(again && *again == *request, "a request, printed and parsed again, is the same request");
}

void heartbeat_reply(std::string_view bytes) {
  auto response = parse_heartbeat_response(bytes);
  if (!response) return;
  for (const DesiredAgent& agent : response->desired_agents) {
    promise(is_valid_name(agent.name) && is_valid_version(agent.version), "an accepted agent has a valid name and version");
  }
  promise(response->interval >= 0 && response->interval <= kLongestInterval, "the interval is within its limits");
  const auto again = parse_heartbeat_response(to_json(*response));
  response->refused.clear();
  promise(again && *again == *response, "a reply, printed and parsed again, is the same reply");
}

void meta_config(std::string_view bytes) { check_config(bytes, meta::load_config); }
void updater_config(std::string_view bytes) { check_config(bytes, updater::load_config); }

void md5(std::string_view bytes) {
  const auto digest = updater::parse_md5sum(std::string(bytes), kFile);
  promise(!digest || (is_hex(*digest, 32) && to_lower(*digest) == *digest), "a digest is 32 hex digits in lower case");
}

void minisig(std::string_view bytes) {
  static const updater::PublicKey key = *updater::parse_public_key(kPublicKey);
  const std::string text(bytes);
  const auto signature = updater::parse_signature(text, kFile, {key});
  promise(!signature || text.find(std::string("file:") + kFile) != std::string::npos, "a valid signature names this file");
  if (const auto other = updater::parse_public_key(text)) {
    promise(other->id.size() == 8 && other->key.size() == 32, "a public key has an id of 8 bytes and 32 bytes of key");
    (void)updater::parse_signature(text, kFile, {*other});
  }
}

void state(std::string_view bytes) {
  const std::string path = scratch_file(".state", bytes);
  const auto read = updater::read_state(path);
  promise(read.ok(), "a damaged state file is moved aside");
  promise(updater::write_state(path, *read).ok(), "a state can be written");
  const auto again = updater::read_state(path);
  promise(again && *again == *read, "a written state is read again unchanged");
}

}  // namespace ops::fuzz
