// ops-meta behind nginx and HAProxy.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
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
  Lanes(const Proxy& proxy, int count) {
    for (int i = 0; i < count; ++i) clients_.push_back(std::make_unique<RawConnection>(proxy.port()));
    last_.resize(clients_.size());
  }

  /// Sends a heartbeat on each lane. The lane was idle for `shortest` to `longest`, spread over the lanes. The idle time is
  /// what is tested, so this sleeps.
  void beat(milliseconds shortest, milliseconds longest) {
    for (size_t i = 0; i < clients_.size(); ++i) {
      const auto idle = shortest + (longest - shortest) * i / clients_.size();
      std::this_thread::sleep_until(last_[i] + idle);
      clients_[i]->send(request(i));
      last_[i] = Clock::now();
    }
    for (size_t i = 0; i < clients_.size(); ++i) {
      const std::string reply = clients_[i]->read_until("\"desiredAgents\":[]");
      if (parse_reply(reply).status != 200) failures += cat("lane ", i, ": \"", reply.substr(0, 40), "\"\n");
    }
  }

  std::string failures;

 private:
  static std::string request(size_t lane) {
    const std::string body = cat(R"({"hostname": "h)", lane, R"(", "realAgents": []})");
    return cat("POST /", lane, "/heartbeat HTTP/1.1\r\nHost: m\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
  }

  std::vector<std::unique_ptr<RawConnection>> clients_;
  std::vector<Clock::time_point> last_;  // the lane's last heartbeat
};

constexpr int kLanes = 200;

struct BehindProxy : testing::Test {
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

// The proportions of nginx's 60 s and ops-meta's 75 s, in a shorter time: nginx closes idle connections, and ops-meta none.
TEST_F(BehindProxy, LosesNoHeartbeatWhenNginxClosesIdleConnections) {
  meta.set_http(", \"keepAlive\": 4");
  ASSERT_TRUE(meta.start(std::vector<TestAgent>{})) << meta.log();
  Nginx nginx(meta.port(), kLanes, "2s");
  ASSERT_TRUE(nginx.start()) << nginx.log();
  Lanes lanes(nginx, kLanes);
  lanes.beat(milliseconds(0), milliseconds(0));
  lanes.beat(milliseconds(1'500), milliseconds(2'500));
  lanes.beat(milliseconds(3'500), milliseconds(4'500));
  EXPECT_EQ(lanes.failures, "");
  EXPECT_EQ(metric("ops_meta_heartbeats_total"), 3 * kLanes);
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
