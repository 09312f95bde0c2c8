#include "tests/fleet/stall.h"

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
constexpr int kSmallBuffer = 4096;  // so that what the kernel takes in for a reader who doesn't read is little

constexpr std::array<std::string_view, kAllStalls.size()> kNames{"connect", "headers", "body", "reader", "keep"};

struct Client {
  int fd = -1;
  bool stands = false;
  size_t sent = 0;          // of what it dribbles
  uint32_t generation = 0;  // of its connection: a turn of an earlier one is over
};

class Stallers {
 public:
  explicit Stallers(const StallOptions& options)
      : options_(options), dialer_(options.target), epoll_(::epoll_create1(EPOLL_CLOEXEC)), clients_(options.clients) {
    const std::string host = cat(" HTTP/1.1\r\nHost: ", options.target.text, "\r\n");
    const std::string body = R"({"hostname":"stalled-host","realAgents":[]})";
    const std::string post = cat("POST /heartbeat", host, "Content-Length: ", body.size(), "\r\n");
    switch (options.mode) {
      case Stall::connect: break;
      case Stall::headers: dribbled_ = cat("GET /health", host, "X-Slow: ", std::string(4096, 'x')); break;
      case Stall::body:
        first_ = post + "\r\n";
        dribbled_ = body.substr(0, body.size() - 1);
        break;
      case Stall::reader: first_ = cat("GET ", options.path, host, "\r\n"); break;
      case Stall::keep: first_ = cat(post, "\r\n", body); break;
    }
  }
  ~Stallers() {
    for (const Client& client : clients_) {
      if (client.fd >= 0) ::close(client.fd);
    }
    ::close(epoll_);
  }

  Stallers(const Stallers&) = delete;
  Stallers& operator=(const Stallers&) = delete;

  StallReport run();

 private:
  struct Turn {
    int64_t at = 0;
    uint32_t index = 0;
    uint32_t generation = 0;

    bool operator>(const Turn& other) const { return at > other.at; }
  };

  void plan_turn(uint32_t index, double seconds) {
    turns_.push({now_ + static_cast<int64_t>(seconds * kSecondUs), index, clients_[index].generation});
  }
  void come(uint32_t index);
  void leave(uint32_t index, uint64_t& counter);
  void take_turns();
  void take_events();
  void stand(uint32_t index);
  void dribble(uint32_t index);
  void read(uint32_t index);

  const StallOptions& options_;
  Dialer dialer_;
  int epoll_;
  std::vector<Client> clients_;
  std::string first_;     // sent at once
  std::string dribbled_;  // sent byte by byte, a byte a second
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> turns_;
  int64_t now_ = 0;
  std::minstd_rand random_{20151108};
  StallReport report_;
};

StallReport Stallers::run() {
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
    if (options_.standing != nullptr) *options_.standing = report_.open;
    report_.seconds = static_cast<double>(now_ - begin) / kSecondUs;
    if (options_.progress_every <= 0 || report_.seconds < next_progress) continue;
    next_progress += options_.progress_every;
    options_.progress(cat(static_cast<int64_t>(report_.seconds), " s: ", report_.open, " open, ", with_commas(report_.hung_up),
                          " hung up on, ", with_commas(report_.refused), " refused"));
  }
  return report_;
}

void Stallers::take_turns() {
  while (!turns_.empty() && turns_.top().at <= now_) {
    const Turn turn = turns_.top();
    turns_.pop();
    if (turn.generation != clients_[turn.index].generation) continue;
    if (clients_[turn.index].fd < 0) {
      come(turn.index);
    } else {
      dribble(turn.index);
    }
  }
}

void Stallers::come(uint32_t index) {
  Client& client = clients_[index];
  client.fd = dialer_.dial(options_.mode == Stall::reader ? kSmallBuffer : 0);
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

void Stallers::leave(uint32_t index, uint64_t& counter) {
  Client& client = clients_[index];
  ++counter;
  if (client.stands) --report_.open;
  ::close(client.fd);
  client = {.generation = client.generation + 1};
  plan_turn(index, options_.pause * std::uniform_real_distribution<double>(0.5, 1.5)(random_));
}

void Stallers::take_events() {
  std::array<epoll_event, 512> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const uint32_t index = event.data.u32;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) {
      leave(index, clients_[index].stands ? report_.hung_up : report_.refused);
    } else if (!clients_[index].stands) {
      stand(index);
    } else {
      read(index);
    }
  }
}

void Stallers::stand(uint32_t index) {
  Client& client = clients_[index];
  client.stands = true;
  ++report_.opened;
  report_.most_open = std::max(report_.most_open, ++report_.open);
  epoll_event event{};
  event.events = EPOLLRDHUP | (options_.mode == Stall::reader ? 0u : uint32_t{EPOLLIN});
  event.data.u32 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
  if (!dribbled_.empty()) plan_turn(index, 1);
  if (!first_.empty() && ::send(client.fd, first_.data(), first_.size(), MSG_NOSIGNAL) < 0) leave(index, report_.hung_up);
}

void Stallers::dribble(uint32_t index) {
  Client& client = clients_[index];
  const ssize_t sent = client.sent < dribbled_.size() ? ::send(client.fd, &dribbled_[client.sent], 1, MSG_NOSIGNAL) : 0;
  if (sent < 0 && errno != EAGAIN) return leave(index, report_.hung_up);
  if (sent > 0) ++client.sent;
  plan_turn(index, 1);
}

void Stallers::read(uint32_t index) {
  char buffer[4096];
  const ssize_t size = options_.mode == Stall::reader ? 0 : ::recv(clients_[index].fd, buffer, sizeof buffer, 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return leave(index, report_.hung_up);
  if (options_.mode == Stall::keep) ++report_.replies;
}

}  // namespace

std::string_view to_string(Stall stall) { return kNames[static_cast<size_t>(stall)]; }

std::optional<Stall> parse_stall(std::string_view text) {
  for (const Stall stall : kAllStalls) {
    if (to_string(stall) == text) return stall;
  }
  return std::nullopt;
}

StallReport run_stall(const StallOptions& options) { return Stallers(options).run(); }

std::string to_text(const StallReport& report) {
  return cat("  connections stood     ", with_commas(report.opened), "  (at most ", with_commas(report.most_open),
             " at once)\n  hung up on            ", with_commas(report.hung_up), "\n  refused               ",
             with_commas(report.refused), "\n  replies               ", with_commas(report.replies),
             "\n  open at the end       ", with_commas(report.open), "\n  duration              ", report.seconds, " s\n");
}

}  // namespace ops::fleet
