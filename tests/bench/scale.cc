#include <algorithm>
#include <atomic>
#include <thread>

#include "common/base/text.h"
#include "tests/bench/bench.h"
#include "tests/fleet/download.h"
#include "tests/fleet/progress.h"
#include "tests/fleet/stall.h"

namespace ops::bench {

namespace {

using namespace ops::fleet;

constexpr double kInterval = 300;  // seconds
constexpr size_t kStallers = 5000;
constexpr size_t kHolders = 15'000;   // as Go updaters: they keep the connection after the reply,
constexpr double kHoldersPause = 10;  // and have no reason to come back at once; theirs would be 300 s
constexpr size_t kFilesNeeded = 19'000;

double megabytes(long kb) { return static_cast<double>(kb) / 1024; }
double ms(const Histogram& histogram, double share) { return static_cast<double>(histogram.percentile(share)) / 1000; }

/// Runs something in a second thread until its end is asked for, at the latest by the destructor.
template <typename Options, typename Found>
class Beside {
 public:
  Beside(Options options, Found (*run)(const Options&)) {
    options.stop = &stop_;
    thread_ = std::thread([this, options = std::move(options), run] { found_ = run(options); });
  }
  ~Beside() { end(); }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  Found end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return found_;
  }

 private:
  std::atomic<bool> stop_ = false;
  Found found_;
  std::thread thread_;
};

Row errors(const Report& report) {
  Row row = at_most("  errors", static_cast<double>(report.error_count() + report.unasked), 0, 0, "");
  if (!report.errors.empty()) row.what += ": " + report.error_kinds();
  return row;
}

class Site {
 public:
  explicit Site(const bench::Options& options) : options_(options) {
    if (!meta_.start()) give_up("ops-meta does not start: " + meta_.log());
    empty_kb_ = own_usage_of(meta_.daemon_pid()).rss_kb;
  }

  void expect_alive() {
    if (!meta_.process().is_running()) give_up("ops-meta has died: " + meta_.log());
  }

  Table fill();
  Table steady();
  Table listing();
  Table metrics();
  Table restart();
  Table stalled(Stall mode, size_t clients, double pause);
  Table outage();
  Table tarballs();

 private:
  FleetOptions fleet(double seconds) const;
  FleetOptions rate(double heartbeats, double seconds) const;
  Report run(FleetOptions options) const;
  DownloadOptions get(const std::string& path) const;
  DownloadOptions list() const { return get("/status/text/falcon-agent"); }
  double seconds_until_whole();

