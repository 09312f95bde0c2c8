#pragma once

// Two ops-metas that name each other in cfg.json, and hosts that know both.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/boxes.h"
#include "tests/support/http.h"
#include "tests/support/promtool.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {

/// A free port that the kernel gives to no other socket, while a daemon may listen there, stop and start again.
class ReservedPort {
 public:
  ReservedPort() {
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    number_ = ntohs(address.sin_port);
  }
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;
  ~ReservedPort() { ::close(socket_); }

  int number() const { return number_; }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int number_ = 0;
};

/// A host with an interval of 1 s. Its agent demo-agent needs no soak.
struct Pair : testing::Test {
  Pair() {
    m1.set_port(port1.number());
    m2.set_port(port2.number());
    for (MetaBox* meta : {&m1, &m2}) {
      meta->set_http(R"(, "adminTokens": ["boss"])");
      meta->add_control();
      for (const char* version : {"1.0.0", "2.0.0"}) meta->publish("demo-agent", version, demo_agent_tarball(version));
    }
    name_each_other(m1, m2);
    name_each_other(m2, m1);
  }

  static void name_each_other(MetaBox& meta, const MetaBox& other) {
    meta.set_more(R"(, "standby": {"of": ")" + other.url() + R"(", "token": "boss"})");
  }

  /// The tarballs come from m1, which is alive in all tests that install one.
  std::vector<TestAgent> agents(const std::string& version) const {
    return {{"demo-agent", version, "start", "", m1.url("/demo-agent"), R"(, "rollout": {"soak": 0})"}};
  }

  /// m1 leads and knows the interval of the hosts, so that its warm-up takes seconds.
  void start_leader(const std::string& version, int hosts_wanted) {
    m1.set_more("");
    ASSERT_TRUE(m1.start(agents(version))) << m1.log();
    for (int i = 1; i <= hosts_wanted; ++i) {
      hosts.push_back(
          std::make_unique<UpdaterBox>(m1.address() + "," + m2.address(), UpdaterSettings{"h" + std::to_string(i)}));
      ASSERT_TRUE(hosts.back()->start()) << hosts.back()->log();
    }
    ASSERT_TRUE(all_run(version));
    ASSERT_EQ(m1.process().stop(), 0);
    name_each_other(m1, m2);
    ASSERT_TRUE(m1.start(agents(version))) << m1.log();
    const Finished promoted = m1.run_control({"promote", "--force"});
    ASSERT_EQ(promoted.exit_code, 0) << promoted.output << m1.log();
    ASSERT_TRUE(has_role(m1, "leads")) << m1.log();
  }

  bool all_run(const std::string& version) const {
    return eventually(
        [&] {
          return std::all_of(hosts.begin(), hosts.end(), [&](const auto& host) {
            return host->running("demo-agent") == std::vector<std::string>{version};
          });
        },
        std::chrono::seconds(120));
  }

  /// Waits for the line of ./control status.
  static bool has_role(const MetaBox& meta, const std::string& role) {
    return eventually([&] { return meta.get_as_owner("/standby/role").body.starts_with(role); }, std::chrono::seconds(120));
  }
  static bool follows(const MetaBox& meta) {
    return eventually([&] { return contains(meta.get_as_owner("/standby/role").body, " s behind"); },
                      std::chrono::seconds(120));
  }

  static HttpReply heartbeat(int port, const std::string& version) {
    return http(port, "POST", "/heartbeat",
                R"({"hostname": "probe", "realAgents": [{"name": "demo-agent", "version": ")" + version +
                    R"(", "status": "started", "timestamp": 7}], "interval": 1})");
  }
  static HttpReply heartbeat(const MetaBox& meta, const std::string& version) { return heartbeat(meta.port(), version); }

  ReservedPort port1;
  ReservedPort port2;
  MetaBox m1;
  MetaBox m2;
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
};

}  // namespace ops::tests
