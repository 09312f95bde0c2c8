#pragma once

// The words for HTTP requests that fail. Pure.

#include <string>
#include <string_view>

namespace ops::updater {

/// What a request carried, as far as it explains a refusal.
struct SentRequest {
  enum class Secret { none, token, server_password, url_password };

  Secret secret = Secret::none;
  bool is_encrypted = false;
  std::string proxy;  // its URL without secrets; "" when the request took no proxy
};

/// "HTTP status 401; look at \"token\" in cfg.json": the status, the proxy, and what to do about a refusal.
std::string status_text(long status, const SentRequest& sent);

/// libcurl's error text with the advice that belongs to it.
std::string with_advice(const std::string& error, const SentRequest& sent);

}  // namespace ops::updater
