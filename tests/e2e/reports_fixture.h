#pragma once

// A real ops-meta with one agent, `a`, and hosts of which only the heartbeats exist: the test sends them.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/boxes.h"

namespace ops::tests {

struct Reports : testing::Test {
  void start(const std::string& version, const std::string& rollout = "{}") {
    ASSERT_TRUE(meta.start({agent(version, rollout)})) << meta.log();
  }
  void assign(const std::string& version, const std::string& rollout = "{}", const std::string& md5 = "") {
    ASSERT_TRUE(meta.assign({agent(version, rollout, md5)})) << meta.log();
  }
  static TestAgent agent(const std::string& version, const std::string& rollout, const std::string& md5 = "") {
    return {"a", version, "start", md5, "", R"(, "rollout": )" + rollout};
  }

  /// Sends a heartbeat of a host that runs `version` ("": none). Returns the version in the reply, "" if it has none.
  /// `md5`: of the version's tarball; "" if the host does not know it.
  std::string report(const std::string& host, const std::string& version, const std::string& updates = "",
                     const std::string& md5 = "") const {
    const std::string content = md5.empty() ? "" : R"(,"md5":")" + md5 + "\"";
    const std::string real =
        version.empty() ? "" : R"({"name":"a","version":")" + version + R"(","status":"started")" + content + "}";
    const HttpReply reply = http(meta.port(), "POST", "/heartbeat",
                                 R"({"hostname":")" + host + R"(","realAgents":[)" + real + R"(],"updates":[)" + updates +
                                     R"(],"updaterVersion":"1.0.0"})");
    EXPECT_EQ(reply.status, 200) << reply.body;
    const auto json = nlohmann::json::parse(reply.body, nullptr, false);
    if (json.is_discarded() || json.at("desiredAgents").empty()) return "";
    return json.at("desiredAgents").at(0).at("version");
  }
  /// A record of "updates".
  static std::string update(const std::string& version, const std::string& phase, const std::string& error = "") {
    return nlohmann::json{{"name", "a"}, {"version", version}, {"phase", phase}, {"attempts", 1}, {"error", error}}.dump();
  }

  nlohmann::json rollout(const std::string& version) const {
    return nlohmann::json::parse(meta.get("/status/summary").body).at("rollouts").at("a").at(version);
  }

  MetaBox meta;
};

inline std::string host(int number) { return "h" + std::to_string(100 + number); }

}  // namespace ops::tests
