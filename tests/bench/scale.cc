#include <algorithm>
#include <atomic>
#include <thread>

#include "common/base/text.h"
#include "tests/bench/bench.h"
#include "tests/fleet/background.h"
#include "tests/fleet/download.h"
#include "tests/fleet/progress.h"
#include "tests/fleet/slow_clients.h"

namespace ops::bench {

namespace {

using namespace ops::fleet;

constexpr double kInterval = 300;  // seconds
constexpr size_t kSlowClients = 5000;
constexpr size_t kHolders = 15'000;   // clients that keep the connection after the reply, like Go updaters
constexpr double kHoldersPause = 10;  // seconds before a holder connects again; a Go updater waits 300 s
constexpr size_t kFilesNeeded = 19'000;

double megabytes(long kb) { return static_cast<double>(kb) / 1024; }
double ms(const Histogram& histogram, double share) { return static_cast<double>(histogram.percentile(share)) / 1000; }

Row errors(const Report& report) {
  Row row = at_most("  errors", static_cast<double>(report.error_count() + report.unasked), 0, 0, "");
  if (!report.errors.empty()) row.what += ": " + report.error_kinds();
  return row;
}

/// An ops-meta, and one member function for each scenario.
class Site {
 public:
  explicit Site(const bench::Options& options) : options_(options) {
    if (!meta_.start()) give_up("ops-meta does not start: " + meta_.log());
    empty_kb_ = own_usage_of(meta_.daemon_pid()).rss_kb;
  }

  void expect_alive() {
    if (!meta_.process().is_running()) give_up("ops-meta has exited: " + meta_.log());
  }

  Table fill();
  Table steady();
  Table listing();
  Table metrics();
  Table restart();
  Table slow_clients(SlowMode mode, size_t clients, double pause);
  Table outage();
  Table tarballs();

