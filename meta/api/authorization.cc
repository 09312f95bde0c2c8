#include "meta/api/authorization.h"

#include <algorithm>

#include "common/base/base64.h"
#include "common/base/text.h"
#include "common/release/owner_ids.h"
#include "common/tls/constant_time.h"

namespace ops::meta {

namespace {

/// The texts in the Authorization header that may be a token. Bearer has one. Basic has two: the password, and user:password,
/// which an updater sends for a token with a ":" in it.
std::vector<std::string> tokens_of(const HttpRequest& request) {
  const std::string header = request.header("Authorization");
  const size_t space = std::min(header.find(' '), header.size());
  const std::string scheme = to_lower(header.substr(0, space));
  const std::string_view value = trim(std::string_view(header).substr(space));
  if (scheme == "bearer") return {std::string(value)};
  if (scheme != "basic") return {};
  const auto pair = decode_base64(value);
  const size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return {};
  return {pair->substr(colon + 1), *pair};
}

/// Compares with every token, also after the first equal one, so that the time does not tell which token was equal.
bool is_one_of(const std::string& given, const std::vector<std::string>& tokens) {
  return std::count_if(tokens.begin(), tokens.end(),
                       [&](const std::string& token) { return is_equal_in_constant_time(given, token); }) > 0;
}

bool has_one_of(const std::vector<std::string>& given, const std::vector<std::string>& tokens) {
  return std::count_if(given.begin(), given.end(), [&](const std::string& one) { return is_one_of(one, tokens); }) > 0;
}

bool requires_certificate(const Config& config) { return !config.tls.ca.empty(); }

}  // namespace

Rights rights_of(const HttpRequest& request, const Config& config) {
  if (request.from_owner || (config.tokens.empty() && config.admin_tokens.empty() && !requires_certificate(config))) return {};
  const std::vector<std::string> given = tokens_of(request);
  const bool is_known = !requires_certificate(config) || !request.certificate_names.empty();
  const bool is_operator = has_one_of(given, config.admin_tokens);
  Rights rights;
  rights.heartbeat = is_known && (config.tokens.empty() || has_one_of(given, config.tokens));
  rights.download = rights.heartbeat || is_operator;
  rights.operate = is_operator || (is_known && config.admin_tokens.empty());
  return rights;
}

HttpResponse refusal(const HttpRequest& request, const Config& config, const std::string& key) {
  const bool is_for_hosts = key == "http.tokens";
  if (requires_certificate(config) && request.certificate_names.empty() && (is_for_hosts || config.admin_tokens.empty())) {
    return HttpResponse::text(403,
                              "a certificate is missing: this ops-meta requires a client certificate (http.tls.clientCa)\n");
  }
  const bool has_token = !request.header("Authorization").empty();
  const std::string why = has_token
                              ? "the token is wrong: it is not in this ops-meta's "
                              : "a token is missing: send \"Authorization: Bearer TOKEN\", or curl -u x:TOKEN, with one of "
                                "this ops-meta's ";
  HttpResponse response = HttpResponse::text(401, cat(why, key, "\n"));
  // On "Basic" a browser opens a password dialog. The page's own requests get "Bearer": no dialog at each refresh.
  const char* scheme = request.header("Accept") == "application/json" ? "Bearer" : "Basic";
  response.headers.emplace_back("WWW-Authenticate", cat(scheme, " realm=\"ops-meta\""));
  return response;
}

std::optional<HttpResponse> refusal_of_name(const HttpRequest& request, const Config& config, const std::string& hostname) {
  if (!requires_certificate(config) || request.from_owner) return std::nullopt;
  const auto& names = request.certificate_names;
  // Case-sensitive, unlike DNS: the host table has "H1" and "h1" as two hosts, and one certificate must not report for both.
  if (std::find(names.begin(), names.end(), hostname) != names.end()) return std::nullopt;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + one_line(name, 253);
  return HttpResponse::text(403, cat("the heartbeat is from host ", hostname, ", but the client's certificate names ", list,
                                     "; the hostname must be in the certificate, in the same case\n"));
}

std::string client_of(const HttpRequest& request) {
  if (!request.from_owner) return request.peer;
  const std::string name = OwnerIds("/etc/passwd").name_of(request.owner_uid);
  return name.empty() ? cat("uid ", request.owner_uid) : name;
}

bool allows(const Rights& rights, Right right) {
  switch (right) {
    case Right::none: return true;
    case Right::heartbeat: return rights.heartbeat;
    case Right::download: return rights.download;
    case Right::operate:
    case Right::owner: return rights.operate;
  }
  return false;
}

}  // namespace ops::meta
