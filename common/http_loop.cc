#include "common/http_loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

#include "common/http_framer.h"
#include "common/log.h"

namespace ops {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto kRequestDeadline = seconds(10);
constexpr auto kKeepFor = seconds(5);
constexpr auto kWriteStall = seconds(30);
constexpr auto kLinger = milliseconds(500);
constexpr auto kSweepEvery = milliseconds(250);
constexpr auto kEvictAfter = seconds(1);
constexpr auto kComplainEvery = seconds(60);
constexpr int kBulkNiceness = 5;
constexpr int kAcceptsATurn = 16;
constexpr size_t kFileBytesATurn = 1 << 20;
constexpr size_t kMaxGathered = 64 << 20;  // bytes of unfinished requests in one loop
constexpr size_t kSmallRequest = 16 << 10;

std::string ip_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return text;
}

int status_of(HttpFramer::Verdict verdict) {
  switch (verdict) {
    case HttpFramer::Verdict::head_large: return 431;
    case HttpFramer::Verdict::body_large: return 413;
    default: return 400;
  }
}

}  // namespace

struct HttpLoop::Connection {
  enum class State { reading, writing, lingering };

  Connection(Fd from, std::string ip, size_t max_body) : socket(std::move(from)), peer(std::move(ip)), framer(max_body) {}

  bool has_body() const { return file.file != nullptr || stream != nullptr; }

  Fd socket;
  const std::string peer;
  HttpFramer framer;
  State state = State::reading;
  Clock::time_point since{};     // when it entered this state
  Clock::time_point deadline{};  // when we hang up
  uint32_t watched = 0;          // by epoll; 0: it doesn't know the socket
  bool had_reply = false;        // to a request before
  bool was_asked = false;        // for the body, with a "100 Continue"
  bool close_after = false;      // the reply that is sent
  bool has_unread = false;       // the client may have sent more than we took
  std::string in;                // of a request that is not whole yet
  std::string out;               // to send, from `sent` on
  size_t sent = 0;
  FileBody file;      // what follows `out`
  BodyStream stream;  // what follows `out`
  bool is_chunked = false;
};

HttpLoop::HttpLoop(HttpLoops& all, bool accepts)
    : all_(all),
      accepts_(accepts),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      codec_(all.handler) {
  epoll_event event{EPOLLIN, {.fd = wake_.get()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  if (accepts_) set_accepting(true);
  thread_ = std::thread([this] { run(); });
}

HttpLoop::~HttpLoop() {
  stopping_ = true;
  wake();
  thread_.join();
}

void HttpLoop::wake() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);  // it fails only when many wait already
}

void HttpLoop::run() {
  // Files and listings give way to heartbeats. Of a thread, on Linux.
  if (!accepts_) ::setpriority(PRIO_PROCESS, 0, kBulkNiceness);
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const bool has_deadlines = !connections_.empty() || accepting_ != accepts_;
    const int patience = has_deadlines ? static_cast<int>(kSweepEvery.count()) : -1;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience);
    now_ = Clock::now();
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) {
        take_handed_over();
      } else if (fd == all_.listener.get()) {
        accept_some();
      } else if (const auto found = connections_.find(fd); found != connections_.end()) {
        advance(*found->second);
      }
    }
    if (now_ - swept_ >= kSweepEvery) sweep();
  }
  all_.connections -= connections_.size();
}

// ---- connections come and go ----

void HttpLoop::set_accepting(bool on) {
  epoll_event event{EPOLLIN | EPOLLEXCLUSIVE, {.fd = all_.listener.get()}};
  if (on == accepting_) return;
  if (::epoll_ctl(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, all_.listener.get(), &event) == 0) accepting_ = on;
}

