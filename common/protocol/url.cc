#include "common/protocol/url.h"

#include <algorithm>
#include <utility>

#include "common/base/base64.h"
#include "common/base/secret.h"
#include "common/base/text.h"

namespace ops {

namespace {

constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kMaskedQuery = "…";

/// The begin and end index of user, host and port.
std::pair<size_t, size_t> authority_of(std::string_view url) {
  const size_t scheme = url.find(kSchemeEnd);
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + kSchemeEnd.size();
  return {begin, std::min(url.find_first_of("/?#", begin), url.size())};
}

/// The index of the "@" after the user; npos without a user.
size_t end_of_user(std::string_view url) {
  const auto [begin, end] = authority_of(url);
  const size_t at = url.substr(0, end).rfind('@');
  return at == std::string_view::npos || at < begin ? std::string_view::npos : at;
}

void replace_all(std::string& text, std::string_view part, std::string_view value) {
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += value.size()) {
    text.replace(at, part.size(), value);
  }
}

/// The part between "?" and "#".
std::string_view query_of(std::string_view url) {
  const size_t begin = url.find('?', authority_of(url).first);
  if (begin == std::string_view::npos || url.find('#') < begin) return {};
  return url.substr(begin + 1, std::min(url.find('#', begin), url.size()) - begin - 1);
}

bool is_file_name(std::string_view value) {
  return value.ends_with(".tar.gz") || value.ends_with(".tar.gz.md5") || value.ends_with(".tar.gz.minisig");
}

constexpr size_t kShortestPassword = 4;  // bytes
constexpr size_t kShortestValue = 8;     // bytes; of a query

/// Masks `secret`, as it is written in a URL and percent-decoded. A text below `shortest` would occur in other words as well.
void mask(std::string& text, std::string_view secret, size_t shortest) {
  for (const std::string& form : {std::string(secret), percent_decode(secret)}) {
    if (form.size() >= shortest) replace_all(text, form, kMasked);
  }
}

/// "m.example", "m:2000", "[::1]:2000".
bool has_dot_or_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return !host.starts_with('.') && host.find('.') != std::string_view::npos;
  const std::string_view port = host.substr(colon + 1);
  return colon > 0 && parse_number(port).has_value();
}

}  // namespace

std::string percent_decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view digits = text.substr(i + 1, 2);
    const bool is_code = text[i] == '%' && is_hex(digits, 2);
    decoded += is_code ? static_cast<char>(*parse_number(digits, 16)) : text[i];
    if (is_code) i += 2;
  }
  return decoded;
}

std::optional<std::string> read_base_url(const std::string& text) {
  const size_t scheme_end = text.find(kSchemeEnd);
  if (scheme_end == std::string::npos) {
    const auto [begin, end] = authority_of(text);
    const size_t user = end_of_user(text);
    const size_t host = user == std::string::npos ? begin : user + 1;
    return has_dot_or_port(std::string_view(text).substr(host, end - host)) ? std::optional("http://" + text) : std::nullopt;
  }
  const std::string scheme = to_lower(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  return scheme + text.substr(scheme_end);
}

UrlParts split_user(const std::string& url) {
  const size_t begin = authority_of(url).first;
  const size_t end = end_of_user(url);
  if (end == std::string::npos) return {url, ""};
  return {url.substr(0, begin) + url.substr(end + 1), percent_decode(std::string_view(url).substr(begin, end - begin))};
}

std::string without_secrets(std::string_view url) {
  std::string shown(url);
  if (const std::string_view query = query_of(url); !query.empty()) {
    const bool has_place = query.find(kFilePlace) != std::string_view::npos;
    const std::string mask = has_place ? cat(kMaskedQuery, kFilePlace, kMaskedQuery) : std::string(kMaskedQuery);
    shown.replace(static_cast<size_t>(query.data() - url.data()), query.size(), mask);
  }
  const size_t begin = authority_of(url).first;
  const size_t end = end_of_user(url);
  if (end == std::string_view::npos) return shown;
  const size_t colon = url.find(':', begin);
  const size_t from = colon < end ? colon + 1 : begin;  // a user without a colon may be a token
  return shown.replace(from, end - from, kMasked);
}

std::string mask_secrets(std::string text, std::string_view url) {
  std::string_view query = query_of(url);
  if (!query.empty()) replace_all(text, cat("?", query), cat("?", kMaskedQuery));
  while (!query.empty()) {
    const std::string_view field = query.substr(0, query.find('&'));
    const std::string_view value = field.substr(field.find('=') + 1);
    if (!is_file_name(value)) mask(text, value, kShortestValue);
    query.remove_prefix(std::min(field.size() + 1, query.size()));
  }
  const size_t begin = authority_of(url).first;
  const size_t end = end_of_user(url);
  if (end == std::string_view::npos) return text;
  const std::string_view user = url.substr(begin, end - begin);
  replace_all(text, cat(user, "@"), cat(kMasked, "@"));
  mask(text, encode_base64(percent_decode(user)), kShortestPassword);  // a server may quote the request's header
  mask(text, user.substr(user.find(':') + 1), kShortestPassword);
  return text;
}

}  // namespace ops
