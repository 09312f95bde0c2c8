#include "common/http/event_loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "common/base/log.h"

namespace ops {

namespace {

constexpr auto kSweepInterval = std::chrono::milliseconds(250);
constexpr auto kEvictAfter = std::chrono::seconds(1);
constexpr auto kAcceptLogInterval = std::chrono::seconds(60);
constexpr int kBulkNiceness = 5;
constexpr int kAcceptsPerTurn = 16;

// A heartbeat over TLS wakes its loop twice. At 3,334 heartbeats/s nearly every client woke its loop alone: 6,600 context
// switches a second, each with cold caches. After a turn of fewer than kTlsBatchSize events, the loop therefore sleeps for
// kTlsBatchDelay, so that the next turn serves a batch. Measured with `./control bench tls`, eight runs each: ops-meta takes 64
// to 75 % of a core instead of 81 to 87 %, and the p99 rises from 3 to about 13 ms, of 50 allowed. A client that finds its loop
// idle is served at once. A timer of the loop would not do: epoll_wait returns with the first event.
constexpr auto kTlsBatchDelay = std::chrono::milliseconds(2);
constexpr int kTlsBatchSize = 16;

std::string ip_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return text;
}

/// In this thread. sendfile(2) to a client that closed the connection raises SIGPIPE, which would end the process.
void block_sigpipe() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

/// The user of the process at the other end of a unix socket.
uint32_t uid_of(const Fd& socket) {
  ucred client{};
  socklen_t size = sizeof client;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &client, &size) == 0 ? client.uid : UINT32_MAX;
}

void set_no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

HttpLoop::HttpLoop(HttpLoops& all, bool accepts)
    : all_(all),
      accepts_(accepts),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      own_{HttpResponder(all.handler), all.options.max_body, all.options.keep_alive, !accepts, all.counters->file_bytes} {}

Result<void> HttpLoop::start() {
  epoll_event event{EPOLLIN, {.fd = wake_.get()}};
  if (!epoll_ || !wake_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return Error{cat("cannot start the HTTP server: ", std::strerror(errno))};
  }
  if (accepts_) set_accepting(true);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& failure) {
    return Error{cat("cannot start the HTTP server: cannot create a thread: ", failure.what())};
  }
  return {};
}

HttpLoop::~HttpLoop() {
  stopping_ = true;
  if (!thread_.joinable()) return;
  wake();
  thread_.join();
}

void HttpLoop::wake() const {
  const uint64_t one = 1;
  // Retried, because a loop that is not woken never ends. EAGAIN: the counter is full, so the loop wakes anyway.
  for (int tries = 0; tries < 10 && ::write(wake_.get(), &one, sizeof one) != sizeof one && errno != EAGAIN; ++tries) {
  }
}

void HttpLoop::run() {
  block_sigpipe();
  // Files and listings yield to heartbeats. On Linux, the priority is the thread's.
  if (!accepts_) ::setpriority(PRIO_PROCESS, 0, kBulkNiceness);
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const bool has_deadlines = !connections_.empty() || accepting_ != accepts_;
    const int timeout = has_deadlines ? static_cast<int>(kSweepInterval.count()) : -1;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    own_.now = Clock::now();
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) {
        add_handed_over();
      } else if (fd == all_.listener.get()) {
        accept_some();
      } else if (fd == all_.owner_listener.get()) {
        accept_owner();
      } else if (const auto found = connections_.find(fd); found != connections_.end()) {
        advance(*found->second);
      }
    }
    if (own_.now - swept_ >= kSweepInterval) sweep();
    if (accepts_ && speaks_tls() && count > 0 && count < kTlsBatchSize) std::this_thread::sleep_for(kTlsBatchDelay);
  }
  all_.counters->connections -= connections_.size();
}

void HttpLoop::set_accepting(bool on) {
  if (on == accepting_) return;
  accepting_ = watch_listener(all_.listener, on) ? on : accepting_;
  if (all_.owner_listener) watch_listener(all_.owner_listener, on);
}

