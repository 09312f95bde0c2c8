#pragma once

// The access rights of a request to ops-meta:
//
//   none         /health and /version
//   heartbeat    heartbeats: with one of http.tokens
//   download     the files below tarballDir: with one of http.tokens or of http.adminTokens
//   operate      every other path: with one of http.adminTokens
//   owner        orders to halt and resume a rollout: over the daemon's own socket, which gives the other rights as well
//
// An empty list in the config means that no token is needed. With http.tls.clientCa, a request also needs a client certificate,
// unless it comes with one of http.adminTokens.
//
// A client sends a token as "Authorization: Bearer TOKEN", or as the password of Basic with any user name, as browsers and
// curl -u do. A token with a ":" in it may also be sent as user:password. The time that a comparison takes depends only on the
// lengths of the tokens.

#include <optional>
#include <string>

#include "common/http/message.h"
#include "meta/config/config.h"

namespace ops::meta {

/// The right that a path needs.
enum class Right { none, heartbeat, download, operate, owner };

/// The rights that a request has.
struct Rights {
  bool heartbeat = true;
  bool download = true;
  bool operate = true;

  bool operator==(const Rights&) const = default;
};

Rights rights_of(const HttpRequest& request, const Config& config);

/// For Right::owner: whether the request has the right to operate; the caller checks HttpRequest::from_owner as well.
bool allows(const Rights& rights, Right right);

/// The answer to a request without the right: a 401, or a 403 when the certificate is missing, with a line that says what is
/// missing or wrong. `key` names the list of tokens in the config.
HttpResponse refusal(const HttpRequest& request, const Config& config, const std::string& key);

/// The user of the client on the owner socket, like "ann" or "uid 1000"; else the address of the client.
std::string client_of(const HttpRequest& request);

/// A 403 when the client's certificate does not name the host of the heartbeat. nullopt when it does, or when the config
/// requires no certificate.
std::optional<HttpResponse> refusal_of_name(const HttpRequest& request, const Config& config, const std::string& hostname);

}  // namespace ops::meta
