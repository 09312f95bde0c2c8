#pragma once

// Who may ask ops-meta for what:
//
//   everybody    /health and /version
//   hosts        heartbeats, and the files below tarballDir: with one of http.tokens
//   operators    all else, and the files too: with one of http.adminTokens
//   the owner    everything, over the daemon's own socket
//
// With http.tls.clientCa, hosts must show a certificate as well; what an operator's token is for can be had without one.
// A list without tokens asks for none. A token comes as "Authorization: Bearer TOKEN", or as the password of Basic, whatever
// the user, so that browsers and curl -u can send it; one with a ":" in it also as user:password. How long a comparison takes
// tells nothing of the tokens.

#include <optional>
#include <string>

#include "common/http/message.h"
#include "meta/config/config.h"

namespace ops::meta {

/// What a request may ask for.
struct Rights {
  bool heartbeat = true;
  bool download = true;
  bool operate = true;

  bool operator==(const Rights&) const = default;
};

Rights rights_of(const HttpRequest& request, const Config& config);

/// A 401, or a 403 for want of a certificate, with a line that says what is missing or wrong. `key` is the config's name of the
/// list that was asked.
HttpResponse refusal(const HttpRequest& request, const Config& config, const std::string& key);

/// A 403 for the heartbeat of a host that isn't the certificate's; nullopt when it is, or none is asked for.
std::optional<HttpResponse> refusal_of_name(const HttpRequest& request, const Config& config, const std::string& hostname);

/// Whether what is at this path is for operators, so that one who may not see it is told so. Only for that: what a stranger
/// gets to see is not decided by a list that somebody may forget to add to.
bool is_for_operators(const std::string& path);

}  // namespace ops::meta
