#include "common/http/connection.h"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "common/base/log.h"

namespace ops {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kRequestTimeout = seconds(10);
constexpr auto kWriteTimeout = seconds(30);
constexpr auto kLingerTimeout = milliseconds(500);
constexpr size_t kFileBytesPerTurn = 1 << 20;
constexpr size_t kMaxBuffered = 64 << 20;   // bytes of incomplete requests in one thread
constexpr size_t kSmallRequest = 16 << 10;  // bytes; accepted also above kMaxBuffered
constexpr auto kTlsLogInterval = seconds(60);
constexpr char kTlsHandshake = '\x16';  // first byte of a TLS connection, and of no HTTP request

bool is_temporary(int error) { return error == EAGAIN || error == EINTR; }

int status_of(HttpVerdict verdict) {
  switch (verdict) {
    case HttpVerdict::target_too_long: return 414;
    case HttpVerdict::head_too_large: return 431;
    case HttpVerdict::body_too_large: return 413;
    default: return 400;
  }
}

}  // namespace

HttpConnection::HttpConnection(Fd socket, HttpPeer peer, size_t max_body, std::unique_ptr<TlsSession> tls)
    : socket_(std::move(socket)),
      peer_(std::move(peer)),
      max_body_(max_body),
      tls_(std::move(tls)),
      since_(Clock::now()),
      deadline_(since_ + kRequestTimeout),
      parser_(max_body) {}

HttpConnection::Next HttpConnection::advance(HttpThread& thread) {
  switch (state_) {
    case State::reading: return receive(thread);
    case State::writing: return send(thread);
    case State::lingering: return discard_received(thread);
  }
  return Next::close;
}

// ---- receiving a request ----

HttpConnection::Next HttpConnection::receive(HttpThread& thread) {
  if (!out_.empty()) {  // of a handshake, or "100 Continue"
    if (const auto next = send_queued(thread)) return *next;
  }
  const ssize_t n = ::recv(socket_.get(), thread.received.data(), thread.received.size(), 0);
  if (n < 0) return is_temporary(errno) ? Next::read : Next::close;
  if (n == 0) return parser_.has_head() ? refuse(thread, 400) : Next::close;
  // After new certificates were loaded, a client must connect again: its own may no longer be trusted.
  if (tls_ && had_reply_ && tls_->is_outdated()) return Next::close;
  const std::string_view bytes(thread.received.data(), static_cast<size_t>(n));
  return tls_ ? decrypt(thread, bytes) : append_received(thread, bytes);
}

HttpConnection::Next HttpConnection::decrypt(HttpThread& thread, std::string_view bytes) {
  thread.decrypted.clear();
  switch (tls_->take(bytes, thread.decrypted, out_)) {
    case TlsSession::Verdict::good: break;
    case TlsSession::Verdict::ended:
      if (thread.decrypted.empty()) return Next::close;
      break;
    case TlsSession::Verdict::no_tls: tls_.reset(); return refuse(thread, 400, "this port speaks TLS: ask for https://");
    case TlsSession::Verdict::broken: return refuse_handshake(thread);
  }
  if (!thread.decrypted.empty()) return append_received(thread, thread.decrypted);
  return send_queued(thread).value_or(Next::read);
}

/// Sends the TLS alert and logs the reason. Port scanners fail the handshake all the time, so only one warning is logged per
/// kTlsLogInterval.
HttpConnection::Next HttpConnection::refuse_handshake(HttpThread& thread) {
  const bool is_due = thread.now - thread.tls_error_logged_at > kTlsLogInterval;
  if (is_due) thread.tls_error_logged_at = thread.now;
  log::write(is_due ? log::Level::warning : log::Level::debug, cat("no TLS with ", peer_.address, ": ", tls_->error()));
  tls_.reset();
  return send_last(thread);
}

