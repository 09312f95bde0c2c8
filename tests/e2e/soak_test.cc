// Hundreds of upgrades, rollbacks and rounds: memory, descriptors, processes and disk space may not grow. `./control test soak`
// runs all of them; other test runs do a tenth.

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/text.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/tarball.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;
using Versions = std::vector<std::string>;

/// The resources that may not grow.
struct Usage {
  long memory = 0;  // kB
  size_t descriptors = 0;
  size_t children = 0;
  uintmax_t disk = 0;  // bytes of the agent's folder

  explicit Usage(const UpdaterBox& host)
      : memory(rss_kb(host.daemon_pid())),
        descriptors(list(cat("/proc/", host.daemon_pid(), "/fd")).size()),
        children(children_of(host.daemon_pid()).size()) {
    for (const auto& entry : fs::recursive_directory_iterator(host.agent("demo-agent"))) {
      if (entry.is_regular_file() && entry.path().filename() != "app.log") disk += entry.file_size();
    }
  }
};

std::ostream& operator<<(std::ostream& out, const Usage& usage) {
  return out << usage.memory << " kB RSS, " << usage.descriptors << " descriptors, " << usage.children << " children, "
             << usage.disk << " bytes in the agent's folder";
}

TEST(Soak, UpgradesRollbacksAndRoundsLeaveNothingBehind) {
  const int scale = std::getenv("OPS_SOAK") == nullptr ? 10 : 100;
  MetaBox meta;
  meta.publish("demo-agent", "even", demo_agent_tarball("even"));
  meta.publish("demo-agent", "odd", demo_agent_tarball("odd"));
  meta.publish("demo-agent", "bad", agent_tarball_that_never_starts());
  ASSERT_TRUE(meta.start({{"demo-agent", "odd"}})) << meta.log();
  UpdaterSettings settings;
  settings.probation = 0;
  UpdaterBox host(meta.address(), settings);
  ASSERT_TRUE(host.start()) << host.log();

  const auto shows = [&](const std::string& text) {
    return meta.get("/status/json/demo-agent").body.find(text) != std::string::npos;
  };
  const auto assign = [&](const std::string& version) {
    ASSERT_TRUE(meta.assign({{"demo-agent", version}}));
    host.process().signal(SIGHUP);
  };
  const auto runs = [&](const std::string& version) {
    return eventually([&] { return shows(version) && shows("\"started\"") && !shows("update"); });
  };
  ASSERT_TRUE(runs("odd")) << host.log();
  std::optional<Usage> before;
  for (int i = 0; i < scale; ++i) {
    const std::string version = i % 2 == 0 ? "even" : "odd";
    assign(version);
    ASSERT_TRUE(runs(version)) << "upgrade " << i << "\n" << host.log();
    assign("bad");
    ASSERT_TRUE(eventually([&] { return shows("rolled-back"); })) << "rollback " << i << "\n" << host.log();
    ASSERT_EQ(host.running("demo-agent"), Versions{version});
    if (i == 1) before.emplace(host);
  }
  for (int i = 0; i < scale * scale; ++i) {
    const size_t log = fs::file_size(host / "var/app.log");
    host.process().signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return fs::file_size(host / "var/app.log") != log; }));
  }
  EXPECT_TRUE(eventually([&] { return children_of(host.daemon_pid()).empty(); }));
  const Usage after(host);
  std::cout << "after 2 upgrades and rollbacks: " << *before << "\nafter " << scale << " upgrades, " << scale << " rollbacks, "
            << scale * scale << " rounds: " << after << "\n";
  EXPECT_LE(after.descriptors, before->descriptors + 2);
  EXPECT_LE(after.disk, before->disk * 2);
  if (!kSanitized) {
    EXPECT_LE(after.memory, before->memory + 1024);
  }
}

}  // namespace
}  // namespace ops::tests
