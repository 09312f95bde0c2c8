#pragma once

// Calls the handler for a request, and serialises its response as HTTP/1.1 (RFC 9112). Knows no sockets.

#include <ctime>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace ops {

/// What the connection does after it has sent the serialised bytes.
struct HttpReply {
  bool close = false;       // close the connection after the response
  FileBody file;            // with a file: send its bytes
  BodyStream stream;        // with a function: send its pieces
  bool is_chunked = false;  // frame each piece as a chunk
};

/// One for each thread. Borrows the handler.
class HttpResponder {
 public:
  explicit HttpResponder(const HttpHandler& handler) : handler_(handler) {}

  /// Appends the response's head to `out`, and its body unless that is a file or a stream. Methods other than GET, HEAD and
  /// POST get a 405. An exception of the handler is logged and becomes a 500. `may_keep`: the server may keep the connection
  /// open.
  HttpReply respond(const HttpRequest& request, bool may_keep, std::string& out);

 private:
  HttpResponse call_handler(const HttpRequest& request) const;
  const std::string& date();

  const HttpHandler& handler_;
  time_t date_time_ = -1;  // of date_
  std::string date_;
};

/// The whole response to a request that cannot be parsed, with "Connection: close". `why` becomes the body; "" stands for the
/// status and its reason phrase.
std::string refusal_reply(int status, std::string_view why = "");

/// Appends `piece` as a chunk; `is_last` ends the body.
void append_chunk(std::string_view piece, bool is_last, std::string& to);

}  // namespace ops
