#include "common/http_connection.h"

#include <sys/sendfile.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "common/log.h"

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

bool is_passing(int error) { return error == EAGAIN || error == EINTR; }

int status_of(HttpFramer::Verdict verdict) {
  switch (verdict) {
    case HttpFramer::Verdict::head_large: return 431;
    case HttpFramer::Verdict::body_large: return 413;
    default: return 400;
  }
}

}  // namespace

HttpConnection::HttpConnection(Fd socket, HttpPeer peer, size_t max_body)
    : socket_(std::move(socket)),
      peer_(std::move(peer)),
      max_body_(max_body),
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
  const ssize_t n = ::recv(socket_.get(), thread.scratch.data(), thread.scratch.size(), 0);
  if (n < 0) return is_passing(errno) ? Next::read : Next::hang_up;
  if (n == 0) return framer_.has_head() ? refuse(thread, 400) : Next::hang_up;
  const std::string_view bytes(thread.scratch.data(), static_cast<size_t>(n));
  if (in_.empty()) return take_bytes(thread, bytes);
  in_ += bytes;
  thread.gathered += bytes.size();
  return take_bytes(thread, in_);
}

HttpConnection::Next HttpConnection::take_bytes(HttpThread& thread, std::string_view bytes) {
  const auto verdict = framer_.look(bytes);
  if (verdict == HttpFramer::Verdict::complete) return answer(thread, bytes);
  if (verdict == HttpFramer::Verdict::incomplete) return wait_for_rest(thread, bytes);
  return refuse(thread, status_of(verdict));
}

HttpConnection::Next HttpConnection::wait_for_rest(HttpThread& thread, std::string_view bytes) {
  if (in_.empty()) {
    in_ = bytes;
    thread.gathered += bytes.size();
    deadline_ = since_ + kRequestDeadline;
  }
  // So many large requests at once are no heartbeats.
  if (thread.gathered > kMaxGathered && in_.size() > kSmallRequest) return refuse(thread, 503);
  if (framer_.wants_continue() && !std::exchange(was_asked_, true)) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    ::send(socket_.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
  }
  return Next::read;
}

HttpConnection::Next HttpConnection::answer(HttpThread& thread, std::string_view bytes) {
  has_unread_ = bytes.size() > framer_.size();
  reply_ = thread.codec.answer(framer_.head(bytes), framer_.body(bytes), peer_, thread.may_keep && !has_unread_, out_);
  forget_gathered(thread);
  framer_ = HttpFramer(max_body_);
  was_asked_ = false;
  state_ = State::writing;
  since_ = thread.now;
  deadline_ = thread.now + kWriteStall;
  if (has_bulk() && !thread.sends_bulk) return Next::hand_over;
  return write_some(thread);
}

HttpConnection::Next HttpConnection::refuse(HttpThread& thread, int status) {
  forget_gathered(thread);
  out_ = refusal_reply(status);
  reply_ = {};
  reply_.close = true;
  has_unread_ = true;
  state_ = State::writing;
  deadline_ = thread.now + kWriteStall;
  return write_some(thread);
}

void HttpConnection::forget_gathered(HttpThread& thread) {
  thread.gathered -= in_.size();
  in_ = {};
}

// ---- a reply ----

HttpConnection::Next HttpConnection::write_some(HttpThread& thread) {
  while (sent_ < out_.size()) {
    const int more = has_bulk() ? MSG_MORE : 0;
    const ssize_t n = ::send(socket_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | more);
    if (n < 0) return is_passing(errno) ? Next::write : Next::hang_up;
    sent_ += static_cast<size_t>(n);
    deadline_ = thread.now + kWriteStall;
  }
  out_.clear();
  sent_ = 0;
  if (reply_.file.file) return send_file(thread);
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
  if (reply_.is_chunked) {
    append_chunk(piece, !more, out_);
  } else {
    out_ = std::move(piece);
  }
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
