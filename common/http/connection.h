#pragma once

// One connection of the HTTP server, on a socket that never blocks: a state machine that is moved on whenever the socket is
// ready.
//
//   reading    gathers a request until it is whole (framer.h), then answers it at once; a kept one begins here again
//   writing    sends what the reply has; files and streams piece by piece, in turns with other connections
//   lingering  has said all, and lets the reply reach a client that is still sending: to close on bytes that were not read
//              would reset the connection
//
// Under TLS, bytes are unsealed as they come and sealed before they go (tls.h); the handshake is a part of reading.

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/file.h"
#include "common/http/codec.h"
#include "common/http/framer.h"
#include "common/tls/tls.h"

namespace ops {

/// What the connections of one thread share, and the thread's loop keeps up to date.
struct HttpThread {
  using Clock = std::chrono::steady_clock;

  HttpCodec codec;
  const size_t max_body;               // bytes
  const bool sends_bulk;               // files and streams; else it hands them over
  std::atomic<uint64_t>& file_bytes;   // counts those sent of files
  bool may_keep = true;                // connections, after a reply
  Clock::time_point now{};             // when it was last woken
  size_t buffered = 0;                 // bytes of requests that are not whole yet
  std::array<char, 32 << 10> scratch;  // what was received last
  std::string unsealed;                // what that said, when it was TLS
  Clock::time_point complained{};      // of TLS
};

class HttpConnection {
 public:
  using Clock = HttpThread::Clock;

  enum class Next {
    read,
    write,
    hand_over,
    hang_up
  };  // wait until it can; or leave it to the thread that sends bulk; or end it

  /// With `tls`, the client must speak that.
  HttpConnection(Fd socket, HttpPeer peer, size_t max_body, std::unique_ptr<TlsSession> tls = nullptr);

  /// Does what can be done now.
  Next advance(HttpThread& thread);

  int socket() const { return socket_.get(); }
  /// When it is hung up on, unless it gets on.
  Clock::time_point deadline() const { return deadline_; }
  /// Since when it says nothing, for whoever makes room: others may not be hung up on.
  bool is_silent() const { return state_ == State::reading; }
  Clock::time_point silent_since() const { return since_; }
  /// It had a reply, and has not begun another request.
  bool is_kept() const { return is_silent() && had_reply_ && in_.empty(); }
  /// Bytes that count in HttpThread::gathered; to be subtracted when it ends.
  size_t buffered() const { return in_.size(); }

  uint32_t watched = 0;  // the loop's note of what epoll watches; 0: it doesn't know the socket

 private:
  enum class State { reading, writing, lingering };

  Next read_some(HttpThread& thread);
  Next unseal(HttpThread& thread, std::string_view bytes);
  Next refuse_client(HttpThread& thread);
  Next take_some(HttpThread& thread, std::string_view bytes);
  Next take_bytes(HttpThread& thread, std::string_view bytes);
  Next wait_for_rest(HttpThread& thread, std::string_view bytes);
  Next answer(HttpThread& thread, std::string_view bytes);
  Next refuse(HttpThread& thread, int status, std::string_view why = "");
  void queue(std::string_view text, bool is_last);
  std::optional<Next> send_out(HttpThread& thread);
  Next write_last(HttpThread& thread);
  Next write_some(HttpThread& thread);
  Next send_piece();
  Next send_file(HttpThread& thread);
  Next seal_file(HttpThread& thread);
  Next end_reply(HttpThread& thread);
  Next drain(HttpThread& thread);
  void forget_gathered(HttpThread& thread);
  bool has_bulk() const { return reply_.file.file != nullptr || reply_.stream != nullptr; }

  const Fd socket_;
  HttpPeer peer_;
  const size_t max_body_;
  std::unique_ptr<TlsSession> tls_;
  State state_ = State::reading;
  Clock::time_point since_;  // when it entered this state
  Clock::time_point deadline_;
  HttpFramer framer_;
  std::string in_;          // of a request that is not whole yet
  bool was_asked_ = false;  // for the body, with a "100 Continue"
  bool had_reply_ = false;
  bool has_unread_ = false;  // the client may have sent more than we took
  std::string out_;          // to send, from sent_ on; sealed
  size_t sent_ = 0;
  HttpReply reply_;  // what follows out_
};

}  // namespace ops
