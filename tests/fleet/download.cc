#include "tests/fleet/download.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "common/base/text.h"
#include "tests/fleet/reply.h"
#include "tests/fleet/report.h"
#include "tests/support/measure.h"

namespace ops::fleet {

namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kPauseUs = kSecondUs / 10;  // after a 503 and after errors
constexpr size_t kBufferSize = 256 << 10;

struct Client {
  int fd = -1;
  int64_t since_us = 0;  // the time of its connect(); without a connection, the time of the next connect()
  bool has_head = false;
  ReplyHead head;
  std::string start;  // the first bytes of the reply, until its head is complete
  uint64_t got = 0;   // received bytes of the body
  uint64_t lines = 0;
  ChunkedBody chunks;
};

class Downloads {
 public:
  explicit Downloads(const DownloadOptions& options)
      : options_(options),
        dialer_(options.target),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        clients_(options.clients),
        request_(cat("GET ", options.path, " HTTP/1.1\r\nHost: ", options.target.text, "\r\nConnection: close\r\n\r\n")),
        buffer_(kBufferSize) {}
  ~Downloads() {
    for (const Client& client : clients_) {
      if (client.fd >= 0) ::close(client.fd);
    }
    ::close(epoll_);
  }
  Downloads(const Downloads&) = delete;
  Downloads& operator=(const Downloads&) = delete;

  DownloadReport run();

 private:
  bool is_over(int64_t now) const;
  void connect_due(int64_t now);
  void connect(uint32_t index);
  void receive(uint32_t index);
  void take(Client& client, std::string_view bytes);
  void end(Client& client);
  void fail(Client& client, const std::string& kind);
  void leave(Client& client, int64_t pause_us);
  bool is_whole(const Client& client, bool ended) const;

  const DownloadOptions& options_;
  Dialer dialer_;
  int epoll_;
  std::vector<Client> clients_;
  const std::string request_;
  std::vector<char> buffer_;
  int64_t begin_ = now_us();
  DownloadReport report_;
};

DownloadReport Downloads::run() {
  raise_file_limit();
  reset_peak_rss(options_.server_pid);
  report_.before = usage_of(options_.server_pid);
  begin_ = now_us();
  for (int64_t now = begin_; !is_over(now); now = now_us()) {
    connect_due(now);
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < count; ++i) receive(events[static_cast<size_t>(i)].data.u32);
  }
  report_.seconds = static_cast<double>(now_us() - begin_) / kSecondUs;
  report_.after = usage_of(options_.server_pid);
  return report_;
}

bool Downloads::is_over(int64_t now) const {
  if (options_.stop != nullptr && *options_.stop) return true;
  if (options_.count > 0 && report_.downloads >= options_.count) return true;
  return now - begin_ >= static_cast<int64_t>(options_.duration * kSecondUs);
}

void Downloads::connect_due(int64_t now) {
  for (uint32_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i].fd < 0 && clients_[i].since_us <= now) connect(i);
  }
}

void Downloads::connect(uint32_t index) {
  Client& client = clients_[index];
  client = {};
  client.since_us = now_us();
  client.fd = dialer_.dial();
  if (client.fd < 0) return fail(client, error_kind(-client.fd));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u32 = index;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
}

void Downloads::receive(uint32_t index) {
  Client& client = clients_[index];
  if (client.start.empty() && !client.has_head && client.head.status == 0) {  // connected, and no request sent yet
    client.head.status = 1;
    if (::send(client.fd, request_.data(), request_.size(), MSG_NOSIGNAL) < 0) return fail(client, error_kind(errno));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u32 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd, &event);
    return;
  }
  // With MSG_TRUNC the kernel drops the bytes of a body of known length without copying them.
  const bool discards = client.has_head && client.head.length && !options_.count_lines;
  const size_t most =
      discards && !tests::kSanitized ? size_t{1} << 30 : buffer_.size();  // sanitizers assume that recv() writes all bytes
  const ssize_t size = ::recv(client.fd, buffer_.data(), most, discards ? MSG_TRUNC : 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size < 0) return fail(client, error_kind(errno));
  if (size == 0) return is_whole(client, true) ? end(client) : fail(client, "cut short");
  if (discards) {
    client.got += static_cast<uint64_t>(size);
    report_.bytes += static_cast<uint64_t>(size);
  } else {
    take(client, {buffer_.data(), static_cast<size_t>(size)});
  }
  if (client.fd >= 0 && is_whole(client, false)) end(client);
}

void Downloads::take(Client& client, std::string_view bytes) {
  if (!client.has_head) {
    if (client.start.empty()) report_.first_byte.add(now_us() - client.since_us);
    client.start.append(bytes);
    const HeadState state = parse_reply_head(client.start, client.head);
    if (state == HeadState::wrong) return fail(client, "not HTTP");
    if (state == HeadState::incomplete) return;
    client.has_head = true;
    bytes = bytes.substr(bytes.size() - (client.start.size() - client.head.size));
  }
  const auto take_body = [&](std::string_view body) {
    client.got += body.size();
    report_.bytes += body.size();
    if (options_.count_lines) client.lines += static_cast<uint64_t>(std::count(body.begin(), body.end(), '\n'));
  };
  if (!client.head.is_chunked) return take_body(bytes);
  if (!client.chunks.take(bytes, take_body)) fail(client, "bad chunks");
}

bool Downloads::is_whole(const Client& client, bool ended) const {
  if (!client.has_head) return false;
  if (client.head.length) return client.got >= *client.head.length;
  return client.head.is_chunked ? client.chunks.is_whole() : ended;
}

void Downloads::end(Client& client) {
  if (client.head.status == 503 && client.head.retry_after) {
    ++report_.busy;
    return leave(client, kPauseUs);
  }
  if (client.head.status != 200) return fail(client, cat("status ", client.head.status));
  ++report_.downloads;
  report_.lines += client.lines;
  report_.whole.add(now_us() - client.since_us);
  leave(client, 0);
}

void Downloads::fail(Client& client, const std::string& kind) {
  ++report_.errors[kind];
  leave(client, kPauseUs);
}

void Downloads::leave(Client& client, int64_t pause_us) {
  if (client.fd >= 0) ::close(client.fd);
  client = {};
  client.since_us = now_us() + pause_us;
}

}  // namespace

double DownloadReport::bytes_per_second() const { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }

double DownloadReport::cpu_per_gb() const {
  return bytes > 0 ? (after.cpu - before.cpu) * 1e9 / static_cast<double>(bytes) : 0;
}

DownloadReport run_downloads(const DownloadOptions& options) { return Downloads(options).run(); }

std::string to_text(const DownloadReport& report) {
  std::string errors;
  for (const auto& [kind, count] : report.errors) errors += cat("  ", with_commas(count), " ", kind);
  return cat("  downloads             ", with_commas(report.downloads), "\n  errors                ",
             errors.empty() ? "0" : errors, "\n  503 with Retry-After  ", with_commas(report.busy),
             "\n  MB/s                  ", static_cast<int64_t>(report.bytes_per_second() / 1e6), "\n  lines                 ",
             with_commas(report.lines), "\n  first byte p50, max   ", milliseconds(report.first_byte.percentile(0.5)), ", ",
             milliseconds(report.first_byte.max()), "\n  whole p50, max        ", milliseconds(report.whole.percentile(0.5)),
             ", ", milliseconds(report.whole.max()), "\n  server CPU            ", report.cpu_per_gb(),
             " s a GB\n  server RSS            ", report.after.rss_kb / 1024, " MB, at its peak ", report.after.peak_kb / 1024,
             " MB\n");
}

}  // namespace ops::fleet