void HttpLoop::accept_some() {
  for (int i = 0; i < kAcceptsATurn; ++i) {
    if (all_.connections >= all_.options.max_connections && !make_room()) {
      set_accepting(false);  // who comes now waits in the kernel, until the next sweep
      return;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Fd socket(::accept4(all_.listener.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      accept(std::move(socket), ip_of(address));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The connection waits in the kernel; to ask again at once would be to ask without end.
      if (now_ - complained_ > kComplainEvery) {
        complained_ = now_;
        log::warning("cannot accept a connection: ", std::strerror(errno), "; trying again several times a second");
      }
      make_room();
      set_accepting(false);
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

void HttpLoop::accept(Fd socket, std::string peer) {
  ++all_.connections;
  const int key = socket.get();
  auto connection = std::make_unique<Connection>(std::move(socket), std::move(peer), all_.options.max_body);
  connection->since = Clock::now();
  connection->deadline = connection->since + kRequestDeadline;
  Connection& entry = *(connections_[key] = std::move(connection));
  advance(entry);  // most have sent their request by now
}

/// Hangs up on those that have said nothing for longest; false when there are none. Whoever has had a reply may go at once.
bool HttpLoop::make_room() {
  std::vector<Connection*> silent;
  for (const auto& [socket, connection] : connections_) {
    if (connection->state != Connection::State::reading) continue;
    const bool is_kept = connection->had_reply && connection->in.empty();
    if (is_kept || now_ - connection->since > kEvictAfter) silent.push_back(connection.get());
  }
  if (silent.empty()) return false;
  // Several at a time, so that a crowd at the limit does not make us look at all of them for each that comes.
  const size_t count = std::max<size_t>(1, silent.size() / 16);
  const auto end = silent.begin() + static_cast<std::ptrdiff_t>(count);
  std::nth_element(silent.begin(), end - 1, silent.end(), [](const auto* a, const auto* b) { return a->since < b->since; });
  std::for_each(silent.begin(), end, [this](const Connection* connection) { hang_up(connection->socket.get()); });
  return true;
}

void HttpLoop::adopt(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    handed_over_.push_back(std::move(connection));
  }
  wake();
}

void HttpLoop::take_handed_over() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::unique_ptr<Connection>> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(handed_over_);
  }
  for (auto& connection : arrived) {
    const int on = 1;
    ::setsockopt(connection->socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int key = connection->socket.get();
    advance(*(connections_[key] = std::move(connection)));
  }
}

void HttpLoop::hang_up(int socket) {
  const auto found = connections_.find(socket);
  gathered_ -= found->second->in.size();
  connections_.erase(found);
  --all_.connections;
}

void HttpLoop::sweep() {
  swept_ = now_;
  if (accepts_) set_accepting(true);
  std::vector<int> late;
  for (const auto& [socket, connection] : connections_) {
    if (connection->deadline < now_) late.push_back(socket);
  }
  for (const int socket : late) hang_up(socket);
}

void HttpLoop::advance(Connection& connection) {
  Next next = Next::hang_up;
  switch (connection.state) {
    case Connection::State::reading: next = read_some(connection); break;
    case Connection::State::writing: next = write_some(connection); break;
    case Connection::State::lingering: next = drain(connection); break;
  }
  settle(connection, next);
}

void HttpLoop::settle(Connection& connection, Next next) {
  const int socket = connection.socket.get();
  if (next == Next::hang_up) {
    hang_up(socket);
  } else if (next == Next::hand_over) {
    if (connection.watched != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
    connection.watched = 0;
    all_.bulk->adopt(std::move(connections_.extract(socket).mapped()));
  }
}

/// Level-triggered: what is not taken now comes again.
HttpLoop::Next HttpLoop::watch(Connection& connection, uint32_t events) {
  if (connection.watched == events) return Next::go_on;
  epoll_event event{events, {.fd = connection.socket.get()}};
  const int change = connection.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.get(), change, connection.socket.get(), &event) != 0) return Next::hang_up;
  connection.watched = events;
  return Next::go_on;
}

// ---- a request ----

HttpLoop::Next HttpLoop::read_some(Connection& connection) {
  const ssize_t n = ::recv(connection.socket.get(), scratch_.data(), scratch_.size(), 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? watch(connection, EPOLLIN) : Next::hang_up;
  if (n == 0) return connection.framer.has_head() ? refuse(connection, 400) : Next::hang_up;
  const std::string_view bytes(scratch_.data(), static_cast<size_t>(n));
  if (connection.in.empty()) return take_bytes(connection, bytes);
  connection.in += bytes;
  gathered_ += bytes.size();
  return take_bytes(connection, connection.in);
}

HttpLoop::Next HttpLoop::take_bytes(Connection& connection, std::string_view bytes) {
  const auto verdict = connection.framer.look(bytes);
  if (verdict == HttpFramer::Verdict::complete) return answer(connection, bytes);
  if (verdict == HttpFramer::Verdict::incomplete) return wait_for_rest(connection, bytes);
  return refuse(connection, status_of(verdict));
}

HttpLoop::Next HttpLoop::wait_for_rest(Connection& connection, std::string_view bytes) {
  if (connection.in.empty()) {
    connection.in = bytes;
    gathered_ += bytes.size();
    connection.deadline = connection.since + kRequestDeadline;
  }
  // So many large requests at once are no heartbeats.
  if (gathered_ > kMaxGathered && connection.in.size() > kSmallRequest) return refuse(connection, 503);
  if (connection.framer.wants_continue() && !std::exchange(connection.was_asked, true)) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    ::send(connection.socket.get(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL);
  }
  return watch(connection, EPOLLIN);
}

HttpLoop::Next HttpLoop::answer(Connection& connection, std::string_view bytes) {
  HttpFramer& framer = connection.framer;
  connection.has_unread = bytes.size() > framer.size();
  const bool may_keep = !connection.has_unread && all_.connections < all_.options.max_connections / 4 * 3;
  HttpReply reply = codec_.answer(framer.head(bytes), framer.body(bytes), connection.peer, may_keep, connection.out);

  gathered_ -= connection.in.size();
  connection.in = {};
  framer = HttpFramer(all_.options.max_body);
  connection.was_asked = false;
  connection.state = Connection::State::writing;
  connection.since = now_;
  connection.deadline = now_ + kWriteStall;
  connection.close_after = reply.close;
  connection.is_chunked = reply.is_chunked;
  connection.file = std::move(reply.file);
  connection.stream = std::move(reply.stream);
  if (connection.has_body() && all_.bulk != this) return Next::hand_over;
  return write_some(connection);
}

HttpLoop::Next HttpLoop::refuse(Connection& connection, int status) {
  gathered_ -= connection.in.size();
  connection.in = {};
  connection.out = refusal_reply(status);
  connection.state = Connection::State::writing;
  connection.deadline = now_ + kWriteStall;
  connection.close_after = true;
  connection.has_unread = true;
  return write_some(connection);
}

// ---- a reply ----

HttpLoop::Next HttpLoop::write_some(Connection& connection) {
  while (connection.sent < connection.out.size()) {
    const int more = connection.has_body() ? MSG_MORE : 0;
    const ssize_t n = ::send(connection.socket.get(), connection.out.data() + connection.sent,
                             connection.out.size() - connection.sent, MSG_NOSIGNAL | more);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? watch(connection, EPOLLOUT) : Next::hang_up;
    connection.sent += static_cast<size_t>(n);
    connection.deadline = now_ + kWriteStall;
  }
  connection.out.clear();
  connection.sent = 0;
  if (connection.file.file) return send_file(connection);
  if (!connection.stream) return end_reply(connection);

  std::string piece;
  bool more = false;
  try {
    more = connection.stream(piece);
  } catch (const std::exception& failure) {
    log::error("a reply to ", connection.peer, " is cut off: ", failure.what());
    return Next::hang_up;
  }
  if (connection.is_chunked) {
    append_chunk(piece, !more, connection.out);
  } else {
    connection.out = std::move(piece);
  }
  if (!more) connection.stream = nullptr;
  return watch(connection, EPOLLOUT);  // the others have their turn first
}

HttpLoop::Next HttpLoop::send_file(Connection& connection) {
  FileBody& body = connection.file;
  for (size_t turn = 0; body.length > 0 && turn < kFileBytesATurn;) {
    auto offset = static_cast<off_t>(body.offset);
    const size_t size = std::min<uint64_t>(body.length, kFileBytesATurn);
    const ssize_t n = ::sendfile(connection.socket.get(), body.file->get(), &offset, size);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? watch(connection, EPOLLOUT) : Next::hang_up;
    if (n == 0) return Next::hang_up;  // the file became shorter under us: the reply can only be cut off
    body.offset += static_cast<uint64_t>(n);
    body.length -= static_cast<uint64_t>(n);
    turn += static_cast<size_t>(n);
    connection.deadline = now_ + kWriteStall;
  }
  if (body.length > 0) return watch(connection, EPOLLOUT);
  connection.file = {};
  return end_reply(connection);
}

HttpLoop::Next HttpLoop::end_reply(Connection& connection) {
  if (connection.close_after) return connection.has_unread ? linger(connection) : Next::hang_up;
  connection.state = Connection::State::reading;
  connection.had_reply = true;
  connection.out = {};
  connection.since = now_;
  connection.deadline = now_ + kKeepFor;
  return watch(connection, EPOLLIN);
}

HttpLoop::Next HttpLoop::linger(Connection& connection) {
  ::shutdown(connection.socket.get(), SHUT_WR);
  connection.state = Connection::State::lingering;
  connection.deadline = now_ + kLinger;
  return drain(connection);
}

HttpLoop::Next HttpLoop::drain(Connection& connection) {
  const ssize_t n = ::recv(connection.socket.get(), scratch_.data(), scratch_.size(), 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return Next::hang_up;
  return watch(connection, EPOLLIN);
}

}  // namespace ops