bool HttpLoop::watch_listener(const Fd& listener, bool on) {
  epoll_event event{EPOLLIN | EPOLLEXCLUSIVE, {.fd = listener.get()}};
  return ::epoll_ctl(epoll_.get(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener.get(), &event) == 0;
}

void HttpLoop::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (all_.counters->connections >= all_.options.max_connections && !make_room()) {
      set_accepting(false);  // new connections wait in the kernel's queue until the next sweep
      return;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Fd socket(::accept4(all_.listener.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      if (auto connection = make_connection(std::move(socket), ip_of(address))) {
        ++all_.counters->connections;
        add(std::move(connection));
      }
    } else if (pause_when_exhausted() || (errno != ECONNABORTED && errno != EINTR)) {
      return;
    }
  }
}

bool HttpLoop::speaks_tls() const { return all_.options.tls != nullptr && all_.options.tls->is_on(); }

/// nullptr when TLS is required and OpenSSL cannot create a session.
HttpLoop::Connection HttpLoop::make_connection(Fd socket, std::string ip) const {
  std::unique_ptr<TlsSession> tls;
  if (speaks_tls()) {
    set_no_delay(socket.get());  // the end of the handshake and the response may be two writes
    tls = all_.options.tls->accept();
    if (!tls) return nullptr;
  }
  return std::make_unique<HttpConnection>(std::move(socket), HttpPeer{std::move(ip)}, all_.options.max_body, std::move(tls));
}

/// Accepts the owner's connections above max_connections as well: `./control` must reach a crowded daemon.
void HttpLoop::accept_owner() {
  Fd socket(::accept4(all_.owner_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    ++all_.counters->connections;
    const uint32_t uid = uid_of(socket);
    add(std::make_unique<HttpConnection>(std::move(socket), HttpPeer{"local", true, uid}, all_.options.max_body));
  } else {
    pause_when_exhausted();
  }
}

/// Called after accept4(2) failed. Returns whether descriptors or memory are exhausted. The connection then stays in the
/// kernel's queue, and accepting pauses until the next sweep: otherwise the loop would spin on the listener.
bool HttpLoop::pause_when_exhausted() {
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return false;
  if (own_.now - accept_error_logged_at_ > kAcceptLogInterval) {
    accept_error_logged_at_ = own_.now;
    log::warning("cannot accept a connection: ", std::strerror(errno), "; trying again several times a second");
  }
  make_room();
  set_accepting(false);
  return true;
}

/// Advances the connection at once: most clients have sent their request by now.
void HttpLoop::add(Connection connection) {
  const int socket = connection->socket();
  advance(*(connections_[socket] = std::move(connection)));
}

void HttpLoop::hand_over(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    handed_over_.push_back(std::move(connection));
  }
  wake();
}

void HttpLoop::add_handed_over() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
  std::vector<Connection> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(handed_over_);
  }
  for (Connection& connection : arrived) {
    set_no_delay(connection->socket());
    add(std::move(connection));
  }
}

void HttpLoop::advance(HttpConnection& connection) {
  const int socket = connection.socket();
  own_.may_keep = all_.counters->connections < all_.options.max_connections / 4 * 3;
  switch (connection.advance(own_)) {
    case HttpConnection::Next::read: return watch(connection, EPOLLIN);
    case HttpConnection::Next::write: return watch(connection, EPOLLOUT);
    case HttpConnection::Next::close: return close(socket);
    case HttpConnection::Next::hand_over:
      if (connection.watched != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
      connection.watched = 0;
      all_.bulk->hand_over(std::move(connections_.extract(socket).mapped()));
  }
}

/// Level-triggered: epoll reports bytes that are not read yet again.
void HttpLoop::watch(HttpConnection& connection, uint32_t events) {
  if (connection.watched == events) return;
  const int socket = connection.socket();
  epoll_event event{events, {.fd = socket}};
  const int change = connection.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  connection.watched = events;
  if (::epoll_ctl(epoll_.get(), change, socket, &event) != 0) close(socket);
}

void HttpLoop::close(int socket) {
  const auto found = connections_.find(socket);
  own_.buffered -= found->second->buffered();
  connections_.erase(found);
  --all_.counters->connections;
}

/// Closes idle keep-alive connections and connections that have been reading for kEvictAfter, the oldest first. Returns false
/// when there is no such connection.
bool HttpLoop::make_room() {
  std::vector<const HttpConnection*> candidates;
  for (const auto& [socket, connection] : connections_) {
    const bool is_old = connection->is_reading() && own_.now - connection->reading_since() > kEvictAfter;
    if (is_old || connection->is_idle()) candidates.push_back(connection.get());
  }
  if (candidates.empty()) return false;
  // Closes a sixteenth of them at a time: otherwise, at the limit, each new connection would cost a scan of all.
  const auto end = candidates.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(1, candidates.size() / 16));
  std::nth_element(candidates.begin(), end - 1, candidates.end(),
                   [](const auto* a, const auto* b) { return a->reading_since() < b->reading_since(); });
  std::for_each(candidates.begin(), end, [this](const HttpConnection* connection) { close(connection->socket()); });
  return true;
}

void HttpLoop::sweep() {
  swept_ = own_.now;
  if (accepts_) set_accepting(true);
  std::vector<int> expired;
  for (const auto& [socket, connection] : connections_) {
    if (connection->deadline() < own_.now) expired.push_back(socket);
  }
  for (const int socket : expired) close(socket);
}

}  // namespace ops
