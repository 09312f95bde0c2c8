#include "tests/fleet/slow_clients.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <queue>
#include <random>
#include <vector>

#include "common/base/text.h"
#include "tests/fleet/report.h"

namespace ops::fleet {

namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int kSmallBuffer = 4096;  // bytes that the kernel receives for a client that does not read

constexpr std::array<std::string_view, kAllSlowModes.size()> kNames{"connect", "headers", "body", "reader", "keep"};

struct Client {
  int fd = -1;
  bool is_connected = false;
  size_t sent = 0;          // bytes of slow_bytes_
  uint32_t generation = 0;  // counts the client's connections; a turn of an earlier connection is void
};

class SlowClients {
 public:
  explicit SlowClients(const SlowClientOptions& options)
      : options_(options), dialer_(options.target), epoll_(::epoll_create1(EPOLL_CLOEXEC)), clients_(options.clients) {
    const std::string host = cat(" HTTP/1.1\r\nHost: ", options.target.text, "\r\n");
    const std::string body = R"({"hostname":"slow-host","realAgents":[]})";
    const std::string post = cat("POST /heartbeat", host, "Content-Length: ", body.size(), "\r\n");
    switch (options.mode) {
      case SlowMode::connect: break;
      case SlowMode::headers: slow_bytes_ = cat("GET /health", host, "X-Slow: ", std::string(4096, 'x')); break;
      case SlowMode::body:
        first_bytes_ = post + "\r\n";
        slow_bytes_ = body.substr(0, body.size() - 1);
        break;
      case SlowMode::reader: first_bytes_ = cat("GET ", options.path, host, "\r\n"); break;
      case SlowMode::keep: first_bytes_ = cat(post, "\r\n", body); break;
    }
  }
  ~SlowClients() {
    for (const Client& client : clients_) {
      if (client.fd >= 0) ::close(client.fd);
    }
    ::close(epoll_);
  }

  SlowClients(const SlowClients&) = delete;
  SlowClients& operator=(const SlowClients&) = delete;

  SlowClientReport run();

 private:
  /// A time at which a client connects or sends its next byte.
  struct Turn {
    int64_t at = 0;
    uint32_t index = 0;
    uint32_t generation = 0;

    bool operator>(const Turn& other) const { return at > other.at; }
  };

  void plan_turn(uint32_t index, double seconds) {
    turns_.push({now_ + static_cast<int64_t>(seconds * kSecondUs), index, clients_[index].generation});
  }
  void connect(uint32_t index);
  void reconnect_later(uint32_t index, uint64_t& counter);
  void take_turns();
  void take_events();
  void on_connected(uint32_t index);
  void send_slow_byte(uint32_t index);
  void read(uint32_t index);

