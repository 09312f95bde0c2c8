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
#include <cstring>
#include <system_error>

#include "common/base/log.h"

namespace ops {

namespace {

constexpr auto kSweepEvery = std::chrono::milliseconds(250);
constexpr auto kEvictAfter = std::chrono::seconds(1);
constexpr auto kComplainEvery = std::chrono::seconds(60);
constexpr int kBulkNiceness = 5;
constexpr int kAcceptsATurn = 16;
constexpr auto kGatherFor = std::chrono::milliseconds(2);
constexpr int kHandful = 16;

std::string ip_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return text;
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
      own_{HttpCodec(all.handler), all.options.max_body, !accepts, all.counters->file_bytes} {}

Result<void> HttpLoop::start() {
  epoll_event event{EPOLLIN, {.fd = wake_.get()}};
  if (!epoll_ || !wake_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return Error{cat("cannot wait for connections: ", std::strerror(errno))};
  }
  if (accepts_) set_accepting(true);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& failure) {
    return Error{cat("cannot wait for connections: no thread is to be had: ", failure.what())};
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
  // Whoever can't be woken never ends, so a failure is not taken at its word. EAGAIN: it has been woken often enough.
  for (int tries = 0; tries < 10 && ::write(wake_.get(), &one, sizeof one) != sizeof one && errno != EAGAIN; ++tries) {
  }
}

void HttpLoop::run() {
  // Files and listings give way to heartbeats. Of a thread, on Linux.
  if (!accepts_) ::setpriority(PRIO_PROCESS, 0, kBulkNiceness);
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const bool has_deadlines = !connections_.empty() || accepting_ != accepts_;
    const int patience = has_deadlines ? static_cast<int>(kSweepEvery.count()) : -1;
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), patience);
    own_.now = Clock::now();
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) {
        take_handed_over();
      } else if (fd == all_.listener.get()) {
        accept_some();
      } else if (fd == all_.owner_listener.get()) {
        accept_owner();
      } else if (const auto found = connections_.find(fd); found != connections_.end()) {
        advance(*found->second);
      }
    }
    if (own_.now - swept_ >= kSweepEvery) sweep();
    // A TLS client comes twice, for a short turn in much code. A handful in a row cost a fifth less than to wake for each
    // (`./control bench tls`). Who finds the loop idle is served at once, and so is a crowd.
    if (accepts_ && speaks_tls() && count > 0 && count < kHandful) std::this_thread::sleep_for(kGatherFor);
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
  for (int i = 0; i < kAcceptsATurn; ++i) {
    if (all_.counters->connections >= all_.options.max_connections && !make_room()) {
      set_accepting(false);  // who comes now waits in the kernel, until the next sweep
      return;
    }
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Fd socket(::accept4(all_.listener.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket) {
      if (auto connection = greet(std::move(socket), ip_of(address))) {
        ++all_.counters->connections;
        add(std::move(connection));
      }
    } else if (give_way_when_full() || (errno != ECONNABORTED && errno != EINTR)) {
      return;
    }
  }
}

bool HttpLoop::speaks_tls() const { return all_.options.tls != nullptr && all_.options.tls->is_on(); }

/// nullptr when there can't be TLS, though there must.
HttpLoop::Connection HttpLoop::greet(Fd socket, std::string ip) const {
  std::unique_ptr<TlsSession> tls;
  if (speaks_tls()) {
    set_no_delay(socket.get());  // the end of a handshake and the reply may be two writes
    tls = all_.options.tls->accept();
    if (!tls) return nullptr;
  }
  return std::make_unique<HttpConnection>(std::move(socket), HttpPeer{std::move(ip)}, all_.options.max_body, std::move(tls));
}

/// The owner is let in whatever crowd there is.
void HttpLoop::accept_owner() {
  Fd socket(::accept4(all_.owner_listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket) {
    ++all_.counters->connections;
    add(std::make_unique<HttpConnection>(std::move(socket), HttpPeer{"local", true}, all_.options.max_body));
  } else {
    give_way_when_full();
  }
}

/// After an accept that failed: false when it wasn't for want of files. The connection waits in the kernel then; to ask again
/// at once would be to ask without end.
bool HttpLoop::give_way_when_full() {
  if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) return false;
  if (own_.now - complained_ > kComplainEvery) {
    complained_ = own_.now;
    log::warning("cannot accept a connection: ", std::strerror(errno), "; trying again several times a second");
  }
  make_room();
  set_accepting(false);
  return true;
}

/// Most have sent their request by now.
void HttpLoop::add(Connection connection) {
  const int socket = connection->socket();
  advance(*(connections_[socket] = std::move(connection)));
}

void HttpLoop::adopt(Connection connection) {
  {
    const std::lock_guard lock(mutex_);
    handed_over_.push_back(std::move(connection));
  }
  wake();
}

void HttpLoop::take_handed_over() {
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
    case HttpConnection::Next::hang_up: return hang_up(socket);
    case HttpConnection::Next::hand_over:
      if (connection.watched != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
      connection.watched = 0;
      all_.bulk->adopt(std::move(connections_.extract(socket).mapped()));
  }
}

/// Level-triggered: what is not taken now comes again.
void HttpLoop::watch(HttpConnection& connection, uint32_t events) {
  if (connection.watched == events) return;
  const int socket = connection.socket();
  epoll_event event{events, {.fd = socket}};
  const int change = connection.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  connection.watched = events;
  if (::epoll_ctl(epoll_.get(), change, socket, &event) != 0) hang_up(socket);
}

void HttpLoop::hang_up(int socket) {
  const auto found = connections_.find(socket);
  own_.buffered -= found->second->buffered();
  connections_.erase(found);
  --all_.counters->connections;
}

/// Hangs up on those that have said nothing for longest; false when there are none. Whoever has had a reply may go at once.
bool HttpLoop::make_room() {
  std::vector<const HttpConnection*> silent;
  for (const auto& [socket, connection] : connections_) {
    const bool is_old = connection->is_silent() && own_.now - connection->silent_since() > kEvictAfter;
    if (is_old || connection->is_kept()) silent.push_back(connection.get());
  }
  if (silent.empty()) return false;
  // Several at a time, so that a crowd at the limit does not make us look at all of them for each that comes.
  const auto end = silent.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(1, silent.size() / 16));
  std::nth_element(silent.begin(), end - 1, silent.end(),
                   [](const auto* a, const auto* b) { return a->silent_since() < b->silent_since(); });
  std::for_each(silent.begin(), end, [this](const HttpConnection* connection) { hang_up(connection->socket()); });
  return true;
}

void HttpLoop::sweep() {
  swept_ = own_.now;
  if (accepts_) set_accepting(true);
  std::vector<int> late;
  for (const auto& [socket, connection] : connections_) {
    if (connection->deadline() < own_.now) late.push_back(socket);
  }
  for (const int socket : late) hang_up(socket);
}

}  // namespace ops
