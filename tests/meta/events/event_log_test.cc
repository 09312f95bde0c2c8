#include "meta/events/event_log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using meta::Event;
using meta::EventKind;
using meta::EventLog;

struct EventLogTest : testing::Test {
  static Event event(const std::string& text, const std::string& agent = "a", EventKind kind = EventKind::begin) {
    return {kind, agent, "1", "h1", "ann", text};
  }
  static std::vector<std::string> texts_of(const std::vector<std::shared_ptr<const Event>>& events) {
    std::vector<std::string> texts;
    for (const auto& one : events) texts.push_back(one->text);
    return texts;
  }
  std::vector<std::string> texts_after_restart() const {
    EventLog next;
    next.keep_in(path);
    return texts_of(next.all());
  }
  long lines() const {
    const std::string text = read_file(path);
    return std::count(text.begin(), text.end(), '\n');
  }

  TempDir folder;
  std::string path = folder / "events";
  EventLog log;
};

using Texts = std::vector<std::string>;

TEST_F(EventLogTest, KeepsEventsOverARestart) {
  log.keep_in(path);
  log.add(event("one\ntwo \"three\""));
  log.flush();
  log.add(event("four", "", EventKind::reload_failed));
  log.flush();
  EventLog next;
  next.keep_in(path);
  ASSERT_EQ(next.all().size(), 2u);
  EXPECT_EQ(*next.all()[0], *log.all()[0]);
  EXPECT_EQ(*next.all()[1], *log.all()[1]);
  EXPECT_EQ(next.all()[0]->text, "one two \"three\"");
  struct stat info = {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(EventLogTest, IdsGrowAlsoAfterARestartWithAnEarlierClock) {
  write_file(path, R"({"id":9000000000000000000,"time":1,"kind":"end","agent":"a","version":"1","text":"of the future"})"
                   "\n");
  log.keep_in(path);
  log.add(event("now"));
  log.add(event("later"));
  EXPECT_EQ(log.all()[1]->id, 9000000000000000001);
  EXPECT_EQ(log.all()[2]->id, 9000000000000000002);
}

// A crash or a full disk may cut the last line at any byte. Later lines are whole.
TEST_F(EventLogTest, IgnoresALineThatIsCutAtAnyByte) {
  log.keep_in(path);
  for (const char* text : {"one", "two", "three"}) log.add(event(text));
  log.flush();
  const std::string whole = read_file(path);
  const size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t size = last; size < whole.size(); ++size) {
    write_file(path, whole.substr(0, size));
    const bool has_all_but_newline = size + 1 == whole.size();
    EXPECT_EQ(texts_after_restart(), has_all_but_newline ? Texts({"one", "two", "three"}) : Texts({"one", "two"})) << size;
    EventLog next;
    next.keep_in(path);
    next.add(event("four"));
    next.flush();
    EXPECT_EQ(texts_after_restart().back(), "four") << read_file(path);
    EXPECT_EQ(texts_after_restart().size(), has_all_but_newline ? 4u : 3u) << size;
  }
}

TEST_F(EventLogTest, IgnoresLinesThatAreNoEvents) {
  write_file(path, "\n{}\n[1]\nnull\n{\"id\":\"x\",\"kind\":7}\n{\"id\":5,\"kind\":\"of a later ops-meta\"}\n" +
                       std::string(100, '[') + "\n" +
                       R"({"id":7,"kind":"end","time":1e99,"agent":[],"new":{},"text":"good"})"
                       "\n");
  EXPECT_EQ(texts_after_restart(), Texts({"good"}));
}

TEST_F(EventLogTest, KeepsTheLastTenThousandInMemoryAndTwiceAsManyLinesInTheFile) {
  log.keep_in(path);
  for (size_t i = 0; i < 3 * EventLog::kMaxEvents; ++i) {
    log.add(event(std::to_string(i)));
    if (i % 100 == 99) log.flush();
    if (i % 1000 == 999) {
      EXPECT_LE(lines(), static_cast<long>(2 * EventLog::kMaxEvents));
    }
  }
  EXPECT_EQ(log.all().size(), EventLog::kMaxEvents);
  EXPECT_EQ(texts_after_restart(), texts_of(log.all()));
  EXPECT_EQ(texts_after_restart().back(), "29999");
  EXPECT_EQ(texts_after_restart().front(), "20000");
  EXPECT_EQ(list(folder.path()), Texts({"events"})) << "no file beside it";
}

TEST_F(EventLogTest, BoundsItsMemoryAndTheTexts) {
  log.keep_in(path);
  for (size_t i = 0; i < EventLog::kMaxEvents; ++i) log.add(event(std::string(100'000, 'x')));
  log.flush();
  EXPECT_LE(log.all().size() * EventLog::kMaxText, EventLog::kMaxBytes);
  EXPECT_GT(log.all().size() * EventLog::kMaxText, EventLog::kMaxBytes / 2);
  EXPECT_LE(read_file(path).size(), 2 * EventLog::kMaxBytes);
}

TEST_F(EventLogTest, WithoutADiskKeepsEventsInMemoryAndWarnsOnce) {
  write_file(folder / "events/in-the-way", "");
  log.keep_in(path);
  testing::internal::CaptureStderr();
  for (const char* text : {"one", "two", "three"}) {
    log.add(event(text));
    log.flush();
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("warning the history is not saved: cannot open " + path), said.rfind("warning")) << said;
  EXPECT_EQ(texts_of(log.all()), Texts({"one", "two", "three"}));
  std::filesystem::remove_all(path);
  testing::internal::CaptureStderr();
  log.flush();
  EXPECT_NE(testing::internal::GetCapturedStderr().find("the history is saved again in "), std::string::npos);
  EXPECT_EQ(texts_after_restart(), Texts({"one", "two", "three"}));
}

TEST_F(EventLogTest, FindsTheLastEventsOrThoseAfterAnId) {
  for (int i = 0; i < 6; ++i)
    log.add(event(std::to_string(i), i % 2 == 0 ? "a" : "b", i < 3 ? EventKind::begin : EventKind::end));
  const auto ids = log.all();
  const auto find = [&](const meta::EventQuery& query) { return log.find(query); };
  EXPECT_EQ(texts_of(find({{}, "", {}, 2}).events), Texts({"4", "5"}));
  EXPECT_EQ(texts_of(find({{}, "a", {}, 2}).events), Texts({"2", "4"}));
  EXPECT_EQ(texts_of(find({{}, "b", EventKind::begin, 9}).events), Texts({"1"}));
  EXPECT_EQ(find({{}, "none", {}, 9}).next, ids[5]->id);
  const auto first = find({0, "", {}, 4});
  EXPECT_EQ(texts_of(first.events), Texts({"0", "1", "2", "3"}));
  EXPECT_EQ(first.next, ids[3]->id);
  EXPECT_EQ(texts_of(find({first.next, "", {}, 4}).events), Texts({"4", "5"}));
  EXPECT_EQ(find({first.next, "", {}, 4}).next, ids[5]->id);
  EXPECT_EQ(find({ids[5]->id, "", {}, 4}).next, ids[5]->id);
  EXPECT_TRUE(find({ids[5]->id, "", {}, 4}).events.empty());
  EXPECT_EQ(EventLog().find({}).next, 0);
}

TEST_F(EventLogTest, WakesTheMainThreadForEachEvent) {
  int wakes = 0;
  log.set_wake([&] { ++wakes; });
  log.add(event("one"));
  log.flush();
  EXPECT_EQ(wakes, 1);
}

TEST(EventKinds, HaveAWordEach) {
  EXPECT_EQ(meta::event_kinds(), "reload, reload-failed, halt-by-hand, resume-by-hand, begin, halt, continue, end, failure");
  EXPECT_EQ(to_word(EventKind::failure), "failure");
  EXPECT_EQ(meta::to_event_kind("continue"), EventKind::resume);
  EXPECT_FALSE(meta::to_event_kind("x"));
}

}  // namespace
}  // namespace ops::tests
