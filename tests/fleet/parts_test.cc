// The parts of the simulator.

#include <gtest/gtest.h>

#include <set>

#include "common/protocol/heartbeat.h"
#include "tests/fleet/histogram.h"
#include "tests/fleet/hosts.h"
#include "tests/fleet/options.h"
#include "tests/fleet/reply.h"
#include "tests/fleet/timer_wheel.h"

namespace ops::fleet {
namespace {

TEST(Histogram, HasPercentilesWithinTwoPercent) {
  Histogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), 0);
  for (int64_t i = 1; i <= 100'000; ++i) histogram.add(i);
  EXPECT_EQ(histogram.count(), 100'000u);
  EXPECT_EQ(histogram.max(), 100'000);
  EXPECT_EQ(histogram.percentile(1), 100'000);
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(static_cast<double>(histogram.percentile(share)), share * 100'000, share * 2000 + 1);
  }
}

TEST(Histogram, AcceptsAnyNumber) {
  Histogram histogram;
  for (const int64_t number : {int64_t{-1}, int64_t{0}, int64_t{1} << 62}) histogram.add(number);
  EXPECT_EQ(histogram.max(), int64_t{3600} * 1000 * 1000);
}

TEST(ReplyHead, IsParsedFromPieces) {
  const std::string reply = "HTTP/1.1 503 Busy\r\nretry-after: 30\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbusy\n";
  const size_t size = reply.size() - 5;
  ReplyHead head;
  for (size_t cut = 0; cut < size; ++cut) {
    EXPECT_EQ(parse_reply_head(reply.substr(0, cut), head), HeadState::incomplete) << cut;
  }
  ASSERT_EQ(parse_reply_head(reply, head), HeadState::complete);
  EXPECT_EQ(head.status, 503);
  EXPECT_EQ(head.size, size);
  EXPECT_EQ(head.length, 5u);
  EXPECT_EQ(head.retry_after, 30);
  EXPECT_TRUE(head.closes);
  EXPECT_FALSE(head.is_chunked);
  EXPECT_EQ(parse_reply_head("SSH-2.0", head), HeadState::wrong);
}

TEST(ChunkedBody, IsParsedFromPieces) {
  const std::string bytes = "5\r\nhell\n\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    ChunkedBody body;
    std::string text;
    const auto data = [&](std::string_view part) { text.append(part); };
    EXPECT_TRUE(body.take(bytes.substr(0, cut), data));
    EXPECT_FALSE(body.is_whole()) << cut;
    EXPECT_TRUE(body.take(bytes.substr(cut), data));
    EXPECT_TRUE(body.is_whole());
    EXPECT_EQ(text, "hell\nabcdefghijklmnopqrstuvwxyz");
  }
  for (const char* wrong : {"\r\n", "x\r\n", "1\r\nab", "0\r\n\r\nx", "fffffffffffffffff"}) {
    EXPECT_FALSE(ChunkedBody().take(wrong, [](std::string_view) {})) << wrong;
  }
}

TEST(TimerWheel, CallsEachTimerInTimeAndOnce) {
  TimerWheel wheel(4);
  const int64_t far = 1'000'000;  // ms; more than one turn of the wheel
  wheel.set(0, 5);
  wheel.set(1, far);
  wheel.set(2, 5);
  std::vector<std::pair<int64_t, uint32_t>> expired;
  const auto note = [&](uint32_t id, int64_t at) { expired.emplace_back(at, id); };
  wheel.advance(4, note);
  EXPECT_TRUE(expired.empty());
  wheel.advance(5, note);
  EXPECT_EQ(std::set(expired.begin(), expired.end()), (std::set<std::pair<int64_t, uint32_t>>{{5, 0}, {5, 2}}));
  expired.clear();
  wheel.set(3, 1);  // in the past
  wheel.advance(far - 1, note);
  EXPECT_EQ(expired.size(), 1u);
  wheel.advance(far, note);
  ASSERT_EQ(expired.size(), 2u);
  EXPECT_EQ(expired[1], std::pair(far, 1u));
}

constexpr char kUpgrade[] =
    R"({"errorMessage":"","desiredAgents":[{"name":"falcon-agent","version":"6.0.0","tarball":"","md5":"","cmd":"start"}]})";

HeartbeatRequest heartbeat_of(Hosts& hosts, uint32_t host, int64_t now) {
  std::string body;
  hosts.render(host, now, 1'447'000'000, body);
  auto heartbeat = parse_heartbeat_request(body);
  EXPECT_TRUE(heartbeat) << body;
  return heartbeat ? *heartbeat : HeartbeatRequest{};
}

HostsOptions one_host() {
  HostsOptions options;
  options.hosts = 1;
  options.unwell = 0;
  options.update_time = 10;
  options.probation = 20;
  return options;
}

TEST(SimulatedHosts, SendValidHeartbeats) {
  HostsOptions options;
  options.hosts = 1000;
  Hosts hosts(options);
  std::set<std::string> names;
  for (uint32_t host = 0; host < hosts.size(); ++host) {
    const HeartbeatRequest heartbeat = heartbeat_of(hosts, host, 0);
    names.insert(heartbeat.hostname);
    EXPECT_EQ(heartbeat.real_agents.size(), 3u);
    EXPECT_EQ(heartbeat.updater_version, "1.0.0");
  }
  EXPECT_EQ(names.size(), hosts.size());
  EXPECT_LE(hosts.bytes_per_host(), 64u);
}

TEST(SimulatedHosts, ReportThePhasesOfAnUpdate) {
  Hosts hosts(one_host());
  EXPECT_LT(hosts.obey(0, kUpgrade, 1000).report_at, 2000);
  const HeartbeatRequest first = heartbeat_of(hosts, 0, 1100);
  ASSERT_EQ(first.updates.size(), 1u);
  EXPECT_EQ(first.updates[0].phase, "downloading");
  EXPECT_EQ(first.updates[0].version, "6.0.0");
  EXPECT_EQ(first.real_agents[0].version, "5.1.2");
  EXPECT_EQ(hosts.obey(0, kUpgrade, 1100).report_at, 11'000);
  const HeartbeatRequest second = heartbeat_of(hosts, 0, 11'000);
  ASSERT_EQ(second.updates.size(), 1u);
  EXPECT_EQ(second.updates[0].phase, "probation");
  EXPECT_EQ(second.real_agents[0].version, "6.0.0");
  EXPECT_EQ(hosts.obey(0, kUpgrade, 11'000).report_at, 31'000);
  EXPECT_TRUE(heartbeat_of(hosts, 0, 31'000).updates.empty());
  EXPECT_EQ(hosts.obey(0, kUpgrade, 31'000).report_at, Hosts::kNever);
  EXPECT_EQ(hosts.updates()[0].done, 1u);
}

TEST(SimulatedHosts, RollBackAndLatchAFailedUpdate) {
  HostsOptions options = one_host();
  options.fail = {100};
  Hosts hosts(options);
  hosts.obey(0, kUpgrade, 0);
  heartbeat_of(hosts, 0, 10'000);
  const HeartbeatRequest last = heartbeat_of(hosts, 0, 30'000);
  ASSERT_EQ(last.updates.size(), 1u);
  EXPECT_EQ(last.updates[0].phase, "rolled-back");
  EXPECT_EQ(last.real_agents[0].version, "5.1.2");
  EXPECT_EQ(hosts.obey(0, kUpgrade, 30'000).report_at, Hosts::kNever);
  EXPECT_EQ(hosts.updates()[0].begun, 1u);
}

TEST(SimulatedHosts, FallSilentAfterTheReportOfADownload) {
  HostsOptions options = one_host();
  options.silent = {100};
  Hosts hosts(options);
  EXPECT_FALSE(hosts.obey(0, kUpgrade, 0).falls_silent);
  EXPECT_TRUE(hosts.obey(0, kUpgrade, 100).falls_silent);
}

TEST(SimulatedHosts, WithGoUpdatersReportNoPhases) {
  HostsOptions options = one_host();
  options.go = 100;
  Hosts hosts(options);
  EXPECT_EQ(hosts.obey(0, kUpgrade, 0).report_at, Hosts::kNever);
  const HeartbeatRequest later = heartbeat_of(hosts, 0, 300'000);
  EXPECT_TRUE(later.updates.empty());
  EXPECT_EQ(later.updater_version, "");
  EXPECT_EQ(later.real_agents[0].version, "6.0.0");
}

TEST(SimulatedHosts, RejectAnInvalidReply) {
  Hosts hosts(one_host());
  EXPECT_NE(hosts.obey(0, "ok", 0).error, "");
  EXPECT_NE(hosts.obey(0, R"({"errorMessage":"no"})", 0).error, "");
  EXPECT_EQ(hosts.obey(0, R"({"interval":600})", 0).interval, 600);
}

TEST(FleetOptions, AreParsedFromTheCommandLine) {
  const auto line =
      parse_command_line({"--meta", "127.0.0.1:2000", "--hosts", "1000000", "--keep", "--rate", "3334", "--go", "2.5"});
  ASSERT_TRUE(line) << line.error().message;
  const auto& options = std::get<FleetOptions>(line->run);
  EXPECT_EQ(options.hosts.hosts, 1'000'000u);
  EXPECT_TRUE(options.keep);
  EXPECT_EQ(options.pacing, Pacing::rate);
  EXPECT_EQ(options.rate, 3334);
  EXPECT_EQ(options.hosts.go, 2.5);
  EXPECT_TRUE(std::holds_alternative<SlowClientOptions>(parse_command_line({"--meta", ":1", "--stall", "body"})->run));
  EXPECT_TRUE(std::holds_alternative<DownloadOptions>(parse_command_line({"--meta", ":1", "--get", "/x"})->run));
}

TEST(FleetOptions, AreRefusedWithAReason) {
  const auto message = [](const std::vector<std::string>& words) { return parse_command_line(words).error().message; };
  EXPECT_EQ(message({"--hosts", "5"}), "--meta HOST:PORT is missing");
  EXPECT_EQ(message({"--meta"}), "--meta needs a value");
  EXPECT_EQ(message({"--meat", "x"}), "unknown option --meat");
  EXPECT_EQ(message({"--meta", ":1", "--rate", "fast"}), "--rate: \"fast\" is not a number");
  EXPECT_EQ(message({"--meta", ":1", "--meta-dir", "/nowhere"}), "--meta-dir: no ops-meta runs in /nowhere");
  EXPECT_EQ(message({"--meta", ":1", "--stall", "x"}), "--stall: unknown mode x");
}

}  // namespace
}  // namespace ops::fleet
