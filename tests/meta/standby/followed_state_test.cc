#include "meta/standby/followed_state.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "meta/hosts/host_snapshot.h"
#include "meta/rollout/rollout_snapshot.h"
#include "tests/support/temp_dir.h"

namespace ops::meta {
namespace {

constexpr char kConfig[] = R"({"http": {}, "interval": 60, "agents": [{"default": {"name": "a", "version": "2",
  "tarball": ["http://ann:secret@m/a", "https://n/get?name={file}&sig=0123456789"], "cmd": "start", "preserve": true, "stopTimeout": 9},
  "others": [{"prefix": "lg-", "percent": 12.5, "version": "3"}], "rollout": {"soak": 0, "maxFailureRate": 1.5}}]})";

struct Followed : testing::Test {
  Followed() {
    std::filesystem::create_directory(folder / "var");
    std::filesystem::current_path(folder.path());
  }
  ~Followed() override { std::filesystem::current_path(before); }

  FollowedState state(int64_t shift = 0) {
    return state_of(*assignments_in(kConfig)->config(), hosts, controller, 7,
                    std::chrono::system_clock::now() + std::chrono::seconds(shift));
  }

  const std::filesystem::path before = std::filesystem::current_path();
  tests::TempDir folder;
  HostTable hosts;
  RolloutController controller{hosts};
};

TEST_F(Followed, ConfigIsTheSameWithItsSecrets) {
  const auto read = parse_followed_state(to_json(state()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, state());
  const auto own = assignments_in(kConfig);
  const auto after = assignments_in(read->config);
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->config()->agents, own->config()->agents);
  EXPECT_EQ(after->config()->interval, own->config()->interval);
  EXPECT_FALSE(parse_followed_state("{\"generation\": 7}"));
}

TEST_F(Followed, FilesAreThoseThatALeaderReads) {
  const int64_t hour = 3600;
  controller.restore({{"a", "2", "h1", std::chrono::system_clock::to_time_t(steady_now()) - 5}});
  hosts.set_peaks({{"a", "1", 1000}});
  ASSERT_TRUE(write_followed(state(hour), {}, 1447000000));
  const auto rollouts = load_rollouts(kSavedRolloutsFile);
  ASSERT_TRUE(rollouts) << rollouts.error().message;
  EXPECT_EQ(rollouts->peaks, (HostTable::Peaks{{"a", "1", 1000}}));
  ASSERT_EQ(rollouts->leases.size(), 1U);
  EXPECT_LE(std::abs(rollouts->leases[0].granted_at - (std::time(nullptr) + hour - 5)), 30)
      << "the times are those of the reader's clock";
  EXPECT_EQ(since_save(*rollouts, boot_time()), std::nullopt) << "the boot of the leader's machine is not this one's";
  EXPECT_EQ(load_followed(kFollowedFile)->generation, 7);
  EXPECT_EQ(load_followed(kFollowedFile)->at, 1447000000);
}

TEST_F(Followed, RolloutsOfALeaderInItsWarmUpReplaceNone) {
  hosts.set_peaks({{"a", "1", 1000}});
  ASSERT_TRUE(write_followed(state(), {}, 1));
  hosts.set_peaks({});
  FollowedState later = state();
  later.rollouts = to_json(RolloutSnapshot());
  later.warms_up = true;
  ASSERT_TRUE(write_followed(later, state(), 2));
  EXPECT_EQ(load_rollouts(kSavedRolloutsFile)->peaks.size(), 1U);
  later.warms_up = false;
  ASSERT_TRUE(write_followed(later, state(), 2));
  EXPECT_EQ(load_rollouts(kSavedRolloutsFile)->peaks.size(), 0U);
}

TEST_F(Followed, AgentsReplaceThoseOfTheConfigAndNothingElse) {
  const std::string own = R"({"debug": true, "interval": 5, "http": {"listen": ":1"}, "agents": []})";
  tests::write_file(folder / "cfg.json", own);
  ConfigReport report;
  const Config config = load_config("cfg.json", report);
  const auto merged = with_followed_agents("cfg.json", config, {7, 1, kConfig});
  ASSERT_TRUE(merged) << merged.error().message;
  const Config read = parse_config(*merged, report);
  ASSERT_TRUE(report.ok()) << report.text("merged");
  EXPECT_EQ(assignments_json(read), assignments_json(*assignments_in(kConfig)->config()));
  EXPECT_TRUE(read.debug);
  EXPECT_EQ(read.http_listen, ":1");
  EXPECT_EQ(*with_followed_agents("cfg.json", read, {7, 1, kConfig}), "") << "it has them already";
}

TEST(HostsWriter, MakesTheBytesOfTheFile) {
  const tests::TempDir folder;
  HostTable hosts;
  const auto now = steady_now();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(hosts.record({"h" + std::to_string(i), {{"a", "1", "started", 7}}}, now));
  const auto wall = std::chrono::system_clock::now();
  ASSERT_TRUE(save_hosts(hosts, folder / "hosts", now, wall));
  HostsWriter writer(hosts, now, wall);
  std::string bytes;
  int pieces = 1;
  while (writer.next(bytes)) ++pieces;
  EXPECT_GT(pieces, 1);
  EXPECT_EQ(bytes, tests::read_file(folder / "hosts"));
  EXPECT_EQ(fault_of_hosts(bytes), "");
  bytes[bytes.size() / 2] ^= 1;
  EXPECT_EQ(fault_of_hosts(bytes), "it is damaged");
}

}  // namespace
}  // namespace ops::meta
