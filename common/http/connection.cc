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

constexpr auto kRequestDeadline = seconds(10);
constexpr auto kKeepFor = seconds(5);
constexpr auto kWriteStall = seconds(30);
constexpr auto kLinger = milliseconds(500);
constexpr size_t kFileBytesATurn = 1 << 20;
constexpr size_t kMaxGathered = 64 << 20;  // bytes of unfinished requests in one thread
constexpr size_t kSmallRequest = 16 << 10;
constexpr auto kComplainEvery = seconds(60);
constexpr char kTlsHandshake = '\x16';  // the first byte of a client that speaks TLS, and of no HTTP

bool is_passing(int error) { return error == EAGAIN || error == EINTR; }

int status_of(HttpFramer::Verdict verdict) {
  switch (verdict) {
    case HttpFramer::Verdict::head_large: return 431;
    case HttpFramer::Verdict::body_large: return 413;
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
      deadline_(since_ + kRequestDeadline),
      framer_(max_body) {}

HttpConnection::Next HttpConnection::advance(HttpThread& thread) {
  switch (state_) {
    case State::reading: return read_some(thread);
    case State::writing: return write_some(thread);
    case State::lingering: return drain(thread);
  }
  return Next::hang_up;
}

// ---- a request ----

HttpConnection::Next HttpConnection::read_some(HttpThread& thread) {
  if (!out_.empty()) {  // of a handshake, or a "100 Continue"
    if (const auto next = send_out(thread)) return *next;
  }
  const ssize_t n = ::recv(socket_.get(), thread.scratch.data(), thread.scratch.size(), 0);
  if (n < 0) return is_passing(errno) ? Next::read : Next::hang_up;
  if (n == 0) return framer_.has_head() ? refuse(thread, 400) : Next::hang_up;
  if (tls_ && had_reply_ && tls_->is_outdated()) return Next::hang_up;  // who kept it comes again, and is judged anew
  const std::string_view bytes(thread.scratch.data(), static_cast<size_t>(n));
  return tls_ ? unseal(thread, bytes) : take_some(thread, bytes);
}

HttpConnection::Next HttpConnection::unseal(HttpThread& thread, std::string_view bytes) {
  thread.unsealed.clear();
  switch (tls_->take(bytes, thread.unsealed, out_)) {
    case TlsSession::Verdict::good: break;
    case TlsSession::Verdict::ended:
      if (thread.unsealed.empty()) return Next::hang_up;
      break;
    case TlsSession::Verdict::no_tls: tls_.reset(); return refuse(thread, 400, "this port speaks TLS: ask for https://");
    case TlsSession::Verdict::broken: return refuse_client(thread);
  }
  if (!thread.unsealed.empty()) return take_some(thread, thread.unsealed);
  return send_out(thread).value_or(Next::read);
}

/// Sends the alert that OpenSSL has left, and says why in the log; but not for every scanner.
HttpConnection::Next HttpConnection::refuse_client(HttpThread& thread) {
  const bool is_news = thread.now - thread.complained > kComplainEvery;
  if (is_news) thread.complained = thread.now;
  log::write(is_news ? log::Level::warning : log::Level::debug, cat("no TLS with ", peer_.address, ": ", tls_->error()));
  tls_.reset();
  return write_last(thread);
}

HttpConnection::Next HttpConnection::take_some(HttpThread& thread, std::string_view bytes) {
  if (in_.empty() && bytes.front() == kTlsHandshake && !tls_) {
    return refuse(thread, 400, "this port speaks plain HTTP: ask for http://");
  }
  if (in_.empty()) return take_bytes(thread, bytes);
  in_ += bytes;
  thread.buffered += bytes.size();
  return take_bytes(thread, in_);
}

HttpConnection::Next HttpConnection::take_bytes(HttpThread& thread, std::string_view bytes) {
  const auto verdict = framer_.look(bytes);
  if (verdict == HttpFramer::Verdict::complete) return answer(thread, bytes);
  if (verdict == HttpFramer::Verdict::incomplete) return wait_for_rest(thread, bytes);
  const bool is_hostless = verdict == HttpFramer::Verdict::no_host;
  return refuse(thread, status_of(verdict), is_hostless ? "the request has no Host header, or not one that is valid" : "");
}

HttpConnection::Next HttpConnection::wait_for_rest(HttpThread& thread, std::string_view bytes) {
  if (in_.empty()) {
    in_ = bytes;
    thread.buffered += bytes.size();
    deadline_ = since_ + kRequestDeadline;
  }
  // So many large requests at once are no heartbeats.
  if (thread.buffered > kMaxGathered && in_.size() > kSmallRequest) return refuse(thread, 503);
  if (framer_.wants_continue() && !std::exchange(was_asked_, true)) {
    queue("HTTP/1.1 100 Continue\r\n\r\n", false);
  }
  return out_.empty() ? Next::read : send_out(thread).value_or(Next::read);
}

HttpConnection::Next HttpConnection::answer(HttpThread& thread, std::string_view bytes) {
  has_unread_ = bytes.size() > framer_.size();
  std::string text;  // to be sealed
  if (tls_) peer_.names = tls_->client_names();
  reply_ =
      thread.codec.answer(framer_.head(bytes), framer_.body(bytes), peer_, thread.may_keep && !has_unread_, tls_ ? text : out_);
  if (tls_) queue(text, reply_.close && !has_bulk());
  forget_gathered(thread);
  framer_ = HttpFramer(max_body_);
  was_asked_ = false;
  state_ = State::writing;
  since_ = thread.now;
  deadline_ = thread.now + kWriteStall;
  if (has_bulk() && !thread.sends_bulk) return Next::hand_over;
  return write_some(thread);
}

HttpConnection::Next HttpConnection::refuse(HttpThread& thread, int status, std::string_view why) {
  forget_gathered(thread);
  queue(refusal_reply(status, why), true);
  return write_last(thread);
}

/// What is queued is all that there is to say, whatever the client may still send.
HttpConnection::Next HttpConnection::write_last(HttpThread& thread) {
  reply_ = {};
  reply_.close = true;
  has_unread_ = true;
  state_ = State::writing;
  deadline_ = thread.now + kWriteStall;
  return write_some(thread);
}

void HttpConnection::forget_gathered(HttpThread& thread) {
  thread.buffered -= in_.size();
  in_ = {};
}

// ---- a reply ----

/// Puts it behind what is to be sent; `is_last`: the connection ends with it.
void HttpConnection::queue(std::string_view text, bool is_last) {
  if (!tls_) {
    out_ += text;
  } else {
    tls_->encrypt(text, out_);
    if (is_last) tls_->end(out_);
  }
}

/// nullopt when all is sent; else what is next.
std::optional<HttpConnection::Next> HttpConnection::send_out(HttpThread& thread) {
  while (sent_ < out_.size()) {
    const int more = has_bulk() ? MSG_MORE : 0;
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | more);
    if (n < 0) return is_passing(errno) ? Next::write : Next::hang_up;
    sent_ += static_cast<size_t>(n);
    if (state_ == State::writing) deadline_ = thread.now + kWriteStall;
  }
  out_.clear();
  sent_ = 0;
  return std::nullopt;
}

HttpConnection::Next HttpConnection::write_some(HttpThread& thread) {
  if (const auto next = send_out(thread)) return *next;
  if (reply_.file.file) return tls_ ? seal_file(thread) : send_file(thread);
  if (reply_.stream) return send_piece();
  return end_reply(thread);
}

/// Makes the next piece, which is sent when the others have had their turn.
HttpConnection::Next HttpConnection::send_piece() {
  std::string piece;
  bool more = false;
  try {
    more = reply_.stream(piece);
  } catch (const std::exception& failure) {
    log::error("a reply to ", peer_.address, " is cut off: ", failure.what());
    return Next::hang_up;
  }
  std::string text;  // to be sealed
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
  for (size_t turn = 0; body.length > 0 && turn < kFileBytesATurn;) {
    auto offset = static_cast<off_t>(body.offset);
    const size_t size = std::min<uint64_t>(body.length, kFileBytesATurn);
    const ssize_t n = ::sendfile(socket_.get(), body.file->get(), &offset, size);
    if (n < 0) return is_passing(errno) ? Next::write : Next::hang_up;
    if (n == 0) return Next::hang_up;  // the file became shorter under us: the reply can only be cut off
    body.offset += static_cast<uint64_t>(n);
    body.length -= static_cast<uint64_t>(n);
    turn += static_cast<size_t>(n);
    thread.file_bytes += static_cast<uint64_t>(n);
    deadline_ = thread.now + kWriteStall;
  }
  if (body.length > 0) return Next::write;
  reply_.file = {};
  return end_reply(thread);
}

/// Makes the next piece of a file; sendfile(2) can't encrypt.
HttpConnection::Next HttpConnection::seal_file(HttpThread& thread) {
  FileBody& body = reply_.file;
  std::string piece(std::min<uint64_t>(body.length, kPieceSize), '\0');
  const ssize_t n = ::pread(body.file->get(), piece.data(), piece.size(), static_cast<off_t>(body.offset));
  if (n < 0 && errno == EINTR) return Next::write;
  if (n < 0 || (n == 0 && body.length > 0)) return Next::hang_up;  // as above
  body.offset += static_cast<uint64_t>(n);
  body.length -= static_cast<uint64_t>(n);
  thread.file_bytes += static_cast<uint64_t>(n);
  const bool is_last = body.length == 0;
  if (is_last) reply_.file = {};
  queue(std::string_view(piece).substr(0, static_cast<size_t>(n)), is_last && reply_.close);
  return Next::write;
}

HttpConnection::Next HttpConnection::end_reply(HttpThread& thread) {
  if (reply_.close && !has_unread_) return Next::hang_up;
  if (reply_.close) {
    ::shutdown(socket_.get(), SHUT_WR);
    state_ = State::lingering;
    deadline_ = thread.now + kLinger;
    return drain(thread);
  }
  state_ = State::reading;
  had_reply_ = true;
  out_ = {};
  since_ = thread.now;
  deadline_ = thread.now + kKeepFor;
  return Next::read;
}

HttpConnection::Next HttpConnection::drain(HttpThread& thread) {
  const ssize_t n = ::recv(socket_.get(), thread.scratch.data(), thread.scratch.size(), 0);
  return n == 0 || (n < 0 && !is_passing(errno)) ? Next::hang_up : Next::read;
}

}  // namespace ops
