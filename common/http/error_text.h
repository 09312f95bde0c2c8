#pragma once

// The words for HTTP requests that fail. Pure.

#include <string>
#include <string_view>

namespace ops {

/// The parts of a request that explain its refusal.
struct SentRequest {
  enum class Secret { none, token, server_password, url_password };

  Secret secret = Secret::none;
  bool is_encrypted = false;
  std::string proxy;  // its URL without secrets; "" when the request took no proxy
};

/// "HTTP status 401; look at \"token\" in cfg.json": the status, the proxy, and what to do about a refusal.
std::string status_text(long status, const SentRequest& sent);

/// The reason in the body of an error reply, on one line of at most 200 bytes: the message of S3's XML, the title of a web
/// page, else the text without tags. (S3's XML also has an id that differs in each reply.)
std::string text_of_page(std::string_view page);

/// libcurl's error text with the advice that belongs to it.
std::string with_advice(const std::string& error, const SentRequest& sent);

}  // namespace ops
