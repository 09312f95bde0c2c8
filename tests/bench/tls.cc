#include <algorithm>
#include <thread>

#include "common/base/text.h"
#include "tests/bench/bench.h"
#include "tests/support/certificates.h"

namespace ops::bench {

namespace {

using namespace ops::fleet;

constexpr double kRate = 3334;        // heartbeats per second of a million hosts with an interval of 300 s
constexpr uint32_t kHosts = 5'000;    // per thread
constexpr size_t kConnections = 200;  // per thread, at once; the limit keeps late heartbeats from delaying all others

std::string with_tls(const tests::Issued& own) {
  return cat(R"(, "tls": {"cert": ")", own.cert, R"(", "key": ")", own.key, "\"}");
}

Table measure(const std::string& what, Meta& meta, Tls tls, const Options& options, bool has_targets) {
  announce(what);
  FleetOptions fleet;
  fleet.target = meta.target();
  fleet.server_pid = meta.daemon_pid();
  fleet.hosts.hosts = kHosts;
  fleet.pacing = Pacing::rate;
  fleet.rate = kRate / 2;
  fleet.max_open = kConnections;
  fleet.duration = options.seconds;
  fleet.tls = tls;
  fleet.stop = &stop_requested;
  // The client side of TLS takes more CPU than the server side, so one client thread would be the bottleneck.
  Report other;
  std::thread half([&] { other = run_fleet(fleet); });
  const Report report = run_fleet(fleet);
  half.join();
  const auto p99 = [](const Report& of) { return static_cast<double>(of.latency.percentile(0.99)) / 1000; };
  const auto errors = [](const Report& of) { return static_cast<double>(of.error_count() + of.busy + of.unasked); };
  const double heartbeats = static_cast<double>(report.heartbeats + other.heartbeats);
  Table table = {
      {.what = cat(what, ", heartbeats/s"), .ours = fixed(report.rate() + other.rate(), 0)},
      at_most("  errors", errors(report) + errors(other), 0, 0, ""),
      at_most("  p99", std::max(p99(report), p99(other)), 50, 2, "ms"),
      at_most("  CPU of a core", report.cpu_percent(), 90, 1, "%"),
      {.what = "  CPU a heartbeat", .ours = fixed(report.cpu_percent() / 100 * report.seconds * 1e6 / heartbeats, 1) + " us"}};
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
  Meta encrypted(with_tls(ca.issue("meta")));
  if (!plain.start() || !encrypted.start()) give_up("ops-meta does not start: " + plain.log() + encrypted.log());
  Table table = measure("TLS, sessions resumed", encrypted, Tls::resumed, options, true);
  for (const Table& rows : {measure("TLS, full handshakes", encrypted, Tls::full, options, false),
                            measure("plain HTTP", plain, Tls::none, options, false)}) {
    table.insert(table.end(), rows.begin(), rows.end());
  }
  return table;
}

}  // namespace ops::bench
