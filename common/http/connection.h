#pragma once

// One connection of the HTTP server on a non-blocking socket: a state machine that the event loop advances when the socket is
// ready.
//
//   reading    receives a request until it is complete (request_parser.h), and calls the handler at once; a keep-alive
//              connection returns to this state after the response
//   writing    sends the response; a file or stream is sent piece by piece, in turns with other connections
//   lingering  has sent everything and discards what the client still sends: closing a socket with unread bytes resets the
//              connection, and the client could lose the response
//
// With TLS, bytes are decrypted as they arrive and encrypted before they are sent (tls.h). The handshake is a part of reading.

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "common/http/request_parser.h"
#include "common/http/responder.h"
#include "common/tls/tls.h"

namespace ops {

/// The client's end of a connection.
struct HttpPeer {
  std::string address;        // HttpRequest::peer
  bool is_owner = false;      // HttpRequest::from_owner
  uint32_t uid = UINT32_MAX;  // HttpRequest::owner_uid
};

/// What the connections of one event loop share. The loop updates it.
struct HttpThread {
  using Clock = std::chrono::steady_clock;

  HttpResponder responder;
  const size_t max_body;                    // bytes
  const std::chrono::seconds keep_alive;    // a kept connection may be idle for this long
  const bool sends_bulk;                    // sends files and streams; otherwise the connection is handed over for that
  std::atomic<uint64_t>& file_bytes;        // counts bytes of files that were sent
  bool may_keep = true;                     // connections may stay open after a response
  Clock::time_point now{};                  // time of the last wake-up
  size_t buffered = 0;                      // bytes of incomplete requests
  std::array<char, 32 << 10> received;      // buffer of recv(2)
  std::string decrypted;                    // `received` after TLS
  Clock::time_point tls_error_logged_at{};  // last warning about a failed handshake
};

class HttpConnection {
 public:
  using Clock = HttpThread::Clock;

  /// What the loop does next.
  enum class Next {
    read,       // wait until the socket is readable
    write,      // wait until the socket is writable
    hand_over,  // hand the connection over to the loop that sends files and streams
    close
  };

  /// With `tls`, the client must speak TLS.
  HttpConnection(Fd socket, HttpPeer peer, size_t max_body, std::unique_ptr<TlsSession> tls = nullptr);

  /// Does what is possible without blocking.
  Next advance(HttpThread& thread);

  int socket() const { return socket_.get(); }
  /// The loop closes the connection at this time. Progress moves it.
  Clock::time_point deadline() const { return deadline_; }
  /// The server waits for the client to send. Only then may the loop close the connection to free its place.
  bool is_reading() const { return state_ == State::reading; }
  Clock::time_point reading_since() const { return since_; }
  /// Kept alive after a response; the client has sent no byte of another request.
  bool is_idle() const { return is_reading() && had_reply_ && in_.empty(); }
  /// Bytes of this connection in HttpThread::buffered, to be subtracted when it is destroyed.
  size_t buffered() const { return in_.size(); }

  uint32_t watched = 0;  // owned by the loop: the events that epoll watches; 0: the socket is not in epoll

 private:
  enum class State { reading, writing, lingering };

  Next receive(HttpThread& thread);
  Next decrypt(HttpThread& thread, std::string_view bytes);
  Next refuse_handshake(HttpThread& thread);
  Next append_received(HttpThread& thread, std::string_view bytes);
  Next parse(HttpThread& thread, std::string_view bytes);
  Next wait_for_rest(HttpThread& thread, std::string_view bytes);
  Next respond(HttpThread& thread, std::string_view bytes);
  Next refuse(HttpThread& thread, int status, std::string_view why = "");
  void queue(std::string_view text, bool is_last);
  std::optional<Next> send_queued(HttpThread& thread);
  Next send_last(HttpThread& thread);
  Next send(HttpThread& thread);
  Next queue_stream_piece();
  Next send_file(HttpThread& thread);
  Next queue_file_piece(HttpThread& thread);
  Next finish_response(HttpThread& thread);
  Next discard_received(HttpThread& thread);
  void free_received(HttpThread& thread);
  bool has_bulk() const { return reply_.file.file != nullptr || reply_.stream != nullptr; }

  const Fd socket_;
  HttpPeer peer_;
  const size_t max_body_;
  std::unique_ptr<TlsSession> tls_;
  State state_ = State::reading;
  Clock::time_point since_;  // when it entered this state
  Clock::time_point deadline_;
  HttpRequestParser parser_;
  std::string in_;              // an incomplete request
  bool sent_continue_ = false;  // "100 Continue", for this request
  bool had_reply_ = false;
  bool has_unread_ = false;  // the client may have sent more than was received
  std::string out_;          // bytes to send, encrypted if there is TLS
  size_t sent_ = 0;          // bytes of out_ that are sent
  HttpReply reply_;          // file or stream to send after out_
};

}  // namespace ops
