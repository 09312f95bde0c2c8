#include "meta/hosts/duplicate_names.h"

#include <gtest/gtest.h>

#include "meta/hosts/host_table.h"

namespace ops::tests {
namespace {

using meta::DuplicateNames;
using meta::HostTable;
using std::chrono::seconds;

struct DuplicateNamesTest : testing::Test {
  bool note(const std::string& host, DuplicateNames::Id id) {
    auto& before = last[host];
    const bool is_duplicate = names.note(host, before, id, 300, now);
    if (id != 0) before = id;
    return is_duplicate;
  }

  DuplicateNames names;
  std::map<std::string, DuplicateNames::Id> last;
  uint32_t now = 1'447'000'000;
};

TEST_F(DuplicateNamesTest, AnIdThatComesBackIsASecondMachine) {
  EXPECT_FALSE(note("h1", 1));
  now += 150;
  EXPECT_FALSE(note("h1", 2)) << "the updater may have been installed again";
  now += 150;
  EXPECT_TRUE(note("h1", 1));
  now += 300;
  EXPECT_TRUE(note("h1", 1)) << "until the id has not changed for three intervals";
  EXPECT_EQ(names.found().count, 1u);
  EXPECT_EQ(names.found().examples, std::vector<std::string>{"h1"});
  now += 601;
  EXPECT_FALSE(note("h1", 1));
  EXPECT_EQ(names.found().count, 0u);
}

TEST_F(DuplicateNamesTest, ANewIdAndAnOldUpdaterAreNoSecondMachine) {
  EXPECT_FALSE(note("h1", 1));
  EXPECT_FALSE(note("h1", 0)) << "an updater that sends no id";
  EXPECT_FALSE(note("h1", 1));
  EXPECT_FALSE(note("h1", 2));
  now += 901;
  EXPECT_FALSE(note("h1", 1)) << "after more than three intervals";
}

TEST_F(DuplicateNamesTest, WatchesALimitedNumberOfNames) {
  for (size_t i = 0; i < DuplicateNames::kMaxNames + 10; ++i) {
    const std::string host = "h" + std::to_string(i);
    for (const DuplicateNames::Id id : {1u, 2u, 1u}) note(host, id);
  }
  EXPECT_EQ(names.found().count, DuplicateNames::kMaxNames);
  EXPECT_EQ(names.found().examples.size(), DuplicateNames::kMaxExamples);
  now += 901;
  for (const DuplicateNames::Id id : {1u, 2u, 1u}) note("next", id);
  EXPECT_EQ(names.found().examples, std::vector<std::string>{"next"});
}

TEST(HostTableDuplicates, CountForNoRelease) {
  const auto begin = HostTable::TimePoint(seconds(1'447'000'000));
  HostTable hosts;
  const auto record = [&](const std::string& id, const std::string& version, int at) {
    HeartbeatRequest heartbeat{"h1", {{"a", version, "started", 7}}, {{"a", "3", "failed", 0, 0, 1, 7, "why"}}, "1", "x"};
    if (at % 2 == 1) heartbeat.real_agents.push_back({"b", "1", "started", 7});  // a record of another size
    heartbeat.host_id = id;
    EXPECT_TRUE(hosts.record(heartbeat, begin + seconds(at)));
  };
  record("one", "1", 0);
  EXPECT_EQ(hosts.reports("a", "1").running, 1u);
  EXPECT_EQ(hosts.reports("a", "3").broken, 1u);
  record("two", "2", 100);
  EXPECT_EQ(hosts.reports("a", "2").running, 1u);
  for (int i = 0; i < 5; ++i) {
    record("one", "1", 201 + 20 * i);
    record("two", "2", 210 + 20 * i);
    EXPECT_TRUE(hosts.is_duplicate("h1"));
    EXPECT_TRUE(hosts.find("h1")->is_duplicate);
    EXPECT_EQ(hosts.reports("a", "1").running, 0u);
    EXPECT_EQ(hosts.reports("a", "2").running, 0u);
    EXPECT_EQ(hosts.reports("a", "3").broken, 0u);
  }
  EXPECT_EQ(hosts.find("h1")->agent("a")->version, "2");
  record("two", "2", 2000);
  EXPECT_FALSE(hosts.is_duplicate("h1"));
  EXPECT_EQ(hosts.reports("a", "2").running, 1u);
  EXPECT_EQ(hosts.reports("a", "3").broken, 1u);
  record("one", "1", 2010);
  record("two", "1", 2020);
  EXPECT_EQ(hosts.remove_silent(begin + seconds(2021) + meta::kForgetAfter), 1u);
  EXPECT_EQ(hosts.duplicates().count, 0u);
  for (const auto& [agent, versions] : hosts.summary()) {
    for (const auto& [version, counts] : versions) EXPECT_EQ(counts, meta::ReleaseCounts()) << agent << " " << version;
  }
}

}  // namespace
}  // namespace ops::tests
