#include "tests/fleet/report.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>

#include "common/base/text.h"

namespace ops::fleet {

namespace {

std::string line(const std::string& name, const std::string& value) {
  return cat("  ", name, std::string(name.size() < 22 ? 22 - name.size() : 1, ' '), value, "\n");
}

}  // namespace

UpdateCounts Report::all_updates() const {
  UpdateCounts all;
  for (const UpdateCounts& one : updates) {
    all.begun += one.begun;
    all.started += one.started;
    all.done += one.done;
    all.failed += one.failed;
    all.silent += one.silent;
  }
  return all;
}

uint64_t Report::error_count() const {
  uint64_t sum = 0;
  for (const auto& [kind, count] : errors) sum += count;
  return sum;
}

std::string Report::error_kinds() const {
  std::string kinds;
  for (const auto& [kind, count] : errors) kinds += cat(kinds.empty() ? "" : ", ", with_commas(count), " ", kind);
  return kinds;
}

double Report::rate() const { return seconds > 0 ? static_cast<double>(heartbeats) / seconds : 0; }

double Report::cpu_us() const { return heartbeats > 0 ? (after.cpu - before.cpu) * 1e6 / static_cast<double>(heartbeats) : 0; }

double Report::cpu_percent() const { return seconds > 0 ? (after.cpu - before.cpu) * 100 / seconds : 0; }

double Report::bytes_per_host() const {
  return hosts_in > 0 ? static_cast<double>(after.rss_kb - before.rss_kb) * 1024 / static_cast<double>(hosts_in) : 0;
}

std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string milliseconds(int64_t microseconds) { return fixed(static_cast<double>(microseconds) / 1000, 2) + " ms"; }

std::string with_commas(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string to_text(const Report& report) {
  std::string text = line("hosts", with_commas(report.hosts));
  text += line("hosts in", cat(with_commas(report.hosts_in), "  (the last after ", fixed(report.all_in_s, 1), " s)"));
  text += line("duration", fixed(report.seconds, 1) + " s");
  text += line("heartbeats", with_commas(report.heartbeats));
  text += line("heartbeats/s", with_commas(static_cast<uint64_t>(std::llround(report.rate()))));
  text += line("errors", cat(with_commas(report.error_count()), report.errors.empty() ? "" : "  " + report.error_kinds()));
  text += line("503 with Retry-After", with_commas(report.busy));
  text += line("not answered yet", with_commas(report.unasked));
  text += line("connections", cat(with_commas(report.connections), "  (at most ", with_commas(report.most_open), " at once)"));
  if (report.resumed > 0) text += line("TLS sessions resumed", with_commas(report.resumed));
  for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}) {
    text += line(cat("latency ", name), milliseconds(report.latency.percentile(share)));
  }
  text += line("latency max", milliseconds(report.latency.max()));
  if (const UpdateCounts updates = report.all_updates(); updates.begun > 0) {
    text += line("updates", cat(with_commas(updates.begun), " begun, ", with_commas(updates.done), " done, ",
                                with_commas(updates.failed), " failed, ", with_commas(updates.silent), " silent"));
  }
  if (!report.has_usage) return text;
  text +=
      line("server CPU", cat(fixed(report.cpu_us(), 1), " us a heartbeat, ", fixed(report.cpu_percent(), 1), "% of a core"));
  text += line("server RSS", cat(fixed(static_cast<double>(report.after.rss_kb) / 1024, 1), " MB, at its peak ",
                                 fixed(static_cast<double>(report.after.peak_kb) / 1024, 1), " MB"));
  text += line("RSS growth a host", fixed(report.bytes_per_host(), 0) + " bytes");
  return text;
}

std::string to_json(const Report& report) {
  using Json = nlohmann::ordered_json;
  const UpdateCounts updates = report.all_updates();
  Json json = {
      {"hosts", report.hosts},
      {"hostsIn", report.hosts_in},
      {"allInSeconds", report.all_in_s},
      {"seconds", report.seconds},
      {"heartbeats", report.heartbeats},
      {"heartbeatsPerSecond", report.rate()},
      {"errors", report.errors},
      {"errorCount", report.error_count()},
      {"busy", report.busy},
      {"unasked", report.unasked},
      {"connections", report.connections},
      {"mostOpen", report.most_open},
      {"resumed", report.resumed},
      {"latencyUs",
       {{"p50", report.latency.percentile(0.5)},
        {"p90", report.latency.percentile(0.9)},
        {"p99", report.latency.percentile(0.99)},
        {"p999", report.latency.percentile(0.999)},
        {"max", report.latency.max()}}},
      {"updates", {{"begun", updates.begun}, {"done", updates.done}, {"failed", updates.failed}, {"silent", updates.silent}}}};
  if (report.has_usage) {
    json["server"] = {{"cpuUsPerHeartbeat", report.cpu_us()},
                      {"cpuPercent", report.cpu_percent()},
                      {"rssKb", report.after.rss_kb},
                      {"peakKb", report.after.peak_kb},
                      {"bytesPerHost", report.bytes_per_host()}};
  }
  return json.dump(2) + "\n";
}

}  // namespace ops::fleet
