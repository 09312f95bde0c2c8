// A connection's bytes: where the request ends, and what it is answered.

#include <algorithm>

#include "common/http/codec.h"
#include "common/http/framer.h"
#include "tests/fuzz/targets.h"

namespace ops::fuzz {

namespace {

using Verdict = HttpFramer::Verdict;

constexpr size_t kMaxBody = 4096;

/// Repeats what it was asked, where a careless server would let the client write headers.
HttpResponse repeat(const HttpRequest& request) {
  if (request.path == "/moved") return HttpResponse::redirect("/" + request.parameter("to"));
  return HttpResponse::text(200, request.method + request.path + request.header("X") + request.parameter("a") + request.body);
}

/// What the framer says of bytes that come a few at a time.
Verdict look_in_steps(HttpFramer& framer, std::string_view bytes, size_t step) {
  for (size_t size = 0;;) {
    const Verdict verdict = framer.look(bytes.substr(0, size));
    if (verdict != Verdict::incomplete || size == bytes.size()) return verdict;
    size = std::min(size + step, bytes.size());
  }
}

void answer(std::string_view head, std::string_view body) {
  static const HttpHandler handler = repeat;
  static HttpCodec codec(handler);
  std::string reply;
  (void)codec.answer(head, body, HttpPeer{"127.0.0.1"}, true, reply);
  promise(reply.starts_with("HTTP/1.1 ") || reply.starts_with("HTTP/1.0 "), "a request is answered");
  const size_t end = reply.find("\r\n\r\n");
  promise(end != std::string::npos, "a reply has a head");
  size_t lengths = 0;
  for (size_t at = 0; (at = reply.find("\r\nContent-Length:", at)) < end; ++at) ++lengths;
  promise(lengths == 1, "a reply says once where it ends");
}

}  // namespace

void http(std::string_view bytes) {
  HttpFramer framer(kMaxBody);
  const Verdict verdict = framer.look(bytes);
  HttpFramer stepping(kMaxBody);
  promise(look_in_steps(stepping, bytes, bytes.size() % 13 + 1) == verdict, "a verdict does not depend on how bytes come");
  if (verdict != Verdict::complete) return;
  promise(framer.size() <= bytes.size() && framer.body(bytes).size() <= kMaxBody, "a request lies within its bytes");
  promise(stepping.size() == framer.size() && stepping.body(bytes) == framer.body(bytes), "nor does what is in it");
  answer(framer.head(bytes), framer.body(bytes));
}

}  // namespace ops::fuzz