HttpConnection::Next HttpConnection::append_received(HttpThread& thread, std::string_view bytes) {
  if (in_.empty() && bytes.front() == kTlsHandshake && !tls_) {
    return refuse(thread, 400, "this port speaks plain HTTP: ask for http://");
  }
  if (in_.empty()) return parse(thread, bytes);
  in_ += bytes;
  thread.buffered += bytes.size();
  return parse(thread, in_);
}

HttpConnection::Next HttpConnection::parse(HttpThread& thread, std::string_view bytes) {
  const HttpVerdict verdict = parser_.parse(bytes);
  if (verdict == HttpVerdict::complete) return respond(thread, bytes);
  if (verdict == HttpVerdict::incomplete) return wait_for_rest(thread, bytes);
  const bool is_host = verdict == HttpVerdict::invalid_host;
  return refuse(thread, status_of(verdict), is_host ? "the request has no valid Host header" : "");
}

HttpConnection::Next HttpConnection::wait_for_rest(HttpThread& thread, std::string_view bytes) {
  if (in_.empty()) {
    in_ = bytes;
    thread.buffered += bytes.size();
    if (had_reply_) since_ = thread.now;  // until now, the connection was idle
    deadline_ = since_ + kRequestTimeout;
  }
  // Heartbeats are small: so many bytes of larger requests are an attack, or a mistake.
  if (thread.buffered > kMaxBuffered && in_.size() > kSmallRequest) return refuse(thread, 503);
  if (parser_.wants_continue() && !std::exchange(sent_continue_, true)) {
    queue("HTTP/1.1 100 Continue\r\n\r\n", false);
  }
  return out_.empty() ? Next::read : send_queued(thread).value_or(Next::read);
}

HttpConnection::Next HttpConnection::respond(HttpThread& thread, std::string_view bytes) {
  has_unread_ = bytes.size() > parser_.size();
  HttpRequest request = parser_.take(bytes);
  request.peer = peer_.address;
  request.from_owner = peer_.is_owner;
  request.owner_uid = peer_.uid;
  if (tls_) request.certificate_names = tls_->client_names();
  std::string text;  // to be encrypted
  reply_ = thread.responder.respond(request, thread.may_keep && !has_unread_, tls_ ? text : out_);
  if (tls_) queue(text, reply_.close && !has_bulk());
  free_received(thread);
  parser_ = HttpRequestParser(max_body_);
  sent_continue_ = false;
  state_ = State::writing;
  since_ = thread.now;
  deadline_ = thread.now + kWriteTimeout;
  if (has_bulk() && !thread.sends_bulk) return Next::hand_over;
  return send(thread);
}

HttpConnection::Next HttpConnection::refuse(HttpThread& thread, int status, std::string_view why) {
  free_received(thread);
  queue(refusal_reply(status, why), true);
  return send_last(thread);
}

/// Sends out_ and closes the connection. Further requests of the client are discarded.
HttpConnection::Next HttpConnection::send_last(HttpThread& thread) {
  reply_ = {};
  reply_.close = true;
  has_unread_ = true;
  state_ = State::writing;
  deadline_ = thread.now + kWriteTimeout;
  return send(thread);
}

void HttpConnection::free_received(HttpThread& thread) {
  thread.buffered -= in_.size();
  in_ = {};
}

// ---- sending a response ----

/// Appends `text` to out_. `is_last`: ends the TLS session after it.
void HttpConnection::queue(std::string_view text, bool is_last) {
  if (!tls_) {
    out_ += text;
  } else {
    tls_->encrypt(text, out_);
    if (is_last) tls_->end(out_);
  }
}

/// Sends out_. nullopt when all of it is sent.
std::optional<HttpConnection::Next> HttpConnection::send_queued(HttpThread& thread) {
  while (sent_ < out_.size()) {
    const int more = has_bulk() ? MSG_MORE : 0;
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | more);
    if (n < 0) return is_temporary(errno) ? Next::write : Next::close;
    sent_ += static_cast<size_t>(n);
    if (state_ == State::writing) deadline_ = thread.now + kWriteTimeout;
  }
  out_.clear();
  sent_ = 0;
  return std::nullopt;
}

