#include "updater/model/state.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

using tests::TempDir;

State full_state() {
  State state;
  state.probation = Probation{"3.1.3", "3.1.2", "9d5e", 1447000030, "boot", 530, 1, 600};
  state.soak = Soak{"3.1.3", "9d5e", "3.1.2", 600, 1447000630, "boot", 1130, 2};
  state.latch = Latch{"3.1.3", "9d5e", "3.1.3 did not start: \"exit status 1\"", 1447000012};
  state.previous = "3.1.2";
  state.stopped = true;
  return state;
}

struct StateFile : testing::Test {
  State after(const std::string& text) const {
    tests::write_file(path, text);
    return read_state(path).value();
  }

  TempDir folder;
  std::string path = folder / ".state";
};

TEST_F(StateFile, IsReadAsItWasWritten) {
  for (const State& state : {State(), full_state()}) {
    ASSERT_TRUE(write_state(path, state));
    EXPECT_EQ(read_state(path).value(), state);
  }
}

TEST_F(StateFile, IsReadableByItsOwnerOnlyAndLeavesNoOtherFile) {
  ASSERT_TRUE(write_state(path, full_state()));
  struct stat info = {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  EXPECT_EQ(tests::list(folder.path()), std::vector<std::string>{".state"});
}

TEST_F(StateFile, IsTheDefaultIfItDoesNotExist) { EXPECT_EQ(read_state(path).value(), State()); }

TEST_F(StateFile, IsTheDefaultOrCompleteWhenCutAtAnyByte) {
  ASSERT_TRUE(write_state(path, full_state()));
  const std::string whole = tests::read_file(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    const State state = after(whole.substr(0, size));
    EXPECT_TRUE(state == State() || state == full_state()) << whole.substr(0, size);
  }
}

TEST_F(StateFile, ContainsOnlyValidVersionsWhenAnyByteIsDamaged) {
  ASSERT_TRUE(write_state(path, full_state()));
  const std::string whole = tests::read_file(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char damage : {'/', '"', '\xff'}) {
      std::string text = whole;
      text[i] = damage;
      const State state = after(text);
      const std::string versions = state.previous +
                                   (state.probation ? state.probation->version + state.probation->previous : "") +
                                   (state.latch ? state.latch->version : "");
      EXPECT_EQ(versions.find('/'), std::string::npos) << text;
    }
  }
}

TEST_F(StateFile, RefusesVersionsThatLeadOutOfTheFolder) {
  for (const char* evil : {"../x", "/etc", "a/b", "..", ".staged-1", "a b"}) {
    const std::string version = evil;
    EXPECT_EQ(after(R"({"previous": ")" + version + R"(", "stopped": true})"), State()) << evil;
    for (const char* key : {"version", "previous"}) {
      State state = full_state();
      (std::string(key) == "version" ? state.probation->version : state.probation->previous) = version;
      ASSERT_TRUE(write_state(path, state));
      EXPECT_EQ(read_state(path).value(), State()) << key << " " << evil;
    }
    State state = full_state();
    state.latch->version = version;
    ASSERT_TRUE(write_state(path, state));
    EXPECT_EQ(read_state(path).value(), State()) << evil;
  }
}

TEST_F(StateFile, RefusesAProbationOrALatchWithoutAVersion) {
  State state = full_state();
  state.probation->version = "";
  ASSERT_TRUE(write_state(path, state));
  EXPECT_EQ(read_state(path).value(), State());
  state = full_state();
  state.latch->version = "";
  ASSERT_TRUE(write_state(path, state));
  EXPECT_EQ(read_state(path).value(), State());
}

TEST_F(StateFile, IsTheDefaultWhenATypeIsWrong) {
  for (const char* text : {"null", "[]", "7", "\"x\"", "{}", R"({"previous": 7})", R"({"previous": "", "stopped": "yes"})",
                           R"({"previous": "", "trial": []})", R"({"previous": "", "trial": null})",
                           R"({"previous": "", "trial": {"version": "1"}})",
                           R"({"previous": "", "trial": {"version": "1", "previous": "", "checksum": "", "until": "soon"}})",
                           R"({"previous": "", "trial": {"version": "1", "previous": "", "checksum": "", "until": 1e99}})",
                           R"({"previous": "", "failed": {"version": "1", "checksum": {}, "error": "", "when": 0}})"}) {
    EXPECT_EQ(after(text), State()) << text;
  }
}

TEST_F(StateFile, OfAnUpdaterThatDoesNotCountStartsHasNone) {
  const State state = after(R"({"trial": {"version": "2", "previous": "1", "checksum": "", "until": 0}, "previous": ""})");
  EXPECT_EQ(state.probation, (Probation{"2", "1", "", 0}));
}

TEST_F(StateFile, IgnoresUnknownKeys) {
  State expected;
  expected.previous = "1";
  EXPECT_EQ(after(R"({"new": [1], "previous": "1"})"), expected);
}

TEST_F(StateFile, IsTheDefaultWhenItIsHugeOrDeeplyNested) {
  EXPECT_EQ(after(std::string(60'000, '[')), State());
  EXPECT_EQ(after(R"({"previous": ")" + std::string(1 << 20, 'a') + "\"}"), State());
}

TEST_F(StateFile, IsRenamedWhenItIsDamaged) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(after("rubbish"), State());
    EXPECT_EQ(tests::read_file(path + ".damaged"), "rubbish");
    EXPECT_FALSE(tests::exists(path)) << "the log would name it at each look";
  }
  tests::write_file(path + "/a/b", "a folder");
  EXPECT_EQ(read_state(path).value(), State());
  EXPECT_TRUE(write_state(path, full_state())) << "otherwise no update could begin";
}

TEST_F(StateFile, KeepsAnErrorThatIsNotUtf8) {
  State state = full_state();
  state.latch->error = "bad \xff\xfe bytes\n\x01";
  ASSERT_TRUE(write_state(path, state));
  const State read = read_state(path).value();
  ASSERT_TRUE(read.latch);
  EXPECT_TRUE(read.latch->error.starts_with("bad "));
  EXPECT_EQ(read.probation, state.probation);
}

TEST_F(StateFile, NamesThePathThatCannotBeWritten) {
  const auto written = write_state(folder / "nowhere/.state", full_state());
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("nowhere/.state"), std::string::npos) << written.error().message;
}

}  // namespace
}  // namespace ops::updater
