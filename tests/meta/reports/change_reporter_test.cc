#include "meta/reports/change_reporter.h"

#include <filesystem>

#include "common/base/clock.h"

#include "tests/meta/reports/fleet_fixture.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::ChangeReporter;
using meta::Effect;

struct ChangeReporterTest : FleetTest {
  ChangeReporterTest() {
    runs("h1", "2");
    reporter.set_wake([this] { ++wakes; });
  }
  std::optional<meta::ChangeNotice> notice_of(const std::string& before, const std::string& after) {
    reporter.note(want(before), want(after), now);
    reporter.report();
    return reporter.recent(now);
  }

  TempDir folder;
  std::string file = folder / "config.json";
  ChangeReporter reporter{hosts};
  int wakes = 0;
};

TEST_F(ChangeReporterTest, ShowsADangerousChangeForAnHour) {
  EXPECT_FALSE(notice_of("2", "3")) << "an upgrade is no danger";
  const auto notice = notice_of("2", "1");
  ASSERT_TRUE(notice);
  EXPECT_EQ(notice->at, now);
  EXPECT_EQ(notice->change.of(Effect::older), 1u);
  EXPECT_TRUE(reporter.recent(now + std::chrono::minutes(59)));
  EXPECT_FALSE(reporter.recent(now + std::chrono::hours(1)));
  EXPECT_EQ(wakes, 2);
}

TEST_F(ChangeReporterTest, EndsTheNoticeWhenTheChangeIsTakenBack) {
  ASSERT_TRUE(notice_of("2", "1"));
  EXPECT_TRUE(notice_of("1", "1")) << "another reload of the same config keeps it";
  EXPECT_FALSE(notice_of("1", "2"));
}

TEST_F(ChangeReporterTest, ReportsEachOfSeveralChangesSoThatEachCanBeTakenBack) {
  reporter.note(want("3"), want("2"), now);
  reporter.note(want("2"), want("1"), now);
  reporter.report();
  ASSERT_TRUE(reporter.recent(now));
  EXPECT_FALSE(notice_of("1", "2"));
}

TEST_F(ChangeReporterTest, JoinsTheLastOfManyChanges) {
  for (size_t i = 1; i < ChangeReporter::kMaxNoted; ++i) reporter.note(want("2"), want("2"), now);
  reporter.note(want("2"), want("3"), now);
  reporter.note(want("3"), want("1"), now);
  reporter.report();
  const auto notice = reporter.recent(now);
  ASSERT_TRUE(notice);
  EXPECT_EQ(lines_of(notice->change), std::vector<std::string>{"a goes back from 2 to 1 on 1 host, like h1"});
}

TEST_F(ChangeReporterTest, NotesEachReloadInTheHistoryWithTheDifference) {
  meta::EventLog events;
  ChangeReporter noting{hosts, &events};
  noting.keep_in(file, want("2"), now);
  noting.note(want("2"), want("3"), now, "ann");
  noting.note(want("3"), want("3"), now, "127.0.0.1");
  noting.note(want("3"), want("3", {{"other-", "4"}}), now, "SIGHUP");
  noting.report();
  ChangeReporter next{hosts, &events};
  EXPECT_FALSE(next.keep_in(file, want("3", {{"other-", "4"}}), now));
  next.report();
  ChangeReporter third{hosts, &events};
  EXPECT_TRUE(third.keep_in(file, want("1"), now));
  third.report();
  std::vector<std::string> lines;
  for (const auto& event : events.all()) {
    EXPECT_EQ(to_word(event->kind), "reload");
    EXPECT_EQ(event->time, to_wall_seconds(now));
    lines.push_back(event->agent + "|" + event->by + "|" + event->text);
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"a|ann|a changes from 2 to 3 on 1 host, like h1",
                                             "|127.0.0.1|cfg.json is reloaded: no agent's entry has changed",
                                             "a|SIGHUP|a has another entry in cfg.json; no known host changes",
                                             "a||a goes back from 2 to 1 on 1 host, like h1"}));
}

TEST_F(ChangeReporterTest, ComparesWithTheConfigOfTheLastRun) {
  reporter.keep_in(file, want("2"), now);
  reporter.report();
  EXPECT_FALSE(reporter.recent(now)) << "the first run has no config before";

  ChangeReporter second{hosts};
  second.keep_in(file, want("1"), now);
  second.report();
  ASSERT_TRUE(second.recent(now));

  ChangeReporter third{hosts};
  third.keep_in(file, want("1"), now);
  third.report();
  EXPECT_FALSE(third.recent(now)) << "the second run kept its config";
}

TEST_F(ChangeReporterTest, KeepsTheConfigOfAReload) {
  reporter.keep_in(file, want("3"), now);
  reporter.note(want("3"), want("2"), now);
  reporter.report();
  ChangeReporter next{hosts};
  next.keep_in(file, want("1"), now);
  next.report();
  ASSERT_TRUE(next.recent(now));
  EXPECT_EQ(lines_of(next.recent(now)->change), std::vector<std::string>{"a goes back from 2 to 1 on 1 host, like h1"});
}

TEST_F(ChangeReporterTest, IgnoresADamagedFileAndReplacesIt) {
  write_file(file, "{");
  reporter.keep_in(file, want("1"), now);
  reporter.report();
  EXPECT_FALSE(reporter.recent(now));
  EXPECT_NE(read_file(file).find(R"("version":"1")"), std::string::npos) << read_file(file);
}

TEST_F(ChangeReporterTest, KeepsNoPasswordAndFindsNoChangeInIt) {
  const auto secret = [](const std::string& password) {
    meta::Config config;
    config.agents = {{{"a", "2", "http://ann:" + password + "@m/a", "", "start"}, {}, {}}};
    return std::make_shared<const meta::Assignments>(std::make_shared<const meta::Config>(std::move(config)));
  };
  reporter.keep_in(file, secret("one"), now);
  EXPECT_EQ(read_file(file).find("one"), std::string::npos) << read_file(file);
  EXPECT_EQ(std::filesystem::status(file).permissions(), std::filesystem::perms(0600));
  ChangeReporter next{hosts};
  next.keep_in(file, secret("one"), now);
  next.report();
  EXPECT_FALSE(next.recent(now));
}

}  // namespace
}  // namespace ops::tests
