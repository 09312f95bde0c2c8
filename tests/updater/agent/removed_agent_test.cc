// Agents whose folder was removed while they ran.

#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/file.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"
#include "tests/updater/agent/switch_fixture.h"
#include "updater/process/processes.h"

namespace ops::updater {
namespace {

TEST(SwitchOfARemovedAgent, EndsTheProcessesOfTheRemovedFolderFirst) {
  const tests::TempDir root;
  const tests::TempDir other;
  const Host host(root.path());
  host.add("1", kChecksum1, control("1"));
  tests::write_file(host.layout().version("a", "1") + "/sleep", tests::read_file("/bin/sleep"), 0755);
  tests::Process works({"sleep", "1000"}, host.layout().version("a", "1"), other / "works");
  tests::Process runs({host.layout().version("a", "1") + "/sleep", "1000"}, "/", other / "runs");
  tests::Process beside({"sleep", "1000"}, other.path(), other / "beside");
  ASSERT_TRUE(tests::eventually([&] { return describe(runs.pid()).ends_with("(sleep)"); }));
  ASSERT_TRUE(remove_tree(host.layout().agent("a")));
  host.add(".staged-2", kChecksum2, control("2"));
  const auto done = host.carry_out_next(kVersion2);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(works.is_running());
  EXPECT_FALSE(runs.is_running());
  EXPECT_TRUE(beside.is_running());
}

TEST(SwitchOfARemovedAgent, EndsTheProcessesOfACurrentVersionWithoutControl) {
  const tests::TempDir root;
  const tests::TempDir other;
  const Host host(root.path());
  host.add_running(control("1"));
  tests::Process works({"sleep", "1000"}, host.layout().version("a", "1"), other / "works");
  ASSERT_TRUE(remove_tree(host.layout().version("a", "1")));
  host.add(".staged-1", kChecksum2, control("1"));
  ASSERT_EQ(::unlink((host.layout().agent("a") + "/up-1").c_str()), 0);
  const auto done = host.carry_out_next({"a", "1", "", "", "start"});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(works.is_running());
}

}  // namespace
}  // namespace ops::updater
