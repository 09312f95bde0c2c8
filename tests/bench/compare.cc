#include <map>
#include <optional>

#include "common/base/text.h"
#include "tests/bench/bench.h"
#include "tests/fleet/download.h"
#include "tests/support/http.h"

namespace ops::bench {

namespace {

using namespace ops::fleet;

constexpr uint32_t kHosts = 10'000;
constexpr size_t kConnections = 64;
constexpr size_t kFilesNeeded = 1000;

/// ops-meta and nginx, both running.
class Pair {
 public:
  explicit Pair(const Options& options) : options_(options) {
    if (raise_file_limit() < kFilesNeeded)
      give_up(cat("the benchmark needs ", kFilesNeeded, " open files: raise the limit with ulimit -Hn"));
    if (!meta_.start()) give_up("ops-meta does not start: " + meta_.log());
    const auto reply = tests::http(meta_.port(), "POST", "/heartbeat", R"({"hostname": "lg-cloud-web-0000000.dc1"})");
    if (reply.status != 200) give_up("ops-meta does not answer a heartbeat");
    nginx_.emplace(options.nginx, reply.body, meta_ / "tarball/big");
    if (!nginx_->start()) give_up(cat(options.nginx, " does not start: ", nginx_->log()));
  }

  /// Calls measure(target, pid, is_ours) for both servers in each round.
  template <typename Measure>
  void alternate(const std::string& benchmark, const Measure& measure) {
    for (int round = 1; round <= options_.rounds; ++round) {
      announce(cat(benchmark, ", round ", round, " of ", options_.rounds));
      measure(meta_.target(), meta_.daemon_pid(), true);
      measure(nginx_->target(), nginx_->pid(), false);
    }
  }

 private:
  const Options& options_;
  Meta meta_;
  std::optional<Nginx> nginx_;
};

/// The measured figures by name, of both servers.
class Figures {
 public:
  void add(bool is_ours, const std::string& name, double figure) { (is_ours ? ours_ : theirs_)[name].push_back(figure); }
  Row row(const std::string& what, const std::string& name, int digits, double most) {
    return compare(what, ours_[name], theirs_[name], digits, most);
  }

 private:
  std::map<std::string, std::vector<double>> ours_;
  std::map<std::string, std::vector<double>> theirs_;
};

Table heartbeats(Pair& pair, const Options& options, bool keep) {
  const std::string how = keep ? "heartbeats on kept connections" : "heartbeats on new connections";
  FleetOptions fleet;
  fleet.hosts.hosts = kHosts;
  fleet.pacing = Pacing::flat_out;
  fleet.connections = kConnections;
  fleet.keep = keep;
  fleet.duration = options.seconds;
  Figures figures;
  uint64_t errors = 0;
  pair.alternate(how, [&](const Target& target, pid_t pid, bool is_ours) {
    fleet.target = target;
    fleet.server_pid = pid;
    const Report report = run_fleet(fleet);
    figures.add(is_ours, "rate", report.rate());
    figures.add(is_ours, "cpu", report.cpu_us());
    figures.add(is_ours, "p99", static_cast<double>(report.latency.percentile(0.99)) / 1000);
    if (is_ours) errors += report.error_count() + report.busy;
  });
  return {figures.row(cat(how, ", CPU us each"), "cpu", 1, keep ? 3 : 1.6), figures.row("  a second", "rate", 0, 0),
          figures.row(cat("  p99 ms, ", kConnections, " at once"), "p99", 2, 0),
          at_most("  errors", static_cast<double>(errors), 0, 0, "")};
}

Table tarballs(Pair& pair, const Options& options, size_t clients) {
  const std::string how = cat(kTarballSize / 1'000'000, " MB tarballs, ", clients, " at once");
  DownloadOptions download;
  download.path = "/big";
  download.clients = clients;
  download.duration = options.seconds;
  Figures figures;
  uint64_t errors = 0;
  pair.alternate(how, [&](const Target& target, pid_t pid, bool is_ours) {
    download.target = target;
    download.server_pid = pid;
    const DownloadReport report = run_downloads(download);
    figures.add(is_ours, "rate", report.bytes_per_second() / 1e6);
    figures.add(is_ours, "cpu", report.cpu_per_gb());
    for (const auto& [kind, count] : report.errors) errors += is_ours ? count : 0;
  });
  Row rate = figures.row(cat(how, ", MB/s"), "rate", 0, 0);
  rate.target = ">= 0.6";
  rate.missed = std::stod(rate.ratio) < 0.6;
  return {rate, figures.row("  CPU s a GB", "cpu", 3, 0), at_most("  errors", static_cast<double>(errors), 0, 0, "")};
}

void append(Table& table, const Table& more) { table.insert(table.end(), more.begin(), more.end()); }

}  // namespace

Table compare_heartbeats(const Options& options) {
  Pair pair(options);
  Table table = heartbeats(pair, options, false);
  append(table, heartbeats(pair, options, true));
  return table;
}

Table compare_tarballs(const Options& options) {
  Pair pair(options);
  Table table;
  for (const size_t clients : {1, 16, 64}) append(table, tarballs(pair, options, clients));
  return table;
}

}  // namespace ops::bench
