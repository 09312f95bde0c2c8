#include "common/http/message.h"

#include <ctime>

#include "common/base/text.h"

namespace ops {

namespace {

constexpr char kHttpDate[] = "%a, %d %b %Y %H:%M:%S GMT";

}  // namespace

std::string HttpRequest::header(std::string_view name) const {
  const std::string wanted = to_lower(name);
  for (const auto& [key, value] : headers) {
    if (key.size() == wanted.size() && to_lower(key) == wanted) return value;
  }
  return {};
}

std::string HttpRequest::parameter(std::string_view key) const {
  for (const auto& [name, value] : query) {
    if (name == key) return value;
  }
  return {};
}

HttpResponse HttpResponse::text(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::json(std::string body) {
  HttpResponse response;
  response.content_type = "application/json; charset=UTF-8";
  response.body = std::move(body);
  return response;
}

HttpResponse HttpResponse::redirect(const std::string& location) {
  HttpResponse response = text(301, "");
  response.headers.emplace_back("Location", location);
  return response;
}

std::string http_date(int64_t time) {
  const time_t seconds = time;
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, kHttpDate, &parts));
}

std::optional<int64_t> parse_http_date(const std::string& text) {
  for (const char* form : {kHttpDate, "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end != nullptr && *end == '\0') return ::timegm(&parts);
  }
  return std::nullopt;
}

}  // namespace ops
