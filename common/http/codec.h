#pragma once

// A request's bytes -> the handler -> the reply's bytes, with cpp-httplib for what HTTP's text means. No sockets here.

#include <memory>
#include <string>
#include <string_view>

#include "common/http/message.h"

namespace ops {

/// What is left to do with a reply once its first bytes are known.
struct HttpReply {
  bool close = false;       // the connection ends with it
  FileBody file;            // with a file: its bytes follow
  BodyStream stream;        // with a function: its pieces follow,
  bool is_chunked = false;  // each of them as a chunk
};

/// One for each thread. Borrows the handler.
class HttpCodec {
 public:
  explicit HttpCodec(const HttpHandler& handler);
  ~HttpCodec();
  HttpCodec(const HttpCodec&) = delete;
  HttpCodec& operator=(const HttpCodec&) = delete;

  /// Answers a request that is whole, and appends the reply's head to `out`, with its body unless that is a file or a stream.
  /// `may_keep`: the connection stays open if the client wants that too. A handler that throws makes a 500.
  HttpReply answer(std::string_view head, std::string_view body, const HttpPeer& peer, bool may_keep, std::string& out);

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

/// The whole reply to what can't be parsed, after which the connection ends.
/// `why` is its body; "" for the status' own words.
std::string refusal_reply(int status, std::string_view why = "");

/// A piece of a body, framed as a chunk; the last one ends the body.
void append_chunk(std::string_view piece, bool is_last, std::string& to);

}  // namespace ops
