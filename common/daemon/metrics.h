#pragma once

// Metrics in the text format of Prometheus (0.0.4):
//
//   # HELP ops_meta_agent_hosts Hosts that have the agent in this version.
//   # TYPE ops_meta_agent_hosts gauge
//   ops_meta_agent_hosts{agent="falcon-agent",version="3.1.3",state="started"} 1000
//
// Names are in snake case and end with a base unit (seconds, bytes); counters end with _total. The tests check this with
// `promtool check metrics`. A label value may be any text. Each set of labels is a time series that Prometheus stores for
// months: the caller must bound their number.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ops {

/// A value that only grows. Any thread may add to it and read it.
using Counter = std::atomic<uint64_t>;

/// A histogram of durations with fixed buckets. Any thread may add to it and read it.
class DurationHistogram {
 public:
  /// The upper bounds of the buckets. One more bucket has the longer durations.
  static constexpr std::array<std::chrono::microseconds, 12> kBounds{
      std::chrono::microseconds(5),       std::chrono::microseconds(10),        std::chrono::microseconds(20),
      std::chrono::microseconds(50),      std::chrono::microseconds(100),       std::chrono::microseconds(200),
      std::chrono::microseconds(500),     std::chrono::microseconds(1'000),     std::chrono::microseconds(10'000),
      std::chrono::microseconds(100'000), std::chrono::microseconds(1'000'000), std::chrono::microseconds(10'000'000)};

  void add(std::chrono::nanoseconds duration);

  struct Counts {
    std::array<uint64_t, kBounds.size() + 1> buckets{};  // not cumulative
    uint64_t total = 0;
    double seconds = 0;  // the sum of all durations
  };
  Counts counts() const;

 private:
  std::array<Counter, kBounds.size() + 1> buckets_{};
  Counter nanoseconds_ = 0;
};

enum class MetricType { counter, gauge };

/// Builds the text of all metrics.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a metric; its samples follow. Each name may begin once. `help` may be any text.
  void begin(std::string_view name, MetricType type, std::string_view help);
  /// Adds a sample to the last metric. Each set of labels may occur once.
  void add(Labels labels, double value);

  /// Adds a metric with one sample and no labels.
  void add(std::string_view name, MetricType type, std::string_view help, double value);
  void add(std::string_view name, std::string_view help, const DurationHistogram& histogram);

  /// Adds `prefix`_build_info, and the memory, CPU time and start time of the process under the names of Prometheus' own client
  /// libraries.
  void add_process(std::string_view prefix);

  const std::string& text() const { return text_; }

 private:
  void add_head(std::string_view name, std::string_view type, std::string_view help);
  void add_sample(std::string_view suffix, Labels labels, double value);

  std::string text_;
  std::string name_;  // of the last metric
};

/// The Content-Type of the text.
inline constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace ops
