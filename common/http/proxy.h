#pragma once

// Which proxy a request takes. No function accesses the network.

#include <optional>
#include <string>

namespace ops {

/// The keys `proxy` and `noProxy` of cfg.json. A value that is missing comes from the environment: http_proxy, https_proxy,
/// all_proxy and no_proxy, as curl reads them. Requests to an address of this machine do not take a proxy of the environment.
/// They take the proxy in `url`, if that is set.
struct ProxySettings {
  std::optional<std::string> url;         // a secret: may contain a user and a password; "" for no proxy
  std::optional<std::string> exceptions;  // names, domains, addresses and networks, separated by commas; "*" for all

  bool operator==(const ProxySettings&) const = default;
};

/// The list of exceptions, in the form of curl's CURLOPT_NOPROXY.
std::string exceptions_of(const ProxySettings& settings);

/// The URL of the proxy for requests to `url`, from the settings or from the environment; a secret. "" when there is none.
std::string proxy_for(const std::string& url, const ProxySettings& settings);

}  // namespace ops
