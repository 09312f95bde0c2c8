#include "tests/fleet/async_http_client.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace ops::fleet {

AsyncHttpClient::AsyncHttpClient(const Target& target, const Limits& limits, Render render, Done done)
    : target_(target),
      limits_(limits),
      render_(std::move(render)),
      done_(std::move(done)),
      dialer_(target),
      tls_clients_(limits.tls == Tls::resumed),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(64 << 10) {}

AsyncHttpClient::~AsyncHttpClient() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) ::close(connection.fd);
  }
  ::close(epoll_);
}

void AsyncHttpClient::prepare(size_t count, const Request& first) {
  if (limits_.tls == Tls::none) return;
  if (limits_.tls == Tls::resumed) {
    start(first, now_us());
    while (under_way_ > 0) poll(1000);
  }
  tls_clients_.prepare(count);
}

void AsyncHttpClient::start(const Request& request, int64_t now) {
  uint32_t index = 0;
  const bool reuses = !idle_.empty() && !request.retried;
  if (reuses) {
    index = idle_.back();
    idle_.pop_back();
  } else if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    index = static_cast<uint32_t>(connections_.size());
    connections_.emplace_back();
  }
  Connection& connection = connections_[index];
  connection.request = request;
  connection.reused = reuses;
  connection.since_us = now;
  connection.in.clear();
  ++under_way_;
  if (!reuses) open_connection(index);
  if (connection.fd < 0) return fail(index, error_kind(-connection.fd));
  request_bytes_.clear();
  render_(request, request_bytes_);
  if (!connection.tls) return send(index, request_bytes_);
  encrypted_.clear();
  connection.tls->send(request_bytes_, encrypted_);
  send(index, encrypted_);
}

void AsyncHttpClient::open_connection(uint32_t index) {
  Connection& connection = connections_[index];
  connection.fd = dialer_.dial();
  connection.watched_for_writing = false;
  if (limits_.tls != Tls::none) connection.tls = tls_clients_.make();
  ++opened_;
  most_open_ = std::max(most_open_, ++open_);
}

// A connection to a loopback address is established when connect() returns, so the first send usually succeeds.
void AsyncHttpClient::send(uint32_t index, std::string_view bytes) {
  Connection& connection = connections_[index];
  const ssize_t sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return on_close_by_server(index, error_kind(errno));
  const size_t gone = sent < 0 ? 0 : static_cast<size_t>(sent);
  const bool is_whole = gone == bytes.size();
  const bool is_new = connection.state == State::free;
  connection.out.assign(is_whole ? "" : bytes.substr(gone));
  connection.state = is_whole ? State::waiting : State::sending;
  if (is_new || connection.watched_for_writing == is_whole) watch(index, !is_whole, is_new);
}

void AsyncHttpClient::watch(uint32_t index, bool for_writing, bool is_new) {
  Connection& connection = connections_[index];
  epoll_event event{};
  event.events = for_writing ? EPOLLOUT : EPOLLIN;
  event.data.u64 = (uint64_t{connection.generation} << 32) | index;
  ::epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection.fd, &event);
  connection.watched_for_writing = for_writing;
}

void AsyncHttpClient::poll(int64_t timeout_us) {
  std::array<epoll_event, 512> events;
  const int64_t wait = std::max<int64_t>(timeout_us, 0);
  const timespec timeout{wait / 1'000'000, wait % 1'000'000 * 1000};
  const int count = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const auto index = static_cast<uint32_t>(event.data.u64);
    Connection& connection = connections_[index];
    if (connection.generation != event.data.u64 >> 32) continue;
    if (connection.state != State::sending) {
      receive(index);
    } else if (const int error = socket_error(connection.fd); error != 0) {
      fail(index, error_kind(error));
    } else {
      send(index, std::string(connection.out));
    }
  }
}

