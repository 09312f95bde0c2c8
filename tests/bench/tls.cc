#include "common/text.h"
#include "tests/bench/bench.h"
#include "tests/support/certificates.h"

namespace ops::bench {

namespace {

using namespace ops::fleet;

constexpr uint32_t kHosts = 10'000;
constexpr double kRate = 3334;  // a million hosts, each every 300 s

std::string with_tls(const tests::Issued& own) {
  return cat(R"(, "tls": {"cert": ")", own.cert, R"(", "key": ")", own.key, "\"}");
}

Table measure(const std::string& what, Meta& meta, Tls tls, const Options& options, bool has_targets) {
  announce(what);
  FleetOptions fleet;
  fleet.target = meta.target();
  fleet.server_pid = meta.daemon_pid();
  fleet.hosts.hosts = kHosts;
  fleet.pace = Pace::rate;
  fleet.rate = kRate;
  fleet.duration = options.seconds;
  fleet.tls = tls;
  fleet.stop = &stop_asked;
  const Report report = run_fleet(fleet);
  const double p99 = static_cast<double>(report.latency.percentile(0.99)) / 1000;
  Table table = {{.what = cat(what, ", heartbeats/s"), .ours = fixed(report.rate(), 0)},
                 at_most("  errors", static_cast<double>(report.error_count() + report.busy + report.unasked), 0, 0, ""),
                 at_most("  p99", p99, 50, 2, "ms"),
                 at_most("  CPU of a core", report.cpu_percent(), 90, 1, "%"),
                 {.what = "  CPU a heartbeat", .ours = fixed(report.cpu_us(), 1) + " us"}};
  if (!has_targets) {
    for (Row& row : table) {
      row.target.clear();
      row.missed = false;
    }
  }
  return table;
}

}  // namespace

Table measure_tls(const Options& options) {
  raise_file_limit();
  const tests::Authority ca;
  Meta plain;
  Meta sealed(with_tls(ca.issue("meta")));
  if (!plain.start() || !sealed.start()) give_up("ops-meta does not start: " + plain.log() + sealed.log());
  Table table = measure("TLS, sessions resumed", sealed, Tls::resumed, options, true);
  for (const Table& rows : {measure("TLS, full handshakes", sealed, Tls::full, options, false),
                            measure("plain HTTP", plain, Tls::none, options, false)}) {
    table.insert(table.end(), rows.begin(), rows.end());
  }
  return table;
}

}  // namespace ops::bench
