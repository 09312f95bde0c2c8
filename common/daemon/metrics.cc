#include "common/daemon/metrics.h"

#include <unistd.h>

#include <charconv>
#include <cmath>
#include <ctime>
#include <fstream>

#include "common/base/version.h"

namespace ops {

namespace {

const std::time_t kStartedAt = std::time(nullptr);  // before main begins

/// The number of bytes of the first UTF-8 character; 0 when it is invalid. Prometheus refuses invalid UTF-8.
size_t character_size(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xC2 && lead < 0xE0 ? 2 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool is_overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool is_not_assignable = (lead == 0xED && byte(1) >= 0xA0) || (lead == 0xF4 && byte(1) >= 0x90);
  return is_overlong || is_not_assignable ? 0 : size;
}

void append_escaped(std::string& to, std::string_view text, bool in_quotes) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = character_size(text.substr(at));
    const char c = text[at];
    if (c == '\n') {
      to += "\\n";
    } else if (c == '\\' || (c == '"' && in_quotes)) {
      to.append(1, '\\').append(1, c);
    } else if (size == 0) {
      to += "\uFFFD";
    } else {
      to += text.substr(at, size);
    }
    at += std::max<size_t>(size, 1);
  }
}

void append_number(std::string& to, double value) {
  constexpr double kExact = 9'007'199'254'740'992;  // 2^53: a double represents every whole number below it
  std::array<char, 64> digits;
  const bool is_whole = std::abs(value) < kExact && std::floor(value) == value;
  const auto written = is_whole ? std::to_chars(digits.begin(), digits.end(), static_cast<int64_t>(value))
                                : std::to_chars(digits.begin(), digits.end(), value);
  to.append(digits.data(), written.ptr);
}

double to_seconds(std::chrono::nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

void DurationHistogram::add(std::chrono::nanoseconds duration) {
  size_t bucket = 0;
  while (bucket < kBounds.size() && duration > kBounds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<uint64_t>(std::max<int64_t>(0, duration.count())), std::memory_order_relaxed);
}

DurationHistogram::Counts DurationHistogram::counts() const {
  Counts counts;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    counts.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    counts.total += counts.buckets[i];
  }
  counts.seconds = static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9;
  return counts;
}

void MetricsText::begin(std::string_view name, MetricType type, std::string_view help) {
  add_head(name, type == MetricType::counter ? "counter" : "gauge", help);
}

void MetricsText::add_head(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(1, ' ');
  append_escaped(text_, help, false);
  text_.append("\n# TYPE ").append(name).append(1, ' ').append(type).append(1, '\n');
}

void MetricsText::add(Labels labels, double value) { add_sample("", labels, value); }

void MetricsText::add_sample(std::string_view suffix, Labels labels, double value) {
  text_.append(name_).append(suffix);
  char before = '{';
  for (const auto& [key, text] : labels) {
    text_.append(1, before).append(key).append("=\"");
    append_escaped(text_, text, true);
    text_ += '"';
    before = ',';
  }
  text_ += labels.size() == 0 ? " " : "} ";
  append_number(text_, value);
  text_ += '\n';
}

void MetricsText::add(std::string_view name, MetricType type, std::string_view help, double value) {
  begin(name, type, help);
  add({}, value);
}

void MetricsText::add(std::string_view name, std::string_view help, const DurationHistogram& histogram) {
  const DurationHistogram::Counts counts = histogram.counts();
  add_head(name, "histogram", help);
  uint64_t so_far = 0;
  for (size_t i = 0; i < counts.buckets.size(); ++i) {
    so_far += counts.buckets[i];
    std::string bound = "+Inf";
    if (i < DurationHistogram::kBounds.size()) append_number(bound = "", to_seconds(DurationHistogram::kBounds[i]));
    add_sample("_bucket", {{"le", bound}}, static_cast<double>(so_far));
  }
  add_sample("_sum", {}, counts.seconds);
  add_sample("_count", {}, static_cast<double>(counts.total));
}

void MetricsText::add_process(std::string_view prefix) {
  begin(std::string(prefix) + "_build_info", MetricType::gauge, "Always 1; the label is the version of the daemon.");
  add({{"version", version()}}, 1);
  add("process_start_time_seconds", MetricType::gauge, "Start time of the process, in seconds since 1970.",
      static_cast<double>(kStartedAt));
  add("process_resident_memory_bytes", MetricType::gauge, "Resident memory of the process.", resident_bytes());
  add("process_cpu_seconds_total", MetricType::counter, "CPU time of the process, all threads.",
      static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
}

}  // namespace ops
