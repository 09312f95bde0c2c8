#include "common/http/request_head.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// RFC 3986's characters of a host with an optional port. An empty Host is valid.
bool is_host(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("-._~%!$&'()*+,;=:[]").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

int hex_value(char c) {
  int value = -1;
  std::from_chars(&c, &c + 1, value, 16);
  return value;
}

/// A "%" without two hexadecimal digits behind it stays as it is.
std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      decoded += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      decoded += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

/// Calls `take` with each part between the separators.
template <typename Take>
void split(std::string_view text, char separator, const Take& take) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// "a=1&b=two+words": a key without "=" has the value "".
void parse_query(std::string_view text, HttpRequest& request) {
  split(text, '&', [&](std::string_view entry) {
    if (entry.empty()) return;
    const size_t equals = std::min(entry.find('='), entry.size());
    const std::string_view value = entry.substr(std::min(equals + 1, entry.size()));
    request.query.emplace_back(percent_decode(entry.substr(0, equals), true), percent_decode(value, true));
  });
}

/// Cuts "http://host" off a target that is a whole URI. Proxies send those, and servers must accept them (RFC 9112, section
/// 3.2.2).
std::string_view without_origin(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (to_lower(target.substr(0, scheme.size())) != scheme) continue;
    const size_t path = target.find('/', scheme.size());
    return path == std::string_view::npos ? "/" : target.substr(path);
  }
  return target;
}

bool parse_target(std::string_view target, HttpRequest& request) {
  const auto is_target_char = [](unsigned char c) { return c > ' ' && c != 0x7F && c != '#'; };
  if (!std::all_of(target.begin(), target.end(), is_target_char)) return false;
  target = without_origin(target);
  if (!target.starts_with('/') && target != "*") return false;
  const size_t path_end = std::min(target.find('?'), target.size());
  request.path = percent_decode(target.substr(0, path_end), false);
  parse_query(target.substr(std::min(path_end + 1, target.size())), request);
  return true;
}

bool parse_request_line(std::string_view line, HttpRequest& request) {
  const size_t method_end = std::min(line.find(' '), line.size());
  const std::string_view method = line.substr(0, method_end);
  const std::string_view version = line.substr(line.size() - std::min<size_t>(line.size(), 9));
  if (!is_token(method) || (version != " HTTP/1.1" && version != " HTTP/1.0")) return false;
  const size_t target_end = line.size() - version.size();
  if (method_end == target_end) return false;
  request.method = method;
  request.minor_version = version.back() - '0';
  return parse_target(line.substr(method_end + 1, target_end - method_end - 1), request);
}

/// Applies the header fields that the server itself obeys.
class FieldReader {
 public:
  explicit FieldReader(RequestHead& head) : head_(head) {}

  HttpVerdict read(std::string_view line) {
    if (!is_field_line(line)) return HttpVerdict::malformed;
    if (head_.request.headers.size() == kMaxFields) return HttpVerdict::head_too_large;
    const size_t colon = line.find(':');
    const std::string_view value = trim(line.substr(colon + 1));
    head_.request.headers.emplace_back(line.substr(0, colon), value);
    return obey(to_lower(line.substr(0, colon)), value);
  }

  HttpVerdict finish() {
    const bool is_old = head_.request.minor_version == 0;
    if (!has_host_ && !is_old) return HttpVerdict::invalid_host;
    if (head_.is_chunked && (has_length_ || is_old)) return HttpVerdict::malformed;
    head_.wants_continue = head_.wants_continue && !is_old;
    head_.request.keep_alive = !closes_ && (keeps_ || !is_old);
    return HttpVerdict::complete;
  }

 private:
  HttpVerdict obey(std::string_view name, std::string_view value) {
    if (name == "host") {
      if (has_host_ || !is_host(value)) return HttpVerdict::invalid_host;
      has_host_ = true;
    } else if (name == "content-length") {
      const auto length = parse_number(value);
      if (!length || (has_length_ && *length != head_.body_size)) return HttpVerdict::malformed;
      head_.body_size = *length;
      has_length_ = true;
    } else if (name == "transfer-encoding") {
      if (head_.is_chunked || to_lower(value) != "chunked") return HttpVerdict::malformed;
      head_.is_chunked = true;
    } else if (name == "connection") {
      split(value, ',', [this](std::string_view option) {
        const std::string lower = to_lower(trim(option));
        closes_ = closes_ || lower == "close";
        keeps_ = keeps_ || lower == "keep-alive";
      });
    } else if (name == "expect") {
      head_.wants_continue = to_lower(value) == "100-continue";
    }
    return HttpVerdict::complete;
  }

  RequestHead& head_;
  bool has_length_ = false;  // Content-Length; the value is head_.body_size
  bool has_host_ = false;
  bool closes_ = false;  // Connection: close
  bool keeps_ = false;   // Connection: keep-alive
};

}  // namespace

bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](unsigned char c) { return c == '\t' || (c >= ' ' && c != 0x7F); });
}

bool is_field_line(std::string_view line) {
  const size_t colon = line.find(':');
  return colon != std::string_view::npos && is_token(line.substr(0, colon)) && is_field_value(line.substr(colon + 1));
}

HttpVerdict parse_request_head(std::string_view text, RequestHead& head) {
  const size_t request_line_end = text.find(kLineEnd);
  if (request_line_end > kMaxRequestLine) return HttpVerdict::target_too_long;
  if (!parse_request_line(text.substr(0, request_line_end), head.request)) return HttpVerdict::malformed;
  FieldReader fields(head);
  text.remove_prefix(request_line_end + kLineEnd.size());
  while (!text.starts_with(kLineEnd)) {
    const size_t end = text.find(kLineEnd);
    if (const HttpVerdict verdict = fields.read(text.substr(0, end)); verdict != HttpVerdict::complete) return verdict;
    text.remove_prefix(end + kLineEnd.size());
  }
  return fields.finish();
}

}  // namespace ops
