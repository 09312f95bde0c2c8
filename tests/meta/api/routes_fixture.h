#pragma once

// ops-meta's routes, called without a socket.

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "meta/api/routes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/whole_body.h"

namespace ops::tests {

inline constexpr char kText[] = "text/plain; charset=UTF-8";
inline constexpr char kJson[] = "application/json; charset=UTF-8";

/// A config with one agent, falcon-agent, in this version, and 9 on hosts lg-*.
inline std::string config_text(const std::string& version) {
  return R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [{"default": {"name": "falcon-agent", "version": ")" + version +
         R"(", "tarball": "http://127.0.0.1:2100/falcon", "cmd": "start"}, "others": [{"prefix": "lg-", "version": "9"}]}]})";
}

struct RoutesTest : testing::Test {
  RoutesTest() {
    // The same local time on every machine.
    ::setenv("TZ", "CST-8", 1);
    ::tzset();
  }

  HttpResponse get(const std::string& target) { return ask("GET", target); }
  HttpResponse ask(const std::string& method, const std::string& target, const std::string& peer = "127.0.0.1") {
    return routes.handle({method, target, {}, "", peer});
  }
  HttpResponse get_with(const std::string& target, const std::string& key, const std::string& value) {
    HttpRequest request{"GET", target, {}, "", "127.0.0.1"};
    request.query = {{key, value}};
    return routes.handle(request);
  }
  HttpResponse post(const std::string& target, const std::string& body) {
    return routes.handle({"POST", target, {}, body, "192.0.2.7"});
  }
  HttpResponse heartbeat(const std::string& body) { return routes.handle({"POST", "/heartbeat", {}, body, "192.0.2.7"}); }

  void report(const std::string& hostname, std::vector<RealAgent> agents, std::vector<AgentUpdate> updates = {}) {
    const auto recorded = hosts.record({hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"},
                                       std::chrono::system_clock::now());
    EXPECT_TRUE(recorded);
  }

  void write_config(const std::string& text) const { write_file(config_path, text); }

  meta::Config load() const {
    write_config(config_text("1.0.1"));
    ConfigReport report;
    meta::Config config = meta::load_config(config_path, report);
    config.tarball_dir = folder / "tarball";
    write_file(folder / "tarball/file", "content");
    EXPECT_TRUE(report.ok()) << report.text(config_path);
    return config;
  }

  TempDir folder;
  std::string config_path = folder / "cfg.json";
  meta::HostTable hosts;
  meta::Routes routes{config_path, load(), hosts};
};

inline void expect_text(const HttpResponse& response, int status, const std::string& body) {
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.content_type, kText);
  EXPECT_EQ(whole_body(response), body);
}

inline void expect_json(const HttpResponse& response, const std::string& body) {
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, kJson);
  EXPECT_EQ(whole_body(response), body);
}

}  // namespace ops::tests
