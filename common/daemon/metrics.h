#pragma once

// What a daemon tells Prometheus of itself, in its text format (0.0.4):
//
//   # HELP ops_meta_agent_hosts Hosts that have the agent in this version.
//   # TYPE ops_meta_agent_hosts gauge
//   ops_meta_agent_hosts{agent="falcon-agent",version="3.1.3",state="started"} 1000
//
// Names are in snake case, with a base unit (seconds, bytes) at their end, and counters end in _total: `promtool check metrics`
// holds them to that in our tests. A label may have any text as its value, and each one is a time series that Prometheus keeps
// for months: how many there may be is for the caller to bound.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ops {

/// Only ever grows. Any thread may add to it and read it.
using Counter = std::atomic<uint64_t>;

/// How long something took, by buckets that never change. Any thread may add to it and read it.
class DurationHistogram {
 public:
  /// The buckets' upper bounds; what takes longer is in one more.
  static constexpr std::array<std::chrono::microseconds, 12> kBounds{
      std::chrono::microseconds(5),       std::chrono::microseconds(10),        std::chrono::microseconds(20),
      std::chrono::microseconds(50),      std::chrono::microseconds(100),       std::chrono::microseconds(200),
      std::chrono::microseconds(500),     std::chrono::microseconds(1'000),     std::chrono::microseconds(10'000),
      std::chrono::microseconds(100'000), std::chrono::microseconds(1'000'000), std::chrono::microseconds(10'000'000)};

  void add(std::chrono::nanoseconds duration);

  struct Counts {
    std::array<uint64_t, kBounds.size() + 1> buckets{};  // each without those below it
    uint64_t total = 0;
    double seconds = 0;  // of all together
  };
  Counts counts() const;

 private:
  std::array<Counter, kBounds.size() + 1> buckets_{};
  Counter nanoseconds_ = 0;
};

enum class MetricType { counter, gauge };

/// Writes metrics one after the other.
class MetricsText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Begins a metric, whose samples follow; each name once. `help` is for the person who finds it, and may be any text.
  void begin(std::string_view name, MetricType type, std::string_view help);
  /// A sample of the metric begun last; each set of labels once.
  void add(Labels labels, double value);

  /// A metric that is one number.
  void add(std::string_view name, MetricType type, std::string_view help, double value);
  void add(std::string_view name, std::string_view help, const DurationHistogram& histogram);

  /// What every daemon has: `prefix`_build_info, and the process's memory, CPU and start, named as Prometheus' own libraries
  /// do.
  void add_process(std::string_view prefix);

  const std::string& text() const { return text_; }

 private:
  void add_head(std::string_view name, std::string_view type, std::string_view help);
  void add_sample(std::string_view suffix, Labels labels, double value);

  std::string text_;
  std::string name_;  // of the metric begun last
};

/// The Content-Type.
inline constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace ops
