#include "common/http/error_text.h"

#include <utility>

#include "common/base/text.h"

namespace ops {

namespace {

std::string advice_about(long status, const SentRequest& sent) {
  using Secret = SentRequest::Secret;
  if (status == 407) return "; the proxy requires a user and a password in its URL: look at \"proxy\" in cfg.json";
  if (status != 401 && status != 403) return "";
  switch (sent.secret) {
    case Secret::none: return "";
    case Secret::url_password: return "; look at the user and the password in its URL";
    case Secret::server_password: return "; look at the user and the password in \"server\" in cfg.json";
    case Secret::token: break;
  }
  return status == 403 && sent.is_encrypted ? "; look at \"token\" and \"tls\" in cfg.json" : "; look at \"token\" in cfg.json";
}

std::string advice_about(const std::string& error, const SentRequest& sent) {
  const auto says = [&](const char* text) { return error.find(text) != std::string::npos; };
  if (says("wrong version number")) return "; the server does not speak TLS: should the URL begin with http://?";
  if (says(" alert ") && (says("certificate") || says("unknown ca")))
    return "; the server refuses this host's certificate: look at \"tls\" in cfg.json, and at the server's log";
  if (says("Protocol \"http\" ")) return "; the updater does not follow a redirect from https:// to http://";
  if (says("response 407")) return advice_about(407L, sent);
  return "";
}

}  // namespace

std::string status_text(long status, const SentRequest& sent) {
  return cat("HTTP status ", status, sent.proxy.empty() ? "" : cat(" through the proxy ", sent.proxy),
             advice_about(status, sent));
}

std::string text_of_page(std::string_view page) {
  for (const auto& [begin, end] : {std::pair("<Message>", "</Message>"), std::pair("<title>", "</title>")}) {
    const size_t from = page.find(begin);
    const size_t to = from == std::string_view::npos ? from : page.find(end, from);
    if (to == std::string_view::npos) continue;
    page = page.substr(from, to - from);
    break;
  }
  std::string text;
  bool in_tag = false;
  for (const char c : page) {
    if (c == '<') in_tag = true;
    const bool is_blank = in_tag || c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (c == '>') in_tag = false;
    if (!is_blank) {
      text += c;
    } else if (!text.empty() && text.back() != ' ') {
      text += ' ';
    }
  }
  return one_line(trim(text), 200);
}

std::string with_advice(const std::string& error, const SentRequest& sent) {
  // curl takes a reply without a header for HTTP/0.9, which is not in use any more.
  const std::string text = error.find("HTTP/0.9") == std::string::npos ? error + advice_about(error, sent)
                           : sent.is_encrypted                         ? "the server does not speak HTTP"
                                               : "the server does not speak HTTP: should the URL begin with https://?";
  return cat(text, sent.proxy.empty() ? "" : cat("; the request goes through the proxy ", sent.proxy));
}

}  // namespace ops
