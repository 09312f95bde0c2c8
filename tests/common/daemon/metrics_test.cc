#include "common/daemon/metrics.h"

#include <gtest/gtest.h>

#include <ctime>

namespace ops::tests {
namespace {

using std::chrono::microseconds;

TEST(Metrics, MatchThePrometheusTextFormat) {
  MetricsText text;
  text.begin("agent_hosts", MetricType::gauge, "Hosts.");
  text.add({{"agent", "a"}, {"version", "1"}}, 7);
  text.add({{"agent", "b"}, {"version", ""}}, 0.25);
  text.add("polls_total", MetricType::counter, "Polls.", 12'345'678'901'234);
  EXPECT_EQ(text.text(),
            "# HELP agent_hosts Hosts.\n# TYPE agent_hosts gauge\n"
            "agent_hosts{agent=\"a\",version=\"1\"} 7\nagent_hosts{agent=\"b\",version=\"\"} 0.25\n"
            "# HELP polls_total Polls.\n# TYPE polls_total counter\npolls_total 12345678901234\n");
}

std::string escaped(const std::string& label) {
  MetricsText text;
  text.begin("m", MetricType::gauge, "h");
  text.add({{"l", label}}, 1);
  const std::string begin = "# HELP m h\n# TYPE m gauge\nm{l=\"";
  const std::string end = "\"} 1\n";
  EXPECT_TRUE(text.text().starts_with(begin) && text.text().ends_with(end)) << text.text();
  return text.text().substr(begin.size(), text.text().size() - begin.size() - end.size());
}

TEST(Metrics, LabelsMayHaveAnyText) {
  EXPECT_EQ(escaped("3.1.3"), "3.1.3");
  EXPECT_EQ(escaped("\"} 1\nevil{x=\"\\"), R"(\"} 1\nevil{x=\"\\)");
  EXPECT_EQ(escaped("<script>alert('1')</script>"), "<script>alert('1')</script>");
  EXPECT_EQ(escaped("h\u00e4 \u20ac \U0001F600"), "h\u00e4 \u20ac \U0001F600");
}

TEST(Metrics, InvalidUtf8IsReplaced) {
  EXPECT_EQ(escaped("a\xFF"), "a\uFFFD");
  EXPECT_EQ(escaped("\xC3"), "\uFFFD") << "truncated";
  EXPECT_EQ(escaped("\xE2\x82x"), "\uFFFD\uFFFDx");
  EXPECT_EQ(escaped("\xC0\xAF"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(escaped("\xE0\x80\xAF"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(escaped("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(escaped("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "above U+10FFFF";
}

TEST(Metrics, HelpIsEscapedToOneLine) {
  MetricsText text;
  text.add("m", MetricType::gauge, "a\nb \\ \"c\"", 1);
  EXPECT_EQ(text.text(), "# HELP m a\\nb \\\\ \"c\"\n# TYPE m gauge\nm 1\n");
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  DurationHistogram histogram;
  histogram.add(microseconds(5));
  histogram.add(microseconds(6));
  histogram.add(microseconds(150));
  histogram.add(std::chrono::seconds(100));
  MetricsText text;
  text.add("t_seconds", "h", histogram);
  EXPECT_EQ(text.text(),
            "# HELP t_seconds h\n# TYPE t_seconds histogram\n"
            "t_seconds_bucket{le=\"5e-06\"} 1\nt_seconds_bucket{le=\"1e-05\"} 2\nt_seconds_bucket{le=\"2e-05\"} 2\n"
            "t_seconds_bucket{le=\"5e-05\"} 2\nt_seconds_bucket{le=\"1e-04\"} 2\nt_seconds_bucket{le=\"2e-04\"} 3\n"
            "t_seconds_bucket{le=\"5e-04\"} 3\nt_seconds_bucket{le=\"0.001\"} 3\nt_seconds_bucket{le=\"0.01\"} 3\n"
            "t_seconds_bucket{le=\"0.1\"} 3\nt_seconds_bucket{le=\"1\"} 3\nt_seconds_bucket{le=\"10\"} 3\n"
            "t_seconds_bucket{le=\"+Inf\"} 4\nt_seconds_sum 100.000161\nt_seconds_count 4\n");
}

TEST(Metrics, DescribeTheProcess) {
  MetricsText text;
  text.add_process("ops_x");
  EXPECT_NE(text.text().find("ops_x_build_info{version=\""), std::string::npos);
  const auto value = [&](const std::string& name) {
    const size_t at = text.text().find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.text().substr(at + name.size() + 2));
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(value("process_start_time_seconds"), 1.4e9);
  EXPECT_LE(value("process_start_time_seconds"), static_cast<double>(std::time(nullptr)));
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
}

}  // namespace
}  // namespace ops::tests
