// Runs `./control demo` and `./control demo stop`, with the daemons that are built already.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"
#include "updater/process/processes.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

TEST(Demo, ShowsAnInstallAndAnUpgradeAndStops) {
  const TempDir checkout;
  const std::string source = OPS_SOURCE_DIR;
  for (const char* folder : {"/build", "/cmake", "/meta", "/updater", "/tests/support"})
    fs::create_directories(checkout.path() + folder);
  for (const char* file : {"/control", "/cmake/demo.sh", "/meta/verbs.sh", "/updater/verbs.sh"})
    fs::copy(source + file, checkout.path() + file);
  for (const char* name : {"/ops-meta", "/ops-updater"}) {
    fs::copy_file(std::string(OPS_BUILD_DIR) + name, checkout.path() + "/build" + name);
  }
  fs::copy(source + "/tests/support/demo-agent", checkout.path() + "/tests/support/demo-agent", fs::copy_options::recursive);
  // cmake/dev.sh provides these functions to demo.sh; two of them would install packages and build.
  const std::string script =
      "set -euo pipefail; say() { echo \"$*\"; }; need() { :; }; parse_sanitize() { :; }; build_daemons() { :; }; "
      ". cmake/demo.sh; ";
  const Finished demo = run({"bash", "-c", script + "demo_start"}, checkout.path());
  EXPECT_EQ(demo.exit_code, 0);
  EXPECT_TRUE(contains(demo.output, "demo-host 1.0.0 started ")) << demo.output;
  EXPECT_TRUE(contains(demo.output, "demo-host 2.0.0 started ")) << demo.output;
  const Finished stop = run({"bash", "-c", script + "demo_stop"}, checkout.path());
  EXPECT_EQ(stop.exit_code, 0);
  EXPECT_TRUE(contains(stop.output, "demo-agent stopped")) << stop.output;
  EXPECT_EQ(updater::processes_in(checkout.path()), std::vector<pid_t>());
  updater::end_processes_in(checkout.path(), {});
}

}  // namespace
}  // namespace ops::tests
