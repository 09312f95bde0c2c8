// Hosts that the Go updater managed before: NAME/VERSION/ holds the tarball, and NAME/.version has no newline.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "tests/support/boxes.h"
#include "tests/support/go_updater.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;
using Versions = std::vector<std::string>;

GoUpdater go_updater_of(const UpdaterBox& host) { return {host.folder(), "h1"}; }

/// Installs and starts version 1.0.0 as the Go updater does.
void install_like_go(const UpdaterBox& host) {
  go_updater_of(host).untar("demo-agent", "1.0.0", demo_agent_tarball("one"));
  go_updater_of(host).write_version("demo-agent", "1.0.0");
  EXPECT_EQ(host.control("demo-agent", "1.0.0", "start"), "");
}

TEST(Takeover, NeitherDownloadsNorRestartsAgentsOfTheGoUpdater) {
  MetaBox meta;  // without any tarball
  ASSERT_TRUE(meta.start({{"demo-agent", "1.0.0"}})) << meta.log();
  UpdaterBox host(meta.address());
  install_like_go(host);
  const pid_t before = host.agent_pid("demo-agent", "1.0.0");
  const Versions files = list(host.agent("demo-agent") + "/1.0.0");

  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.status("demo-agent").starts_with("h1 1.0.0 started "); })) << host.log();
  EXPECT_TRUE(meta.receives_heartbeats(3));
  EXPECT_EQ(host.agent_pid("demo-agent", "1.0.0"), before) << host.log();
  EXPECT_EQ(list(host.agent("demo-agent")), (Versions{".version", "1.0.0"}));
  EXPECT_EQ(list(host.agent("demo-agent") + "/1.0.0"), files);
}

TEST(Takeover, CompletesAnUpgradeFromEveryStepOfTheGoUpdater) {
  MetaBox meta;
  const std::string tarball = demo_agent_tarball("two");
  meta.publish("demo-agent", "2.0.0", tarball);
  ASSERT_TRUE(meta.start({{"demo-agent", "2.0.0"}})) << meta.log();

  // Each host is left after one more step than the host before it.
  const std::vector<std::function<void(const UpdaterBox&)>> steps = {
      [](const UpdaterBox& host) { fs::create_directories(host.agent("demo-agent") + "/2.0.0"); },
      [&](const UpdaterBox& host) {
        write_file(host.agent("demo-agent") + "/2.0.0/demo-agent-2.0.0.tar.gz", tarball.substr(0, tarball.size() / 2));
      },
      [&](const UpdaterBox& host) { write_file(host.agent("demo-agent") + "/2.0.0/demo-agent-2.0.0.tar.gz", tarball); },
      [](const UpdaterBox& host) {  // half unpacked
        write_file(host.agent("demo-agent") + "/2.0.0/control", demo_agent_file("control"), 0755);
      },
      [&](const UpdaterBox& host) { go_updater_of(host).untar("demo-agent", "2.0.0", tarball); },
      [](const UpdaterBox& host) { host.control("demo-agent", "1.0.0", "stop"); },
      [](const UpdaterBox& host) { host.control("demo-agent", "2.0.0", "start"); },
      [](const UpdaterBox& host) { go_updater_of(host).write_version("demo-agent", "2.0.0"); },
  };
  std::vector<std::unique_ptr<UpdaterBox>> hosts;
  for (size_t done = 0; done <= steps.size(); ++done) {
    UpdaterSettings settings;
    settings.hostname = "after-step-" + std::to_string(done);
    hosts.push_back(std::make_unique<UpdaterBox>(meta.address(), settings));
    install_like_go(*hosts.back());
    for (size_t step = 0; step < done; ++step) steps[step](*hosts.back());
    ASSERT_TRUE(hosts.back()->start()) << hosts.back()->log();
  }
  for (size_t done = 0; done <= steps.size(); ++done) {
    const UpdaterBox& host = *hosts[done];
    EXPECT_TRUE(eventually([&] {
      return host.version("demo-agent") == "2.0.0" && host.running("demo-agent") == Versions{"2.0.0"};
    })) << "after step "
        << done << "\n"
        << host.log();
  }
}

}  // namespace
}  // namespace ops::tests
