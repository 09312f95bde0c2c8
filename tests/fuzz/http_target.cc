// The bytes of a connection: where the request ends, and how it is answered.

#include <algorithm>

#include "common/http/request_parser.h"
#include "common/http/responder.h"
#include "tests/fuzz/targets.h"

namespace ops::fuzz {

namespace {

constexpr size_t kMaxBody = 4096;

/// Puts text of the request into the response, where a careless server would let the client write header fields.
HttpResponse echo(const HttpRequest& request) {
  if (request.path == "/moved") return HttpResponse::redirect("/" + request.parameter("to"));
  return HttpResponse::text(200, request.method + request.path + request.header("X") + request.parameter("a") + request.body);
}

/// The verdict on bytes that arrive `step` at a time.
HttpVerdict parse_in_steps(HttpRequestParser& parser, std::string_view bytes, size_t step) {
  for (size_t size = 0;;) {
    const HttpVerdict verdict = parser.parse(bytes.substr(0, size));
    if (verdict != HttpVerdict::incomplete || size == bytes.size()) return verdict;
    size = std::min(size + step, bytes.size());
  }
}

void check_request(const HttpRequest& request) {
  promise(is_token(request.method), "a method is a token");
  promise(request.path.starts_with('/') || request.path == "*", "a path begins with a slash");
  promise(request.body.size() <= kMaxBody, "a body is not larger than the limit");
  promise(request.headers.size() <= kMaxFields, "a request has not more header fields than the limit");
  for (const auto& [name, value] : request.headers) {
    promise(is_token(name) && is_field_value(value), "a header field has no control characters");
  }
}

void check_response(const HttpRequest& request) {
  static const HttpHandler handler = echo;
  static HttpResponder responder(handler);
  std::string reply;
  (void)responder.respond(request, true, reply);
  promise(reply.starts_with("HTTP/1.1 "), "a request is answered");
  const size_t end = reply.find("\r\n\r\n");
  promise(end != std::string::npos, "a response has a head");
  size_t lengths = 0;
  for (size_t at = 0; (at = reply.find("\r\nContent-Length:", at)) < end; ++at) ++lengths;
  promise(lengths == 1, "a response has one Content-Length");
}

}  // namespace

void http(std::string_view bytes) {
  HttpRequestParser parser(kMaxBody);
  const HttpVerdict verdict = parser.parse(bytes);
  HttpRequestParser stepping(kMaxBody);
  promise(parse_in_steps(stepping, bytes, bytes.size() % 13 + 1) == verdict, "a verdict does not depend on how bytes arrive");
  if (verdict != HttpVerdict::complete) return;
  promise(parser.size() <= bytes.size(), "a request lies within its bytes");
  promise(stepping.size() == parser.size(), "the end of a request does not depend on how bytes arrive");
  const HttpRequest request = parser.take(bytes);
  promise(stepping.take(bytes).body == request.body, "a body does not depend on how bytes arrive");
  check_request(request);
  check_response(request);
}

}  // namespace ops::fuzz