  const SlowClientOptions& options_;
  Dialer dialer_;
  int epoll_;
  std::vector<Client> clients_;
  std::string first_bytes_;  // sent at once
  std::string slow_bytes_;   // sent afterwards, one byte per second
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  int64_t now_ = 0;
  std::minstd_rand random_{20151108};
  SlowClientReport report_;
};

SlowClientReport SlowClients::run() {
  raise_file_limit();
  const int64_t begin = now_us();
  const auto is_over = [&] {
    return (options_.stop != nullptr && *options_.stop) || now_ - begin >= static_cast<int64_t>(options_.duration * kSecondUs);
  };
  double next_progress = options_.progress_every;
  now_ = begin;
  for (uint32_t i = 0; i < clients_.size(); ++i) plan_turn(i, 0);
  for (; !is_over(); now_ = now_us()) {
    take_turns();
    take_events();
    if (options_.open != nullptr) *options_.open = report_.open;
    report_.seconds = static_cast<double>(now_ - begin) / kSecondUs;
    if (options_.progress_every <= 0 || report_.seconds < next_progress) continue;
    next_progress += options_.progress_every;
    options_.progress(cat(static_cast<int64_t>(report_.seconds), " s: ", report_.open, " open, ", with_commas(report_.closed),
                          " closed by the server, ", with_commas(report_.refused), " refused"));
  }
  return report_;
}

void SlowClients::take_turns() {
  while (!turns_.empty() && turns_.top().at <= now_) {
    const Turn turn = turns_.top();
    turns_.pop();
    if (turn.generation != clients_[turn.index].generation) continue;
    if (clients_[turn.index].fd < 0) {
      connect(turn.index);
    } else {
      send_slow_byte(turn.index);
    }
  }
}

void SlowClients::connect(uint32_t index) {
  Client& client = clients_[index];
  client.fd = dialer_.dial(options_.mode == SlowMode::reader ? kSmallBuffer : 0);
  if (client.fd < 0) {
    ++report_.refused;
    plan_turn(index, 1);
    return;
  }
  epoll_event event{};
  event.events = EPOLLOUT;
  event.data.u32 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
}

void SlowClients::reconnect_later(uint32_t index, uint64_t& counter) {
  Client& client = clients_[index];
  ++counter;
  if (client.is_connected) --report_.open;
  ::close(client.fd);
  client = {.generation = client.generation + 1};
  plan_turn(index, options_.pause * std::uniform_real_distribution<double>(0.5, 1.5)(random_));
}

void SlowClients::take_events() {
  std::array<epoll_event, 512> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const uint32_t index = event.data.u32;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) {
      reconnect_later(index, clients_[index].is_connected ? report_.closed : report_.refused);
    } else if (!clients_[index].is_connected) {
      on_connected(index);
    } else {
      read(index);
    }
  }
}

void SlowClients::on_connected(uint32_t index) {
  Client& client = clients_[index];
  client.is_connected = true;
  ++report_.opened;
  report_.most_open = std::max(report_.most_open, ++report_.open);
  epoll_event event{};
  event.events = EPOLLRDHUP | (options_.mode == SlowMode::reader ? 0u : uint32_t{EPOLLIN});
  event.data.u32 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
  if (!slow_bytes_.empty()) plan_turn(index, 1);
  if (!first_bytes_.empty() && ::send(client.fd, first_bytes_.data(), first_bytes_.size(), MSG_NOSIGNAL) < 0)
    reconnect_later(index, report_.closed);
}

void SlowClients::send_slow_byte(uint32_t index) {
  Client& client = clients_[index];
  const ssize_t sent = client.sent < slow_bytes_.size() ? ::send(client.fd, &slow_bytes_[client.sent], 1, MSG_NOSIGNAL) : 0;
  if (sent < 0 && errno != EAGAIN) return reconnect_later(index, report_.closed);
  if (sent > 0) ++client.sent;
  plan_turn(index, 1);
}

void SlowClients::read(uint32_t index) {
  char buffer[4096];
  const ssize_t size = options_.mode == SlowMode::reader ? 0 : ::recv(clients_[index].fd, buffer, sizeof buffer, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return reconnect_later(index, report_.closed);
  if (options_.mode == SlowMode::keep) ++report_.replies;
}

}  // namespace

std::string_view to_string(SlowMode mode) { return kNames[static_cast<size_t>(mode)]; }

std::optional<SlowMode> parse_slow_mode(std::string_view text) {
  for (const SlowMode mode : kAllSlowModes) {
    if (to_string(mode) == text) return mode;
  }
  return std::nullopt;
}

SlowClientReport run_slow_clients(const SlowClientOptions& options) { return SlowClients(options).run(); }

std::string to_text(const SlowClientReport& report) {
  return cat("  connections opened    ", with_commas(report.opened), "  (at most ", with_commas(report.most_open),
             " at once)\n  closed by the server  ", with_commas(report.closed), "\n  refused               ",
             with_commas(report.refused), "\n  replies               ", with_commas(report.replies),
             "\n  open at the end       ", with_commas(report.open), "\n  duration              ", report.seconds, " s\n");
}

}  // namespace ops::fleet
