// ops-meta behind nginx and HAProxy.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/promtool.h"
#include "tests/support/proxy.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A client of the proxy for each lane. All of them send a heartbeat at once, then pause, and send again.
class Lanes {
 public:
  Lanes(const Proxy& proxy, int count) : port_(proxy.port()) {
    for (int i = 0; i < count; ++i) clients_.push_back(std::make_unique<RawConnection>(proxy.port()));
    last_.resize(clients_.size());
  }

  /// Sends a heartbeat on each lane. The lane was idle for `shortest` to `longest`, spread over the lanes. The test is about
  /// the idle time, so this sleeps.
  void beat(milliseconds shortest, milliseconds longest) {
    for (size_t i = 0; i < clients_.size(); ++i) {
      const auto idle = shortest + (longest - shortest) * i / clients_.size();
      std::this_thread::sleep_until(last_[i] + idle);
      clients_[i]->send(request(i));
      last_[i] = Clock::now();
    }
    for (size_t i = 0; i < clients_.size(); ++i) read_reply(i);
  }

  /// Sends `count` heartbeats. Before each, its lane is idle for a random time of 0 to `longest`.
  void beat_at_random(size_t count, milliseconds longest) {
    std::mt19937 random(7);
    std::uniform_int_distribution<int64_t> idle(0, std::chrono::microseconds(longest).count());
    using Beat = std::pair<Clock::time_point, size_t>;
    std::priority_queue<Beat, std::vector<Beat>, std::greater<>> next;
    const auto schedule = [&](size_t lane) { next.emplace(Clock::now() + std::chrono::microseconds(idle(random)), lane); };
    for (size_t i = 0; i < clients_.size(); ++i) schedule(i);
    while (count > 0) {
      std::this_thread::sleep_until(next.top().first);
      std::vector<size_t> due;
      for (; count > 0 && next.top().first <= Clock::now() && due.size() < clients_.size() / 2; next.pop(), --count)
        due.push_back(next.top().second);
      for (const size_t lane : due) clients_[lane]->send(request(lane));
      for (const size_t lane : due) {
        read_reply(lane);
        schedule(lane);
      }
    }
  }

  std::string failures;

 private:
  void read_reply(size_t lane) {
    const std::string reply = clients_[lane]->read_until("\"desiredAgents\":[]", 10'000);
    if (parse_reply(reply).status == 200) return;
    failures += cat("lane ", lane, ": \"", reply.substr(0, 40), "\"\n");
    clients_[lane] = std::make_unique<RawConnection>(port_);
  }

  static std::string request(size_t lane) {
    const std::string body = cat(R"({"hostname": "h)", lane, R"(", "realAgents": []})");
    return cat("POST /", lane, "/heartbeat HTTP/1.1\r\nHost: m\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  }

  const int port_;
  std::vector<std::unique_ptr<RawConnection>> clients_;
  std::vector<Clock::time_point> last_;  // the lane's last heartbeat
};

constexpr int kLanes = 200;
constexpr int kManyLanes = 2'000;

struct BehindProxy : testing::Test {
  BehindProxy() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);  // the proxies inherit it
  }
  double metric(const std::string& name) const { return sample(meta.get("/metrics").body, name); }
  MetaBox meta;
};

// A proxy answers with a 502 when it sends a request on a connection that ops-meta closes at that moment. So the proxy must be
// the one that closes idle connections. ops-meta once closed them after 5 s.
TEST_F(BehindProxy, LosesNoHeartbeatWithTheDefaultsOfNginxAndHaProxy) {
  ASSERT_TRUE(meta.start(std::vector<TestAgent>{})) << meta.log();
  Nginx nginx(meta.port(), kLanes);
  HaProxy haproxy(meta.port());
  ASSERT_TRUE(nginx.start()) << nginx.log();
  ASSERT_TRUE(haproxy.start()) << haproxy.log();
  Lanes by_nginx(nginx, kLanes);
  Lanes by_haproxy(haproxy, kLanes);
  for (Lanes* lanes : {&by_nginx, &by_haproxy}) lanes->beat(milliseconds(0), milliseconds(0));
  EXPECT_TRUE(always([&] { return metric("ops_meta_connections") >= kLanes; }, milliseconds(5'500)))
      << "ops-meta closed the idle connections of nginx";  // HAProxy itself closes them after 5 s
  for (Lanes* lanes : {&by_nginx, &by_haproxy}) lanes->beat(milliseconds(5'500), milliseconds(6'000));
  EXPECT_EQ(by_nginx.failures, "");
  EXPECT_EQ(by_haproxy.failures, "");
  EXPECT_EQ(metric("ops_meta_heartbeats_total"), 4 * kLanes);
}

// The next two tests divide all times by 40: nginx's 60 s, HAProxy's 5 s, ops-meta's 75 s, and the idle times of 0 to 80 s.
// With "keepAlive": 1, below nginx's timeout, the first of them fails.
TEST_F(BehindProxy, LosesNoneOf20000HeartbeatsThroughNginx) {
  meta.set_http(", \"keepAlive\": 2");
  ASSERT_TRUE(meta.start(std::vector<TestAgent>{})) << meta.log();
  Nginx nginx(meta.port(), kManyLanes, "1500ms");
  ASSERT_TRUE(nginx.start()) << nginx.log();
  Lanes lanes(nginx, kManyLanes);
  lanes.beat_at_random(20'000, milliseconds(2'000));
  EXPECT_EQ(lanes.failures, "");
  EXPECT_EQ(metric("ops_meta_heartbeats_total"), 20'000);
}

TEST_F(BehindProxy, LosesNoneOf20000HeartbeatsThroughHaProxy) {
  meta.set_http(", \"keepAlive\": 2");
  ASSERT_TRUE(meta.start(std::vector<TestAgent>{})) << meta.log();
  HaProxy haproxy(meta.port(), "125ms");
  ASSERT_TRUE(haproxy.start()) << haproxy.log();
  Lanes lanes(haproxy, kManyLanes);
  lanes.beat_at_random(20'000, milliseconds(2'000));
  EXPECT_EQ(lanes.failures, "");
  EXPECT_EQ(metric("ops_meta_heartbeats_total"), 20'000);
}

// "From the machine itself" must not mean "through a proxy on the machine".
TEST_F(BehindProxy, RefusesAReloadThroughAProxyThatNamesItsClient) {
  ASSERT_TRUE(meta.start(std::vector<TestAgent>{})) << meta.log();
  for (const std::string field : {"X-Forwarded-For $remote_addr", "X-Real-IP $remote_addr", "Forwarded for=$remote_addr",
                                  "Via '1.1 proxy'", "X-Forwarded-Host $host", "X-Forwarded-Proto $scheme"}) {
    Nginx nginx(meta.port(), 1, "", cat("    proxy_set_header ", field, ";\n"));
    ASSERT_TRUE(nginx.start()) << nginx.log();
    EXPECT_EQ(get(nginx.port(), "/0/config/reload").body, "no privilege") << field;
  }
  HaProxy haproxy(meta.port());
  ASSERT_TRUE(haproxy.start()) << haproxy.log();
  EXPECT_EQ(get(haproxy.port(), "/0/config/reload").body, "no privilege");
  EXPECT_TRUE(meta.get("/config/reload").body.starts_with("{\"msg\":\"success\"")) << "without a proxy";
}

}  // namespace
}  // namespace ops::tests
