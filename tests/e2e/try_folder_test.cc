// ops-updater --try on hosts where no program may run in the temporary folder.

#include <gtest/gtest.h>

#include "tests/support/mount_namespace.h"
#include "tests/support/process.h"
#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

namespace ops::tests {
namespace {

TEST(TryFolder, IsOneInWhichProgramsMayRun) {
  const TempDir box;
  const TempDir temporary;
  write_file(box / "demo-agent-1.0.tar.gz", demo_agent_tarball());
  const auto with_noexec = [&](const std::string& folders) {
    std::vector<std::string> words =
        own_mounts("for folder in " + folders + "; do mount -t tmpfs -o noexec none $folder; done");
    words.insert(words.end(), {"env", "TMPDIR=" + temporary.path(), std::string(OPS_BUILD_DIR) + "/ops-updater", "--try",
                               box / "demo-agent-1.0.tar.gz", "--probation", "1"});
    return run(words, "", std::chrono::seconds(100));
  };
  const Finished elsewhere = with_noexec(temporary.path());
  EXPECT_EQ(elsewhere.exit_code, 0) << elsewhere.output;
  EXPECT_TRUE(contains(elsewhere.output, temporary.path() + " is mounted noexec, so no control script runs there.\n" +
                                             "Testing demo-agent 1.0 in /var/tmp/ops-updater-try."))
      << elsewhere.output;
  const Finished nowhere = with_noexec(temporary.path() + " /var/tmp");
  EXPECT_EQ(nowhere.exit_code, 1) << nowhere.output;
  EXPECT_TRUE(contains(nowhere.output,
                       "cannot run programs in " + temporary.path() + " or /var/tmp: both are mounted noexec; set TMPDIR"))
      << nowhere.output;
}

}  // namespace
}  // namespace ops::tests
