#include "common/http/responder.h"

#include <charconv>
#include <exception>
#include <utility>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/request_head.h"

namespace ops {

namespace {

constexpr std::pair<int, std::string_view> kReasonPhrases[] = {
    {200, "OK"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

/// "200 OK". HTTP allows an empty reason phrase.
std::string status_text(int status) {
  for (const auto& [code, phrase] : kReasonPhrases) {
    if (code == status) return cat(status, " ", phrase);
  }
  return cat(status, " ");
}

/// Drops a field with control characters: a handler may put text of the client into a header field, which must not end the
/// line.
void append_field(std::string_view name, std::string_view value, std::string& out) {
  if (!is_token(name) || !is_field_value(value)) return;
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Where the body ends; a stream without chunks ends with the connection.
void append_length(const HttpResponse& response, bool is_chunked, std::string& out) {
  if (is_chunked) {
    append_field("Transfer-Encoding", "chunked", out);
  } else if (!response.stream) {
    const uint64_t length = response.file_body.file ? response.file_body.length : response.body.size();
    append_field("Content-Length", std::to_string(length), out);
  }
}

void append_head(const HttpResponse& response, const std::string& date, const HttpReply& reply, std::string& out) {
  out.append("HTTP/1.1 ").append(status_text(response.status)).append("\r\n");
  append_field("Date", date, out);
  if (reply.close) append_field("Connection", "close", out);
  for (const auto& [name, value] : response.headers) append_field(name, value, out);
  if (response.status != 304) {  // which has no body
    append_field("Content-Type", response.content_type, out);
    append_length(response, reply.is_chunked, out);
  }
  out += "\r\n";
}

}  // namespace

HttpReply HttpResponder::respond(const HttpRequest& request, bool may_keep, std::string& out) {
  HttpResponse response = call_handler(request);
  const bool has_body = !response.body.empty() || response.file_body.file || response.stream;
  if (response.status >= 400 && !has_body) response.body = status_text(response.status) + "\n";
  HttpReply reply;
  reply.is_chunked = response.stream && request.minor_version > 0;
  const bool ends_with_connection = response.stream && !reply.is_chunked;
  reply.close = !may_keep || !request.keep_alive || ends_with_connection;
  append_head(response, date(), reply, out);
  if (request.method == "HEAD" || response.status == 304) return reply;
  if (response.file_body.file) {
    reply.file = std::move(response.file_body);
  } else if (response.stream) {
    reply.stream = std::move(response.stream);
  } else {
    out += response.body;
  }
  return reply;
}

HttpResponse HttpResponder::call_handler(const HttpRequest& request) const {
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    HttpResponse response = HttpResponse::text(405, "");
    response.headers.emplace_back("Allow", "GET, HEAD, POST");
    return response;
  }
  try {
    return handler_(request);
  } catch (const std::exception& failure) {
    log::error("request ", request.method, " ", request.path, " failed: ", failure.what());
    return HttpResponse::text(500, "");
  }
}

/// Formats the date once a second, not for each of thousands of responses.
const std::string& HttpResponder::date() {
  if (const time_t now = std::time(nullptr); now != date_time_) {
    date_time_ = now;
    date_ = http_date(now);
  }
  return date_;
}

std::string refusal_reply(int status, std::string_view why) {
  HttpReply reply;
  reply.close = true;
  const HttpResponse response = HttpResponse::text(status, cat(why.empty() ? status_text(status) : std::string(why), "\n"));
  std::string out;
  append_head(response, http_date(std::time(nullptr)), reply, out);
  return out + response.body;
}

void append_chunk(std::string_view piece, bool is_last, std::string& to) {
  if (!piece.empty()) {
    char size[16];
    const char* end = std::to_chars(size, size + sizeof size, piece.size(), 16).ptr;
    to.append(size, static_cast<size_t>(end - size)).append("\r\n").append(piece).append("\r\n");
  }
  if (is_last) to += "0\r\n\r\n";
}

}  // namespace ops
