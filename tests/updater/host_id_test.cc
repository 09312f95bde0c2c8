#include "updater/host_id.h"

#include <gtest/gtest.h>

#include "common/base/text.h"
#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

struct HostId : testing::Test {
  tests::TempDir folder;
  std::string path = folder / "host-id";
};

TEST_F(HostId, IsMadeOnce) {
  const std::string id = host_id(path, "machine");
  EXPECT_TRUE(is_hex(id, 32)) << id;
  EXPECT_EQ(host_id(path, "machine"), id);
  EXPECT_NE(host_id(folder / "other", "machine"), id);
}

TEST_F(HostId, IsNewOnAnotherMachine) {
  const std::string id = host_id(path, "machine");
  const std::string copied = host_id(path, "clone");
  EXPECT_NE(copied, id);
  EXPECT_EQ(host_id(path, "clone"), copied);
}

TEST_F(HostId, IsStableOnAMachineWithoutAnIdentity) { EXPECT_EQ(host_id(path, ""), host_id(path, "")); }

TEST_F(HostId, ReplacesADamagedFile) {
  for (const std::string text : {"", "x", "8f14e45f machine", "gggggggggggggggggggggggggggggggg machine"}) {
    tests::write_file(path, text);
    const std::string id = host_id(path, "machine");
    EXPECT_TRUE(is_hex(id, 32)) << text;
    EXPECT_EQ(host_id(path, "machine"), id) << text;
  }
}

TEST_F(HostId, IsEmptyWhenItCannotBeSaved) { EXPECT_EQ(host_id(folder / "none/host-id", "machine"), ""); }

}  // namespace
}  // namespace ops::updater
