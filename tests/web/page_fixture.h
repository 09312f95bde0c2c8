#pragma once

// ops-meta's page in a real browser, with a real ops-meta. Leaves build/screenshots.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "common/protocol/heartbeat.h"
#include "tests/support/boxes.h"
#include "tests/support/wait.h"
#include "tests/web/browser.h"

namespace ops::tests {

using std::chrono::seconds;

struct Page : testing::Test {
  Page() { EXPECT_TRUE(meta.start({})) << meta.log(); }

  std::string url() const { return "http://" + meta.address() + "/"; }

  void expect_shown(const std::string& selector, const std::string& text) {
    EXPECT_TRUE(eventually([&] { return browser.text(selector).find(text) != std::string::npos; }, seconds(60)))
        << selector << " should show \"" << text << "\", and shows: " << browser.text(selector);
  }

  void report(const std::string& hostname, std::vector<RealAgent> agents = {}, std::vector<AgentUpdate> updates = {}) const {
    const std::string body = to_json(HeartbeatRequest{hostname, std::move(agents), std::move(updates), "1.0.0", "linux_amd64"});
    EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", body).status, 200) << body;
  }

  /// The page sent requests to ops-meta only, and the browser's console has no errors or warnings.
  void expect_well_behaved() {
    EXPECT_EQ(browser.console_errors(), std::vector<std::string>{});
    const auto requests = browser.requests();
    EXPECT_FALSE(requests.empty());
    for (const std::string& request : requests) {
      EXPECT_TRUE(request.starts_with(url()) || request.starts_with("data:image/svg+xml,")) << request;
    }
  }

  void save_screenshot(const std::string& name) { browser.save_screenshot(OPS_BUILD_DIR "/screenshots/" + name + ".png"); }

  MetaBox meta;
  Browser browser;
};

}  // namespace ops::tests
