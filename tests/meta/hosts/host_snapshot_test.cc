#include "meta/hosts/host_snapshot.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::Host;
using meta::HostTable;
using meta::HostView;
using meta::load_hosts;
using meta::save_hosts;
using std::chrono::seconds;

const HostTable::TimePoint kNow = std::chrono::system_clock::from_time_t(1'447'000'000);

struct HostSnapshot : testing::Test {
  void record(const HeartbeatRequest& heartbeat, HostTable::TimePoint now = kNow) { ASSERT_TRUE(hosts.record(heartbeat, now)); }

  void fill() {
    record({"h1",
            {{"a", "1", "started", 1'446'999'990}, {"b", "2", "say \"hi\"", INT64_MIN}, {"c", "1", "", INT64_MAX}},
            {{"a", "3", "failed", 1, INT64_MAX, INT64_MIN, -1, "why"}},
            "1.0.0",
            "linux_amd64"});
    record({"h2", {{"a", "1", "started", 0}}, {}, "", ""}, kNow - seconds(7));
    record({"h3", {}, {}, "1.0.0", "linux_amd64"}, kNow - seconds(200'000));
  }

  void save() {
    const auto saved = save_hosts(hosts, path, kNow, kNow);
    ASSERT_TRUE(saved) << saved.error().message;
    EXPECT_EQ(*saved, hosts.size());
  }

  /// Why the file is ignored; "" if it is not.
  std::string fault(HostTable::TimePoint now = kNow) {
    const auto count = load_hosts(loaded, path, now);
    if (count) {
      loaded.clear();
      return "";
    }
    EXPECT_EQ(loaded.size(), 0u);
    EXPECT_EQ(loaded.bytes(), 0u);
    return count.error().message;
  }

  void expect_loads() const {
    HostTable fresh;
    const auto count = load_hosts(fresh, path, kNow);
    ASSERT_TRUE(count) << count.error().message;
    EXPECT_EQ(*count, hosts.size());
    EXPECT_EQ(all(fresh), all(hosts));
    EXPECT_EQ(fresh.summary(), hosts.summary());
    EXPECT_EQ(fresh.bytes(), hosts.bytes());
  }

  static std::map<std::string, Host> all(const HostTable& table) {
    std::map<std::string, Host> all;
    std::string from;
    table.visit(from, SIZE_MAX, [&](const HostView& host) {
      host.copy_to(all[std::string(host.name())]);
      return true;
    });
    return all;
  }

  TempDir folder;
  std::string path = folder / "hosts.table";
  HostTable hosts;
  HostTable loaded;  // for fault(); made once, as thousands of files are loaded
};

TEST_F(HostSnapshot, RestoresEveryHost) {
  save();
  expect_loads();
  fill();
  save();
  expect_loads();
}

TEST_F(HostSnapshot, RestoresMoreHostsThanOneBufferHolds) {
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    record({"host-" + number, {{"a", number, "started", i}}, {{"b", "1", "failed", i, i, i, i, "error " + number}}, "", ""});
  }
  save();
  EXPECT_GT(read_file(path).size(), 1u << 20);
  expect_loads();
}

TEST_F(HostSnapshot, ReplacesTheFileWithMode0600) {
  write_file(path, "old");
  write_file(path + ".new", "left by a crash", 0444);
  save();
  struct stat info = {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(list(folder.path()), std::vector<std::string>{"hosts.table"});
  expect_loads();
}

TEST_F(HostSnapshot, KeepsTheOldFileWhenAWriteFails) {
  fill();
  save();
  write_file(path + ".new/in-the-way", "");
  EXPECT_FALSE(save_hosts(hosts, path, kNow, kNow));
  expect_loads();
}

TEST_F(HostSnapshot, LoadsNoHostWithoutAFile) { EXPECT_EQ(fault(), ""); }

TEST_F(HostSnapshot, RefusesAFileCutOffAtAnyByte) {
  fill();
  save();
  const std::string whole = read_file(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file(path, whole.substr(0, size));
    EXPECT_EQ(fault(), path + " is ignored: it is damaged") << size;
  }
  write_file(path, whole + "x");
  EXPECT_EQ(fault(), path + " is ignored: it is damaged");
}

TEST_F(HostSnapshot, RefusesAFileWithAnyBitFlipped) {
  fill();
  save();
  const std::string whole = read_file(path);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      write_file(path, flipped);
      EXPECT_NE(fault(), "") << at;
    }
  }
}

// A version name that results from damage would count as run by many hosts, and the rule would let all hosts change to it at
// once.
TEST_F(HostSnapshot, LearnsNoPeakFromADamagedFile) {
  for (int i = 0; i < 100; ++i) record({"h" + std::to_string(i), {{"a", "1.0.0", "started", 0}}, {}, "", ""});
  save();
  std::string damaged = read_file(path);
  damaged.replace(damaged.find("1.0.0"), 5, "1.0.1");
  write_file(path, damaged);
  EXPECT_EQ(fault(), path + " is ignored: it is damaged");
  EXPECT_EQ(loaded.reports("a", "1.0.1").peak, 0u);
}

TEST_F(HostSnapshot, RefusesAFileWithMissingHosts) {
  for (int i = 0; i < 20'000; ++i) record({"host-" + std::to_string(i), {}, {{"b", "1", "", i, 0, 0, 0, "error"}}, "", ""});
  save();
  std::string whole = read_file(path);
  const size_t middle = whole.size() / 2;
  write_file(path, whole.erase(whole.rfind("host-", middle), 1000));
  EXPECT_EQ(fault(), path + " is ignored: it is damaged");
}

TEST_F(HostSnapshot, RefusesAnOldFileAndAnotherFormat) {
  save();
  EXPECT_EQ(fault(kNow + meta::kForgetAfter), "");
  EXPECT_EQ(fault(kNow + meta::kForgetAfter + seconds(1)), path + " is ignored: it is older than 3 days");
  EXPECT_TRUE(load_hosts(loaded, path, kNow + 2 * meta::kForgetAfter, seconds(5))) << "the clock was set forward";
  std::string other = read_file(path);
  other[8] = 1;
  write_file(path, other);
  EXPECT_EQ(fault(), path + " is ignored: its format is 1, not 3");
  write_file(path, R"({"hosts": "a file of another program"})");
  EXPECT_EQ(fault(), path + " is ignored: it is not a host table");
}

TEST_F(HostSnapshot, KeepsTheAgesOfHeartbeatsWhenTheClockIsSetBack) {
  fill();
  save();
  const auto back = kNow - seconds(1000);
  ASSERT_TRUE(load_hosts(loaded, path, back));
  EXPECT_EQ(loaded.find("h1")->heard_at, back);
  EXPECT_EQ(loaded.find("h3")->heard_at, back - seconds(200'000));
}

TEST_F(HostSnapshot, AddsTheTimeSinceTheSaveToTheAgesAndNotTheStepOfTheClock) {
  fill();
  save();
  const auto ahead = kNow + std::chrono::hours(8);
  ASSERT_TRUE(load_hosts(loaded, path, ahead, seconds(5)));
  EXPECT_EQ(loaded.find("h1")->heard_at, ahead - seconds(5));
  EXPECT_EQ(loaded.find("h3")->heard_at, ahead - seconds(200'005));
}

TEST_F(HostSnapshot, HasTheTimesOfTheWallClock) {
  fill();
  const auto wall = kNow - std::chrono::hours(8);  // corrected since the start
  ASSERT_TRUE(meta::save_hosts(hosts, path, kNow, wall));
  ASSERT_TRUE(load_hosts(loaded, path, wall));
  EXPECT_EQ(loaded.find("h1")->heard_at, wall);
  EXPECT_EQ(loaded.find("h3")->heard_at, wall - seconds(200'000));
}

TEST_F(HostSnapshot, LeavesOutHostsBeyondTheTablesLimit) {
  fill();
  save();
  HostTable small(2);
  const auto count = load_hosts(small, path, kNow);
  ASSERT_TRUE(count) << count.error().message;
  EXPECT_EQ(*count, 2u);
  EXPECT_EQ(small.size(), 2u);
}

}  // namespace
}  // namespace ops::tests