  const bench::Options& options_;
  const Progress progress_;
  Meta meta_;
  long empty_kb_ = 0;
};

FleetOptions Site::fleet(double seconds) const {
  FleetOptions options;
  options.target = meta_.target();
  options.hosts.hosts = options_.hosts;
  options.interval = kInterval;
  options.duration = seconds;
  options.server_pid = meta_.daemon_pid();
  return options;
}

FleetOptions Site::rate(double heartbeats, double seconds) const {
  FleetOptions options = fleet(seconds);
  options.pace = RateEstimator::rate;
  options.rate = heartbeats;
  return options;
}

Report Site::run(FleetOptions options) const {
  options.stop = &stop_asked;
  options.progress_every = progress_.every();
  options.progress = [this](const std::string& line) { progress_.show(line); };
  const Report report = run_fleet(options);
  progress_.end();
  return report;
}

/// What stands at this path, once.
DownloadOptions Site::get(const std::string& path) const {
  DownloadOptions options;
  options.target = meta_.target();
  options.path = path;
  options.count = 1;
  options.duration = 60;
  options.count_lines = true;
  options.server_pid = meta_.daemon_pid();
  return options;
}

Table Site::fill() {
  announce(cat(with_commas(options_.hosts), " hosts join"));
  FleetOptions options = fleet(3600);
  options.pace = RateEstimator::flat_out;
  options.keep = true;
  options.until_all_in = true;
  const Report report = run(options);
  const long grown = report.after.rss_kb - empty_kb_;
  return {{.what = cat(with_commas(report.hosts_in), " hosts x 3 agents join, heartbeats/s"), .ours = fixed(report.rate(), 0)},
          errors(report),
          at_most("  RSS", megabytes(report.after.rss_kb), 250, 0, "MB"),
          {.what = "  RSS a host", .ours = fixed(static_cast<double>(grown) * 1024 / options_.hosts, 0) + " bytes"}};
}

Table Site::steady() {
  announce(cat("each host every ", kInterval, " s, for ", options_.steady_seconds, " s"));
  const Report report = run(fleet(options_.steady_seconds));
  return {{.what = cat("each every ", kInterval, " s, heartbeats/s"), .ours = fixed(report.rate(), 0)},
          errors(report),
          at_most("  503", static_cast<double>(report.busy), 0, 0, ""),
          at_most("  p99", ms(report.latency, 0.99), 20, 2, "ms"),
          at_most("  CPU of a core", report.cpu_percent(), 30, 1, "%"),
          {.what = "  CPU a heartbeat", .ours = fixed(report.cpu_us(), 1) + " us"},
          at_most("  RSS at its peak", megabytes(report.after.peak_kb), 250, 0, "MB")};
}

Table Site::listing() {
  announce("the status of all hosts is listed, again and again, beside their heartbeats");
  FleetOptions heartbeats = rate(options_.hosts / kInterval, 60);
  Beside<FleetOptions, Report> beside(heartbeats, run_fleet);
  DownloadOptions options = list();
  options.count = 5;
  const DownloadReport report = run_downloads(options);
  const Report meanwhile = beside.end();
  uint64_t failures = report.downloads == 0 ? 1 : 0;
  for (const auto& [kind, count] : report.errors) failures += count;
  const double lines = report.downloads > 0 ? static_cast<double>(report.lines) / static_cast<double>(report.downloads) : 0;
  return {at_least("/status/text beside heartbeats, lines", lines, options_.hosts, 0, ""),
          at_most("  errors", static_cast<double>(failures), 0, 0, ""),
          at_most("  first byte, the slowest of 5", ms(report.first_byte, 1), 50, 1, "ms"),
          at_most("  whole, the slowest of 5", ms(report.whole, 1), 1000, 0, "ms"),
          at_most("  RSS it adds", megabytes(report.after.peak_kb - report.before.rss_kb), 32, 1, "MB"),
          at_most("  heartbeats' p99", ms(meanwhile.latency, 0.99), 30, 2, "ms"),
          errors(meanwhile)};
}

Table Site::metrics() {
  announce("Prometheus and the page ask, beside the hosts' heartbeats");
  Beside<FleetOptions, Report> beside(rate(options_.hosts / kInterval, 60), run_fleet);
  const auto ask = [this](const std::string& path) {
    DownloadOptions options = get(path);
    options.count = 5;
    DownloadReport report = run_downloads(options);
    if (report.downloads == 0) give_up(path + " can't be had");
    return report;
  };
  const DownloadReport metrics = ask("/metrics");
  const DownloadReport summary = ask("/status/summary");
  const Report meanwhile = beside.end();
  return {at_most("/metrics beside heartbeats, the slowest of 5", ms(metrics.whole, 1), 200, 1, "ms"),
          at_most("  size", static_cast<double>(metrics.bytes) / static_cast<double>(metrics.downloads) / 1000, 1000, 1, "kB"),
          {.what = "/status/summary, the slowest of 5", .ours = fixed(ms(summary.whole, 1), 0) + " ms"},
          at_most("  heartbeats' p99", ms(meanwhile.latency, 0.99), 30, 2, "ms"),
          errors(meanwhile)};
}

/// Until /status/text answers for every host; a minute at most.
double Site::seconds_until_whole() {
  const int64_t begin = now_us();
  const auto since = [&] { return static_cast<double>(now_us() - begin) / 1e6; };
  while (since() < 60 && !stop_asked) {
    const DownloadReport report = run_downloads(list());
    if (report.lines >= options_.hosts) return since();
  }
  return since();
}

Table Site::restart() {
  announce("ops-meta restarts");
  const int64_t begin = now_us();
  meta_.process().stop();
  const double stopped = static_cast<double>(now_us() - begin) / 1e6;
  if (!meta_.start()) give_up("ops-meta does not start again: " + meta_.log());
  const double serving = static_cast<double>(now_us() - begin) / 1e6;
  const double whole = serving + seconds_until_whole();
  return {{.what = "restart: until it is stopped", .ours = fixed(stopped, 2) + " s"},
          {.what = "  until it serves", .ours = fixed(serving, 2) + " s"},
          at_most("  until /status/text is whole", whole, 5, 2, "s"),
          at_most("  RSS", megabytes(own_usage_of(meta_.daemon_pid()).rss_kb), 250, 0, "MB")};
}

Table Site::stalled(Stall mode, size_t clients, double pause) {
  announce(cat(with_commas(clients), " clients stall: ", to_string(mode)));
  StallOptions stall;
  stall.target = meta_.target();
  stall.mode = mode;
  stall.clients = clients;
  stall.pause = pause;
  stall.duration = 3600;
  std::atomic<size_t> standing = 0;
  stall.standing = &standing;
  Beside<StallOptions, StallReport> stallers(stall, run_stall);
  const Report report = run(rate(1000, std::min(30.0, options_.steady_seconds)));
  const size_t stood = standing;
  const StallReport stalled = stallers.end();
  return {
      {.what = cat(with_commas(clients), " stalled clients (", to_string(mode), ") that stand"), .ours = with_commas(stood)},
      {.what = "  hung up on, and back", .ours = with_commas(stalled.hung_up)},
      errors(report),
      {.what = "  heartbeats/s", .ours = fixed(report.rate(), 0)},
      at_most("  503", static_cast<double>(report.busy), 0, 0, ""),
      at_most("  heartbeats' p99", ms(report.latency, 0.99), 100, 2, "ms"),
      at_most("  RSS at its peak", megabytes(report.after.peak_kb), 1024, 0, "MB")};
}

Table Site::outage() {
  announce("all hosts come back within 60 s of an outage");
  FleetOptions options = fleet(2 * kInterval);
  options.spread = 60;
  options.until_all_in = true;
  const Report report = run(options);
  return {at_least("all back within 60 s of an outage: hosts in", static_cast<double>(report.hosts_in), options_.hosts, 0, ""),
          at_most("  the last one after", report.all_in_s, 2 * kInterval, 0, "s"),
          errors(report),
          {.what = "  503 with Retry-After", .ours = with_commas(report.busy)},
          {.what = "  p99", .ours = fixed(ms(report.latency, 0.99), 1) + " ms"},
          {.what = "  RSS at its peak", .ours = fixed(megabytes(report.after.peak_kb), 0) + " MB"}};
}

Table Site::tarballs() {
  announce("64 clients download beside heartbeats");
  DownloadOptions download;
  download.target = meta_.target();
  download.path = "/big";
  download.clients = 64;
  download.duration = 3600;
  Beside<DownloadOptions, DownloadReport> downloads(download, run_downloads);
  const long before = own_usage_of(meta_.daemon_pid()).rss_kb;
  const Report report = run(rate(1000, std::min(20.0, options_.steady_seconds)));
  const DownloadReport downloaded = downloads.end();
  return {{.what = "64 downloads beside 1,000 heartbeats/s, MB/s", .ours = fixed(downloaded.bytes_per_second() / 1e6, 0)},
          at_most("  RSS it adds", megabytes(report.after.peak_kb - before), 64, 1, "MB"),
          at_most("  heartbeats' p99", ms(report.latency, 0.99), 50, 2, "ms"),
          errors(report)};
}

}  // namespace

Table measure_scale(const Options& options) {
  const size_t files = raise_file_limit();
  if (files < kFilesNeeded) {
    give_up(cat("this needs ", kFilesNeeded, " open files, and the hard limit is ", files, ": raise it with ulimit -Hn"));
  }
  Site site(options);
  Table table = site.fill();
  const auto run = [&](const std::string& name, const auto& scenario) {
    if (!options.only.empty() && std::find(options.only.begin(), options.only.end(), name) == options.only.end()) return;
    const Table rows = scenario();
    site.expect_alive();
    table.insert(table.end(), rows.begin(), rows.end());
  };
  run("steady", [&] { return site.steady(); });
  run("listing", [&] { return site.listing(); });
  run("metrics", [&] { return site.metrics(); });
  run("tarballs", [&] { return site.tarballs(); });
  for (const Stall mode : kAllStalls) {
    run("stalls", [&] { return site.stalled(mode, kStallers, 0); });
  }
  run("holders", [&] { return site.stalled(Stall::keep, kHolders, kHoldersPause); });
  run("restart", [&] { return site.restart(); });
  run("outage", [&] { return site.outage(); });
  return table;
}

}  // namespace ops::bench
