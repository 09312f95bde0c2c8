#include "tests/fleet/fleet.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <deque>
#include <random>

#include "common/base/text.h"
#include "tests/fleet/timer_wheel.h"
#include "updater/model/schedule.h"

namespace ops::fleet {

namespace {

constexpr int64_t kTickUs = 1000;
constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kSpareFiles = 100;
constexpr size_t kMostPrepared = 20'000;  // TLS clients of about 25 kB each

class Fleet {
 public:
  explicit Fleet(const FleetOptions& options)
      : options_(options),
        hosts_(options.hosts),
        wheel_(options.pacing == Pacing::interval ? hosts_.size() : 0),
        failures_(options.pacing == Pacing::interval ? hosts_.size() : 0),
        is_in_(hosts_.size()),
        client_(
            options.target, limits(options), [this](const Request& request, std::string& to) { render(request, to); },
            [this](const Request& request, const Reply& reply) { take(request, reply); }) {}

  Report run();

 private:
  using Limits = AsyncHttpClient::Limits;
  static Limits limits(const FleetOptions& options);

  void plan_first_heartbeats();
  void make_due(int64_t now);
  void send_due(int64_t now);
  void render(const Request& request, std::string& to);
  void take(const Request& request, const Reply& reply);
  void take_good(const Request& request, const Reply& reply);
  void fail(uint32_t host, const std::string& kind, std::optional<std::chrono::seconds> retry_after);
  void plan_next(uint32_t host, const Hosts::Reaction& reaction);
  void every_second(int64_t now);
  void progress();
  bool is_over(int64_t now) const;

  int64_t ms(int64_t now) const { return (now - begin_) / kTickUs; }

  const FleetOptions& options_;
  Hosts hosts_;
  TimerWheel wheel_;
  std::vector<uint8_t> failures_;  // in a row
  std::vector<bool> is_in_;
  AsyncHttpClient client_;
  std::deque<Request> due_;
  updater::Random random_{20151108};
  std::string body_;
  int64_t begin_ = now_us();
  int64_t time_ = 0;  // µs, as of the current turn
  uint64_t made_due_ = 0;
  uint32_t next_host_ = 0;