void AsyncHttpClient::receive(uint32_t index) {
  Connection& connection = connections_[index];
  const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) return on_close_by_server(index, error_kind(errno));
  const std::string_view bytes(buffer_.data(), static_cast<size_t>(size));
  if (connection.state != State::waiting) return close(index);  // the server closes a kept connection
  if (connection.tls && size > 0) return decrypt(index, bytes);
  take_text(index, bytes, size == 0);
}

void AsyncHttpClient::decrypt(uint32_t index, std::string_view bytes) {
  const uint32_t generation = connections_[index].generation;
  decrypted_.clear();
  encrypted_.clear();
  const bool is_good = connections_[index].tls->receive(bytes, decrypted_, encrypted_);
  if (!encrypted_.empty()) send(index, encrypted_);
  if (connections_[index].generation != generation) return;
  if (!is_good) return fail(index, "TLS error");
  if (!decrypted_.empty()) take_text(index, std::string(decrypted_), false);
}

void AsyncHttpClient::take_text(uint32_t index, std::string_view bytes, bool ended) {
  Connection& connection = connections_[index];
  if (connection.in.empty()) return take(index, bytes, ended);
  connection.in.append(bytes);
  const std::string all = std::move(connection.in);
  connection.in.clear();
  take(index, all, ended);
}

void AsyncHttpClient::take(uint32_t index, std::string_view bytes, bool ended) {
  Reply reply;
  const HeadState state = parse_reply_head(bytes, reply.head);
  if (state == HeadState::wrong) return fail(index, "not HTTP");
  if (state == HeadState::complete) {
    reply.body = bytes.substr(reply.head.size);
    const uint64_t length = reply.head.length.value_or(ended ? reply.body.size() : reply.body.size() + 1);
    if (reply.body.size() >= length) {
      reply.body = reply.body.substr(0, length);
      return finish(index, reply);
    }
  }
  if (ended) return on_close_by_server(index, bytes.empty() ? "closed without a reply" : "reply cut short");
  connections_[index].in.assign(bytes);
}

void AsyncHttpClient::finish(uint32_t index, const Reply& reply) {
  const Request request = connections_[index].request;
  --under_way_;
  if (request.hold && !reply.head.closes) {
    connections_[index].state = State::holding;
    connections_[index].since_us = now_us();
  } else if (limits_.keep && !reply.head.closes) {
    connections_[index].state = State::idle;
    idle_.push_back(index);
  } else {
    close(index);
  }
  done_(request, reply);
}

void AsyncHttpClient::fail(uint32_t index, const std::string& kind) {
  const Request request = connections_[index].request;
  --under_way_;
  close(index);
  Reply reply;
  reply.error = kind;
  done_(request, reply);
}

/// The server may close a kept connection at any time: the request is sent again on a new connection. There, a close is an
/// error.
void AsyncHttpClient::on_close_by_server(uint32_t index, const std::string& kind) {
  Connection& connection = connections_[index];
  if (connection.state == State::idle || connection.state == State::holding) return close(index);
  if (!connection.reused) return fail(index, kind);
  Request again = connection.request;
  again.retried = true;
  --under_way_;
  close(index);
  start(again, now_us());
}

void AsyncHttpClient::close(uint32_t index) {
  Connection& connection = connections_[index];
  if (connection.state == State::idle) std::erase(idle_, index);
  if (connection.fd >= 0) ::close(connection.fd);
  connection.fd = -1;
  if (connection.tls && connection.tls->was_resumed()) ++resumed_;
  connection.tls.reset();
  connection.state = State::free;
  ++connection.generation;
  --open_;
  free_.push_back(index);
}

void AsyncHttpClient::expire(int64_t now) {
  for (uint32_t index = 0; index < connections_.size(); ++index) {
    const Connection& connection = connections_[index];
    const int64_t age = now - connection.since_us;
    if (connection.state == State::holding && age > limits_.hold_us) close(index);
    if (connection.state == State::sending && age > limits_.timeout_us) fail(index, "connect or send timed out");
    if (connection.state == State::waiting && age > limits_.timeout_us) fail(index, "no reply in time");
  }
}

}  // namespace ops::fleet
