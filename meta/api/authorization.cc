#include "meta/api/authorization.h"

#include <algorithm>

#include "common/base/base64.h"
#include "common/base/text.h"

namespace ops::meta {

namespace {

/// What came with the request and may be a token: that of Bearer; of Basic the password, and user:password, which is what an
/// updater sends for a token with a ":" in it. Empty for none.
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

/// Looks at every character of every token, whatever the first difference: the time tells how long `given` is, and no more.
bool is_one_of(const std::string& given, const std::vector<std::string>& tokens) {
  bool found = false;
  for (const std::string& token : tokens) {
    volatile unsigned different = given.size() == token.size() ? 0 : 1;
    for (size_t i = 0; i < given.size(); ++i) {
      different = different | static_cast<unsigned>(given[i] ^ token[i % token.size()]);
    }
    if (different == 0) found = true;
  }
  return found;
}

bool has_one_of(const std::vector<std::string>& given, const std::vector<std::string>& tokens) {
  return std::count_if(given.begin(), given.end(), [&](const std::string& one) { return is_one_of(one, tokens); }) > 0;
}

bool wants_certificate(const Config& config) { return !config.tls.ca.empty(); }

}  // namespace

Rights rights_of(const HttpRequest& request, const Config& config) {
  if (request.from_owner || (config.tokens.empty() && config.admin_tokens.empty() && !wants_certificate(config))) return {};
  const std::vector<std::string> given = tokens_of(request);
  const bool is_known = !wants_certificate(config) || !request.certificate_names.empty();
  const bool is_operator = has_one_of(given, config.admin_tokens);
  Rights rights;
  rights.heartbeat = is_known && (config.tokens.empty() || has_one_of(given, config.tokens));
  rights.download = rights.heartbeat || is_operator;
  rights.operate = is_operator || (is_known && config.admin_tokens.empty());
  return rights;
}

HttpResponse refusal(const HttpRequest& request, const Config& config, const std::string& key) {
  const bool is_for_hosts = key == "http.tokens";
  if (wants_certificate(config) && request.certificate_names.empty() && (is_for_hosts || config.admin_tokens.empty())) {
    return HttpResponse::text(403,
                              "a certificate is missing: this ops-meta wants one (http.tls.clientCa), and none was sent\n");
  }
  const bool has_token = !request.header("Authorization").empty();
  const std::string why = has_token
                              ? "the token that was sent is none of this ops-meta's "
                              : "a token is missing: send \"Authorization: Bearer TOKEN\", or curl -u x:TOKEN, with one of "
                                "this ops-meta's ";
  HttpResponse response = HttpResponse::text(401, cat(why, key, "\n"));
  // At Basic a browser opens a dialog: once for the page is right, and not at each of its refreshes.
  const char* scheme = request.header("Accept") == "application/json" ? "Bearer" : "Basic";
  response.headers.emplace_back("WWW-Authenticate", cat(scheme, " realm=\"ops-meta\""));
  return response;
}

std::optional<HttpResponse> refusal_of_name(const HttpRequest& request, const Config& config, const std::string& hostname) {
  if (!wants_certificate(config) || request.from_owner) return std::nullopt;
  const auto& names = request.certificate_names;
  // Letter for letter, though DNS would not care: "H1" would be another host than "h1" here, and one certificate many.
  if (std::find(names.begin(), names.end(), hostname) != names.end()) return std::nullopt;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + one_line(name, 253);
  return HttpResponse::text(403, cat("the heartbeat is of ", hostname, ", but the certificate it came with is for ", list,
                                     ", and that must be the same letter for letter\n"));
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
