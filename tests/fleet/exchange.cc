#include "tests/fleet/exchange.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace ops::fleet {

Exchanges::Exchanges(const Target& target, const Limits& limits, Render render, Done done)
    : target_(target),
      limits_(limits),
      render_(std::move(render)),
      done_(std::move(done)),
      dialer_(target),
      tls_clients_(limits.tls == Tls::resumed),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(64 << 10) {}

Exchanges::~Exchanges() {
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) ::close(connection.fd);
  }
  ::close(epoll_);
}

void Exchanges::prepare(size_t count, const Request& first) {
  if (limits_.tls == Tls::none) return;
  if (limits_.tls == Tls::resumed) {
    start(first, now_us());
    while (under_way_ > 0) poll(1000);
  }
  tls_clients_.prepare(count);
}

void Exchanges::start(const Request& request, int64_t now) {
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
  if (connection.fd < 0) return fail(index, kind_of(-connection.fd));
  request_bytes_.clear();
  render_(request, request_bytes_);
  if (!connection.tls) return send(index, request_bytes_);
  sealed_.clear();
  connection.tls->say(request_bytes_, sealed_);
  send(index, sealed_);
}

void Exchanges::open_connection(uint32_t index) {
  Connection& connection = connections_[index];
  connection.fd = dialer_.dial();
  connection.watched_for_writing = false;
  if (limits_.tls != Tls::none) connection.tls = tls_clients_.make();
  ++opened_;
  most_open_ = std::max(most_open_, ++open_);
}

// To a loopback address the connection stands as soon as connect() returns, so that sending at once mostly works.
void Exchanges::send(uint32_t index, std::string_view bytes) {
  Connection& connection = connections_[index];
  const ssize_t sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return hung_up(index, kind_of(errno));
  const size_t gone = sent < 0 ? 0 : static_cast<size_t>(sent);
  const bool is_whole = gone == bytes.size();
  const bool is_new = connection.state == State::free;
  connection.out.assign(is_whole ? "" : bytes.substr(gone));
  connection.state = is_whole ? State::waiting : State::sending;
  if (is_new || connection.watched_for_writing == is_whole) watch(index, !is_whole, is_new);
}

void Exchanges::watch(uint32_t index, bool for_writing, bool is_new) {
  Connection& connection = connections_[index];
  epoll_event event{};
  event.events = for_writing ? EPOLLOUT : EPOLLIN;
  event.data.u64 = (uint64_t{connection.generation} << 32) | index;
  ::epoll_ctl(epoll_, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection.fd, &event);
  connection.watched_for_writing = for_writing;
}

void Exchanges::poll(int64_t timeout_us) {
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
      fail(index, kind_of(error));
    } else {
      send(index, std::string(connection.out));
    }
  }
}

void Exchanges::receive(uint32_t index) {
  Connection& connection = connections_[index];
  const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) return hung_up(index, kind_of(errno));
  const std::string_view bytes(buffer_.data(), static_cast<size_t>(size));
  if (connection.state != State::waiting) return close(index);  // it was silent, and the server hangs up
  if (connection.tls && size > 0) return unseal(index, bytes);
  take_text(index, bytes, size == 0);
}

void Exchanges::unseal(uint32_t index, std::string_view bytes) {
  const uint32_t generation = connections_[index].generation;
  unsealed_.clear();
  sealed_.clear();
  const bool is_good = connections_[index].tls->take(bytes, unsealed_, sealed_);
  if (!sealed_.empty()) send(index, sealed_);
  if (connections_[index].generation != generation) return;
  if (!is_good) return fail(index, "TLS is refused");
  if (!unsealed_.empty()) take_text(index, std::string(unsealed_), false);
}

void Exchanges::take_text(uint32_t index, std::string_view bytes, bool ended) {
  Connection& connection = connections_[index];
  if (connection.in.empty()) return take(index, bytes, ended);
  connection.in.append(bytes);
  const std::string all = std::move(connection.in);
  connection.in.clear();
  take(index, all, ended);
}

void Exchanges::take(uint32_t index, std::string_view bytes, bool ended) {
  Reply reply;
  const HeadState state = parse_reply_head(bytes, reply.head);
  if (state == HeadState::wrong) return fail(index, "no HTTP");
  if (state == HeadState::complete) {
    reply.body = bytes.substr(reply.head.size);
    const uint64_t length = reply.head.length.value_or(ended ? reply.body.size() : reply.body.size() + 1);
    if (reply.body.size() >= length) {
      reply.body = reply.body.substr(0, length);
      return finish(index, reply);
    }
  }
  if (ended) return hung_up(index, bytes.empty() ? "closed without a reply" : "reply cut short");
  connections_[index].in.assign(bytes);
}

void Exchanges::finish(uint32_t index, const Reply& reply) {
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

void Exchanges::fail(uint32_t index, const std::string& kind) {
  const Request request = connections_[index].request;
  --under_way_;
  close(index);
  Reply reply;
  reply.error = kind;
  done_(request, reply);
}

/// A kept connection may be closed by the server at any time: that is no error, but taken for one if it happens again.
void Exchanges::hung_up(uint32_t index, const std::string& kind) {
  Connection& connection = connections_[index];
  if (connection.state == State::idle || connection.state == State::holding) return close(index);
  if (!connection.reused) return fail(index, kind);
  Request again = connection.request;
  again.retried = true;
  --under_way_;
  close(index);
  start(again, now_us());
}

void Exchanges::close(uint32_t index) {
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

void Exchanges::expire(int64_t now) {
  for (uint32_t index = 0; index < connections_.size(); ++index) {
    const Connection& connection = connections_[index];
    const int64_t age = now - connection.since_us;
    if (connection.state == State::holding && age > limits_.hold_us) close(index);
    if (connection.state == State::sending && age > limits_.timeout_us) fail(index, "connect or send timed out");
    if (connection.state == State::waiting && age > limits_.timeout_us) fail(index, "no reply in time");
  }
}

}  // namespace ops::fleet