  Report report_;
  Histogram latency_;  // since the last line of progress
  Report last_;        // as of the last line of progress
  int64_t last_second_ = 0;
  double next_progress_ = 0;
};

Fleet::Limits Fleet::limits(const FleetOptions& options) {
  Limits limits;
  limits.keep = options.keep;
  limits.tls = options.tls;
  const size_t files = raise_file_limit() - kSpareFiles;
  const bool counted = options.keep || options.pacing == Pacing::flat_out;
  limits.max_open = std::min(files, counted ? options.connections : options.max_open);
  limits.timeout_us = static_cast<int64_t>(options.timeout * kSecondUs);
  limits.hold_us = static_cast<int64_t>(options.hold * kSecondUs);
  return limits;
}

Report Fleet::run() {
  report_.hosts = hosts_.size();
  if (options_.pacing == Pacing::rate) {
    client_.prepare(std::min(static_cast<size_t>(options_.rate * options_.duration), kMostPrepared), {0, now_us()});
  }
  report_.has_usage = options_.server_pid > 0;
  reset_peak_rss(options_.server_pid);
  report_.before = usage_of(options_.server_pid);
  plan_first_heartbeats();
  begin_ = now_us();
  next_progress_ = options_.progress_every;
  for (int64_t now = begin_; !is_over(now); now = now_us()) {
    time_ = now;
    make_due(now);
    send_due(now);
    const bool is_behind = !due_.empty() && client_.has_room();
    client_.poll(is_behind ? 0 : kTickUs - (now_us() - begin_) % kTickUs);
    if ((now - begin_) / kSecondUs != last_second_) every_second(now);
  }
  report_.seconds = static_cast<double>(now_us() - begin_) / kSecondUs;
  report_.after = usage_of(options_.server_pid);
  for (const int64_t end = now_us() + kSecondUs; client_.under_way() > 0 && now_us() < end;) {
    time_ = now_us();
    client_.poll(kTickUs);
  }
  report_.unasked = client_.under_way() + (options_.pacing == Pacing::flat_out ? 0 : due_.size());
  report_.connections = client_.opened();
  report_.most_open = client_.most_open();
  report_.resumed = client_.resumed();
  report_.updates = hosts_.updates();
  return report_;
}

bool Fleet::is_over(int64_t now) const {
  if (options_.stop != nullptr && *options_.stop) return true;
  if (options_.until_all_in && report_.hosts_in == report_.hosts) return true;
  return now - begin_ >= static_cast<int64_t>(options_.duration * kSecondUs);
}

void Fleet::plan_first_heartbeats() {
  if (options_.pacing != Pacing::interval) return;
  const double spread = options_.spread > 0 ? options_.spread : options_.interval;
  std::uniform_int_distribution<int64_t> first(0, static_cast<int64_t>(spread * 1000));
  for (uint32_t host = 0; host < hosts_.size(); ++host) wheel_.set(host, first(random_));
}

void Fleet::make_due(int64_t now) {
  if (options_.pacing == Pacing::interval) {
    wheel_.advance(ms(now), [&](uint32_t host, int64_t at) { due_.push_back({host, begin_ + at * kTickUs}); });
    return;
  }
  const auto next = [&](int64_t due) {
    due_.push_back({next_host_, due});
    next_host_ = (next_host_ + 1) % hosts_.size();
  };
  if (options_.pacing == Pacing::flat_out) {
    while (due_.size() < 64 && client_.has_room()) next(0);
    return;
  }
  for (;;) {
    const int64_t due = begin_ + static_cast<int64_t>(static_cast<double>(made_due_) * kSecondUs / options_.rate);
    if (due > now) return;
    next(due);
    ++made_due_;
  }
}

void Fleet::send_due(int64_t now) {
  while (!due_.empty() && client_.has_room()) {
    Request request = due_.front();
    due_.pop_front();
    if (options_.pacing == Pacing::flat_out) request.due_us = now_us();
    request.hold = !options_.keep && hosts_.has_go_updater(request.host);  // all hosts share kept connections
    client_.start(request, now);
  }
}

void Fleet::render(const Request& request, std::string& to) {
  body_.clear();
  hosts_.render(request.host, ms(time_), std::time(nullptr), body_);
  to.append("POST /heartbeat HTTP/1.1\r\nHost: ").append(options_.target.text);
  if (hosts_.has_go_updater(request.host)) {
    to.append("\r\nUser-Agent: Go-http-client/1.1\r\n");
  } else {
    to.append("\r\nUser-Agent: ops-updater/1.0.0\r\nAccept: */*\r\nContent-Type: application/json\r\n");
    if (!options_.keep) to.append("Connection: close\r\n");
  }
  to.append("Content-Length: ").append(std::to_string(body_.size())).append("\r\n\r\n").append(body_);
}

void Fleet::take(const Request& request, const Reply& reply) {
  if (!reply.error.empty()) return fail(request.host, reply.error, {});
  if (reply.head.status == 200) return take_good(request, reply);
  if (reply.head.status == 503 && reply.head.retry_after) {
    ++report_.busy;
    return fail(request.host, "", std::chrono::seconds(*reply.head.retry_after));
  }
  fail(request.host, cat("status ", reply.head.status), {});
}

void Fleet::take_good(const Request& request, const Reply& reply) {
  const int64_t now = now_us();
  const Hosts::Reaction reaction = hosts_.obey(request.host, reply.body, ms(now));
  if (!reaction.error.empty()) return fail(request.host, reaction.error, {});
  ++report_.heartbeats;
  report_.latency.add(now - request.due_us);
  if (options_.progress_every > 0) latency_.add(now - request.due_us);
  if (!is_in_[request.host]) {
    is_in_[request.host] = true;
    ++report_.hosts_in;
    report_.all_in_s = static_cast<double>(now - begin_) / kSecondUs;
  }
  plan_next(request.host, reaction);
}

void Fleet::plan_next(uint32_t host, const Hosts::Reaction& reaction) {
  if (options_.pacing != Pacing::interval) return;
  failures_[host] = 0;
  if (reaction.falls_silent) return;
  const double interval = reaction.interval > 0 ? static_cast<double>(reaction.interval) : options_.interval;
  const double jitter = std::uniform_real_distribution<double>(0.9, 1.1)(random_);
  const int64_t next = ms(now_us()) + static_cast<int64_t>(interval * jitter * 1000);
  wheel_.set(host, std::min(next, reaction.report_at));
}

void Fleet::fail(uint32_t host, const std::string& kind, std::optional<std::chrono::seconds> retry_after) {
  if (!kind.empty()) ++report_.errors[kind];
  if (options_.pacing != Pacing::interval) return;
  if (failures_[host] < 255) ++failures_[host];
  const std::chrono::seconds interval(std::max<int64_t>(1, static_cast<int64_t>(options_.interval)));
  const auto delay = updater::poll_delay(interval, failures_[host], retry_after, random_);
  wheel_.set(host, ms(now_us()) + std::chrono::duration_cast<std::chrono::milliseconds>(delay).count());
}

void Fleet::every_second(int64_t now) {
  last_second_ = (now - begin_) / kSecondUs;
  client_.expire(now);
  report_.seconds = static_cast<double>(now - begin_) / kSecondUs;
  if (options_.watch) options_.watch(report_);
  if (options_.progress_every <= 0 || report_.seconds < next_progress_) return;
  next_progress_ += options_.progress_every;
  progress();
}

void Fleet::progress() {
  report_.after = usage_of(options_.server_pid);
  Report lately = report_;
  lately.heartbeats -= last_.heartbeats;
  lately.seconds -= last_.seconds;
  lately.before = last_.seconds > 0 ? last_.after : report_.before;
  std::string line = cat(static_cast<int64_t>(report_.seconds), " s: ", with_commas(report_.hosts_in), " hosts in, ",
                         with_commas(static_cast<uint64_t>(lately.rate())), " heartbeats/s, ",
                         with_commas(report_.error_count()), " errors, ", with_commas(report_.busy), " x 503, p99 ",
                         milliseconds(latency_.percentile(0.99)), ", ", client_.under_way(), " under way");
  if (due_.size() > 0) line += cat(", ", with_commas(due_.size()), " overdue");
  if (report_.has_usage) {
    line += cat(", server ", static_cast<int>(lately.cpu_percent()), "% CPU, ", report_.after.rss_kb / 1024, " MB");
  }
  if (options_.progress) options_.progress(line);
  last_ = report_;
  latency_ = {};
}

}  // namespace

Report run_fleet(const FleetOptions& options) { return Fleet(options).run(); }

}  // namespace ops::fleet