HttpConnection::Next HttpConnection::send(HttpThread& thread) {
  if (const auto next = send_queued(thread)) return *next;
  if (reply_.file.file) return tls_ ? queue_file_piece(thread) : send_file(thread);
  if (reply_.stream) return queue_stream_piece();
  return finish_response(thread);
}

/// Queues the next piece of a stream. It is sent after the other ready connections have had their turn.
HttpConnection::Next HttpConnection::queue_stream_piece() {
  std::string piece;
  bool more = false;
  try {
    more = reply_.stream(piece);
  } catch (const std::exception& failure) {
    log::error("a response to ", peer_.address, " is cut off: ", failure.what());
    return Next::close;
  }
  std::string text;  // to be encrypted
  std::string& to = tls_ ? text : out_;
  if (reply_.is_chunked) {
    append_chunk(piece, !more, to);
  } else {
    to = std::move(piece);
  }
  if (tls_) queue(text, !more && reply_.close);
  if (!more) reply_.stream = nullptr;
  return Next::write;
}

HttpConnection::Next HttpConnection::send_file(HttpThread& thread) {
  FileBody& body = reply_.file;
  for (size_t turn = 0; body.length > 0 && turn < kFileBytesPerTurn;) {
    auto offset = static_cast<off_t>(body.offset);
    const size_t size = std::min<uint64_t>(body.length, kFileBytesPerTurn);
    const ssize_t n = ::sendfile(socket_.get(), body.file->get(), &offset, size);
    if (n < 0) return is_temporary(errno) ? Next::write : Next::close;
    if (n == 0) return Next::close;  // the file was truncated: cut the response off, so that the client sees it
    body.offset += static_cast<uint64_t>(n);
    body.length -= static_cast<uint64_t>(n);
    turn += static_cast<size_t>(n);
    thread.file_bytes += static_cast<uint64_t>(n);
    deadline_ = thread.now + kWriteTimeout;
  }
  if (body.length > 0) return Next::write;
  reply_.file = {};
  return finish_response(thread);
}

/// Queues the next piece of a file, encrypted, which sendfile(2) cannot do.
HttpConnection::Next HttpConnection::queue_file_piece(HttpThread& thread) {
  FileBody& body = reply_.file;
  std::string piece(std::min<uint64_t>(body.length, kPieceSize), '\0');
  const ssize_t n = ::pread(body.file->get(), piece.data(), piece.size(), static_cast<off_t>(body.offset));
  if (n < 0 && errno == EINTR) return Next::write;
  if (n < 0 || (n == 0 && body.length > 0)) return Next::close;  // truncated, as above
  body.offset += static_cast<uint64_t>(n);
  body.length -= static_cast<uint64_t>(n);
  thread.file_bytes += static_cast<uint64_t>(n);
  const bool is_last = body.length == 0;
  if (is_last) reply_.file = {};
  queue(std::string_view(piece).substr(0, static_cast<size_t>(n)), is_last && reply_.close);
  return Next::write;
}

HttpConnection::Next HttpConnection::finish_response(HttpThread& thread) {
  if (reply_.close && !has_unread_) return Next::close;
  if (reply_.close) {
    ::shutdown(socket_.get(), SHUT_WR);
    state_ = State::lingering;
    deadline_ = thread.now + kLingerTimeout;
    return discard_received(thread);
  }
  state_ = State::reading;
  had_reply_ = true;
  out_ = {};
  since_ = thread.now;
  deadline_ = thread.now + thread.keep_alive;
  return Next::read;
}

HttpConnection::Next HttpConnection::discard_received(HttpThread& thread) {
  const ssize_t n = ::recv(socket_.get(), thread.received.data(), thread.received.size(), 0);
  return n == 0 || (n < 0 && !is_temporary(errno)) ? Next::close : Next::read;
}

}  // namespace ops