 private:
  FleetOptions fleet(double seconds) const;
  FleetOptions rate(double heartbeats, double seconds) const;
  Report run(FleetOptions options) const;
  DownloadOptions get(const std::string& path) const;
  DownloadOptions list() const { return get("/status/text/falcon-agent"); }
  double seconds_until_complete();

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
  options.pacing = Pacing::rate;
  options.rate = heartbeats;
  return options;
}

Report Site::run(FleetOptions options) const {
  options.stop = &stop_requested;
  options.progress_every = progress_.every();
  options.progress = [this](const std::string& line) { progress_.show(line); };
  const Report report = run_fleet(options);
  progress_.end();
  return report;
}

/// One download of this path.
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
  announce(cat(with_commas(options_.hosts), " hosts send their first heartbeat"));
  FleetOptions options = fleet(3600);
  options.pacing = Pacing::flat_out;
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
  announce(cat("a heartbeat of each host every ", kInterval, " s, for ", options_.steady_seconds, " s"));
  const Report report = run(fleet(options_.steady_seconds));
  return {{.what = cat("interval ", kInterval, " s, heartbeats/s"), .ours = fixed(report.rate(), 0)},
          errors(report),
          at_most("  503", static_cast<double>(report.busy), 0, 0, ""),
          at_most("  p99", ms(report.latency, 0.99), 20, 2, "ms"),
          at_most("  CPU of a core", report.cpu_percent(), 30, 1, "%"),
          {.what = "  CPU a heartbeat", .ours = fixed(report.cpu_us(), 1) + " us"},
          at_most("  RSS at its peak", megabytes(report.after.peak_kb), 250, 0, "MB")};
}

Table Site::listing() {
  announce("list the status of all hosts during heartbeats");
  FleetOptions heartbeats = rate(options_.hosts / kInterval, 60);
  Background<FleetOptions, Report> background(heartbeats, run_fleet);
  DownloadOptions options = list();
  options.count = 5;
  const DownloadReport report = run_downloads(options);
  const Report meanwhile = background.end();
  uint64_t failures = report.downloads == 0 ? 1 : 0;
  for (const auto& [kind, count] : report.errors) failures += count;
  const double lines = report.downloads > 0 ? static_cast<double>(report.lines) / static_cast<double>(report.downloads) : 0;
  return {at_least("/status/text during heartbeats, lines", lines, options_.hosts, 0, ""),
          at_most("  errors", static_cast<double>(failures), 0, 0, ""),
          at_most("  first byte, the slowest of 5", ms(report.first_byte, 1), 50, 1, "ms"),
          at_most("  whole, the slowest of 5", ms(report.whole, 1), 1000, 0, "ms"),
          at_most("  RSS it adds", megabytes(report.after.peak_kb - report.before.rss_kb), 32, 1, "MB"),
          at_most("  heartbeats' p99", ms(meanwhile.latency, 0.99), 30, 2, "ms"),
          errors(meanwhile)};
}

Table Site::metrics() {
  announce("request /metrics and /status/summary during heartbeats");
  Background<FleetOptions, Report> background(rate(options_.hosts / kInterval, 60), run_fleet);
  const auto ask = [this](const std::string& path) {
    DownloadOptions options = get(path);
    options.count = 5;
    DownloadReport report = run_downloads(options);
    if (report.downloads == 0) give_up("no download of " + path + " succeeded");
    return report;
  };
  const DownloadReport metrics = ask("/metrics");
  const DownloadReport summary = ask("/status/summary");
  const Report meanwhile = background.end();
  return {at_most("/metrics during heartbeats, the slowest of 5", ms(metrics.whole, 1), 200, 1, "ms"),
          at_most("  size", static_cast<double>(metrics.bytes) / static_cast<double>(metrics.downloads) / 1000, 1000, 1, "kB"),
          {.what = "/status/summary, the slowest of 5", .ours = fixed(ms(summary.whole, 1), 0) + " ms"},
          at_most("  heartbeats' p99", ms(meanwhile.latency, 0.99), 30, 2, "ms"),
          errors(meanwhile)};
}

/// The time until /status/text lists every host, at most a minute.
double Site::seconds_until_complete() {
  const int64_t begin = now_us();
  const auto since = [&] { return static_cast<double>(now_us() - begin) / 1e6; };
  while (since() < 60 && !stop_requested) {
    const DownloadReport report = run_downloads(list());
    if (report.lines >= options_.hosts) return since();
  }
  return since();
}

Table Site::restart() {
  announce("restart ops-meta");
  const int64_t begin = now_us();
  meta_.process().stop();
  const double stopped = static_cast<double>(now_us() - begin) / 1e6;
  if (!meta_.start()) give_up("ops-meta does not start again: " + meta_.log());
  const double serving = static_cast<double>(now_us() - begin) / 1e6;
  const double complete = serving + seconds_until_complete();
  return {{.what = "restart: time until ops-meta has stopped", .ours = fixed(stopped, 2) + " s"},
          {.what = "  time until it serves", .ours = fixed(serving, 2) + " s"},
          at_most("  time until /status/text lists all hosts", complete, 5, 2, "s"),
          at_most("  RSS", megabytes(own_usage_of(meta_.daemon_pid()).rss_kb), 250, 0, "MB")};
}

Table Site::slow_clients(SlowMode mode, size_t clients, double pause) {
  announce(cat(with_commas(clients), " slow clients: ", to_string(mode)));
  SlowClientOptions slow;
  slow.target = meta_.target();
  slow.mode = mode;
  slow.clients = clients;
  slow.pause = pause;
  slow.duration = 3600;
  std::atomic<size_t> open = 0;
  slow.open = &open;
  Background<SlowClientOptions, SlowClientReport> background(slow, run_slow_clients);
  const Report report = run(rate(1000, std::min(30.0, options_.steady_seconds)));
  const size_t open_at_end = open;
  const SlowClientReport slow_report = background.end();
  return {{.what = cat(with_commas(clients), " slow clients (", to_string(mode), "), open"), .ours = with_commas(open_at_end)},
          {.what = "  closed by ops-meta", .ours = with_commas(slow_report.closed)},
          errors(report),
          {.what = "  heartbeats/s", .ours = fixed(report.rate(), 0)},
          at_most("  503", static_cast<double>(report.busy), 0, 0, ""),
          at_most("  heartbeats' p99", ms(report.latency, 0.99), 100, 2, "ms"),
          at_most("  RSS at its peak", megabytes(report.after.peak_kb), 1024, 0, "MB")};
}

Table Site::outage() {
  announce("all hosts send heartbeats within 60 s after an outage");
  FleetOptions options = fleet(2 * kInterval);
  options.spread = 60;
  options.until_all_in = true;
  const Report report = run(options);
  return {
      at_least("all hosts within 60 s after an outage: hosts in", static_cast<double>(report.hosts_in), options_.hosts, 0, ""),
      at_most("  time until the last host", report.all_in_s, 2 * kInterval, 0, "s"),
      errors(report),
      {.what = "  503 with Retry-After", .ours = with_commas(report.busy)},
      {.what = "  p99", .ours = fixed(ms(report.latency, 0.99), 1) + " ms"},
      {.what = "  RSS at its peak", .ours = fixed(megabytes(report.after.peak_kb), 0) + " MB"}};
}

Table Site::tarballs() {
  announce("64 clients download during heartbeats");
  DownloadOptions download;
  download.target = meta_.target();
  download.path = "/big";
  download.clients = 64;
  download.duration = 3600;
  Background<DownloadOptions, DownloadReport> downloads(download, run_downloads);
  const long before = own_usage_of(meta_.daemon_pid()).rss_kb;
  const Report report = run(rate(1000, std::min(20.0, options_.steady_seconds)));
  const DownloadReport downloaded = downloads.end();
  return {{.what = "64 downloads during 1,000 heartbeats/s, MB/s", .ours = fixed(downloaded.bytes_per_second() / 1e6, 0)},
          at_most("  RSS it adds", megabytes(report.after.peak_kb - before), 64, 1, "MB"),
          at_most("  heartbeats' p99", ms(report.latency, 0.99), 50, 2, "ms"),
          errors(report)};
}

}  // namespace

Table measure_scale(const Options& options) {
  const size_t files = raise_file_limit();
  if (files < kFilesNeeded) {
    give_up(
        cat("the benchmark needs ", kFilesNeeded, " open files, and the hard limit is ", files, ": raise it with ulimit -Hn"));
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
  for (const SlowMode mode : kAllSlowModes) {
    run("stalls", [&] { return site.slow_clients(mode, kSlowClients, 0); });
  }
  run("holders", [&] { return site.slow_clients(SlowMode::keep, kHolders, kHoldersPause); });
  run("restart", [&] { return site.restart(); });
  run("outage", [&] { return site.outage(); });
  return table;
}

}  // namespace ops::bench
