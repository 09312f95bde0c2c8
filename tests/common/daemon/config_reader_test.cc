#include "common/daemon/config_reader.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

using Lines = std::vector<std::string>;

struct ConfigReader : testing::Test {
  /// Reads the text from a file. `report` has the errors and warnings.
  ConfigDocument read(const std::string& text) {
    write_file(path, text);
    return ConfigDocument::load(path, report);
  }

  Lines errors_of(const std::string& text) {
    report = {};
    read(text);
    return report.errors;
  }

  TempDir folder;
  std::string path = folder / "cfg.json";
  ConfigReport report;
};

TEST_F(ConfigReader, ReadsValuesOfEveryType) {
  const ConfigDocument document =
      read(R"({"s":"text","b":true,"i":-7,"o":{"s":"inner"},"l":[{"s":"first"},null,{"s":"third"}]})");
  const ConfigObject root = document.root();
  EXPECT_EQ(root.string("s", "x"), "text");
  EXPECT_TRUE(root.boolean("b", false));
  EXPECT_EQ(root.integer("i", 0, -10, 10), -7);
  EXPECT_EQ(root.object("o").string("s", "x"), "inner");
  const auto list = root.objects("l");
  ASSERT_EQ(list.size(), 2u) << "entries that are null are skipped";
  EXPECT_EQ(list[1].string("s", "x"), "third");
  EXPECT_TRUE(report.ok());
}

TEST_F(ConfigReader, ReturnsTheFallbackForMissingKeysAndNull) {
  const ConfigDocument document = read(R"({"s":null,"l":null,"o":null})");
  const ConfigObject root = document.root();
  EXPECT_EQ(root.string("s", "fallback"), "fallback");
  EXPECT_TRUE(root.boolean("b", true));
  EXPECT_EQ(root.integer("i", 42, 0, 100), 42);
  EXPECT_TRUE(root.objects("l").empty());
  EXPECT_EQ(root.object("o").string("s", "fallback"), "fallback");
  EXPECT_FALSE(root.has("s"));
  document.warn_of_unknown_keys();
  EXPECT_EQ(report.errors, Lines{});
  EXPECT_EQ(report.warnings, Lines{});
}

TEST_F(ConfigReader, NamesThePlaceOfEveryWrongTypeAtOnce) {
  const ConfigDocument document = read(R"({"s":7,"b":"yes","i":1.5,"o":[],"l":{},"agents":[{"a":{"s":[]}},5,"x"]})");
  const ConfigObject root = document.root();
  EXPECT_EQ(root.string("s", "x"), "x");
  EXPECT_TRUE(root.boolean("b", true));
  EXPECT_EQ(root.integer("i", 3, 0, 9), 3);
  (void)root.object("o");
  EXPECT_TRUE(root.objects("l").empty());
  for (const ConfigObject& agent : root.objects("agents")) (void)agent.object("a").string("s", "");
  EXPECT_EQ(report.errors,
            (Lines{"s: is a number, expected a string", "b: is a string, expected true or false",
                   "i: is a number, expected a whole number", "o: is an array, expected an object in { }",
                   "l: is an object, expected an array in [ ]", "agents[1]: is a number, expected an object in { }",
                   "agents[2]: is a string, expected an object in { }", "agents[0].a.s: is an array, expected a string"}));
}

TEST_F(ConfigReader, RefusesIntegersOutsideTheirBounds) {
  const ConfigDocument document =
      read(R"({"a":0,"b":9,"c":-1,"d":10,"e":18446744073709551615,"f":-9223372036854775808,"g":9223372036854775807})");
  const ConfigObject root = document.root();
  EXPECT_EQ(root.integer("a", 5, 0, 9), 0);
  EXPECT_EQ(root.integer("b", 5, 0, 9), 9);
  for (const char* key : {"c", "d", "e", "f"}) EXPECT_EQ(root.integer(key, 5, 0, 9), 5);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(root.integer("g", 5, 0, kMost), kMost);
  EXPECT_EQ(report.errors,
            (Lines{"c: is -1, expected 0 to 9", "d: is 10, expected 0 to 9", "e: is 18446744073709551615, expected 0 to 9",
                   "f: is -9223372036854775808, expected 0 to 9"}));
}

TEST_F(ConfigReader, ReportsLineAndColumnOfASyntaxError) {
  const Lines errors = errors_of("{\n  \"a\": 1,\n  \"b\" 2\n}\n");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_TRUE(errors[0].starts_with("line 3, column 7: syntax error")) << errors[0];
}

TEST_F(ConfigReader, ReportsAFileThatIsNotAConfig) {
  EXPECT_EQ(errors_of(""), Lines{"the file is empty"});
  EXPECT_EQ(errors_of(" \n"), Lines{"the file is empty"});
  EXPECT_EQ(errors_of("[1]"), Lines{"the file contains an array, not an object in { }"});
  EXPECT_EQ(errors_of("null"), Lines{"the file contains null, not an object in { }"});
  for (const std::string bad : {"{\"a\":\"\xff\"}", "{}{}", "{\"a\":1,}", "// no comments\n{}", "{'a':1}"}) {
    const Lines errors = errors_of(bad);
    ASSERT_EQ(errors.size(), 1u) << bad;
    EXPECT_TRUE(errors[0].starts_with("line ")) << errors[0];
  }
}

// The library throws a different exception for this fault.
TEST_F(ConfigReader, ReportsANumberThatDoesNotFit) {
  const Lines errors = errors_of("{\"interval\": 1e999}");
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].find("1e999"), std::string::npos) << errors[0];
}

TEST_F(ConfigReader, ReportsOneErrorForAFileTruncatedAtAnyByte) {
  const std::string whole = R"({"debug": true, "http": {"listen": "127.0.0.1:2000"}, "agents": [{"a": 1.5e3}]})";
  ASSERT_EQ(errors_of(whole), Lines{});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(errors_of(whole.substr(0, size)).size(), 1u) << whole.substr(0, size);
  }
}

TEST_F(ConfigReader, NamesAFileThatCannotBeRead) {
  const auto missing = ConfigDocument::load(folder / "no.json", report);
  EXPECT_EQ(missing.root().string("a", "fallback"), "fallback");
  const auto directory = ConfigDocument::load(folder.path(), report);
  EXPECT_EQ(report.errors, (Lines{"cannot open " + (folder / "no.json") + ": No such file or directory",
                                  "cannot read " + folder.path() + ": Is a directory"}));
}

TEST_F(ConfigReader, RefusesDeepNesting) {
  constexpr size_t kDepth = 500'000;
  const ConfigDocument document = read("{\"a\":" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}");
  (void)document.root().string("a", "");
  EXPECT_EQ(report.errors, Lines{"the file is nested deeper than 64 levels"});
}

TEST_F(ConfigReader, ReadsAConfigAtTheDepthLimit) {
  EXPECT_EQ(errors_of("{\"a\":" + std::string(63, '[') + std::string(63, ']') + "}"), Lines{});
  EXPECT_EQ(errors_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}").size(), 1u);
}

// The error is logged, and more users may read the log than the config.
TEST_F(ConfigReader, LeavesTokensOutOfSyntaxErrors) {
  for (const std::string bad : {R"({"tokens": ["51c9", "77aaSECRET]})", R"({"tokens": ["77aaSECRET" "b"]})",
                                R"({"tokens": [77aaSECRET]})", R"({"tokens": ["77aaSECRET\q"]})", R"({"77aaSECRET" 1})"}) {
    const Lines errors = errors_of(bad);
    ASSERT_EQ(errors.size(), 1u) << bad;
    EXPECT_EQ(errors[0].find("77aa"), std::string::npos) << errors[0];
    EXPECT_TRUE(errors[0].starts_with("line 1, column ")) << errors[0];
  }
  EXPECT_EQ(errors_of("{\"a\": 1, x}"),
            Lines{"line 1, column 10: syntax error while parsing object key - invalid literal; expected string literal"});
}

TEST_F(ConfigReader, WarnsAboutUnknownKeys) {
  const ConfigDocument document = read(R"({"a":1,"z":1,"o":{"b":1,"y":1},"l":[{"c":1},{"x":1}]})");
  const ConfigObject root = document.root();
  (void)root.integer("a", 0, 0, 9);
  (void)root.object("o").integer("b", 0, 0, 9);
  for (const ConfigObject& entry : root.objects("l")) (void)entry.integer("c", 0, 0, 9);
  document.warn_of_unknown_keys();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.warnings, (Lines{"z: unknown key, ignored", "o.y: unknown key, ignored", "l[1].x: unknown key, ignored"}));
}

TEST_F(ConfigReader, SuggestsTheMostSimilarKnownKey) {
  const ConfigDocument document = read(R"({"prefx":"a","other":1})");
  (void)document.root().string("prefix", "");
  document.warn_of_unknown_keys();
  EXPECT_EQ(report.warnings, (Lines{"other: unknown key, ignored", "prefx: unknown key, ignored; did you mean \"prefix\"?"}));
}

TEST_F(ConfigReader, RefusesUnknownKeysWhereTheyWouldChangeTheMeaning) {
  const ConfigDocument document = read(R"({"o":{"a":1,"b":1,"cc":2},"p":{"a":1}})");
  const ConfigObject object = document.root().object("o");
  (void)object.integer("a", 0, 0, 9);
  (void)object.integer("ccc", 0, 0, 9);
  EXPECT_FALSE(object.refuse_unknown_keys());
  const ConfigObject other = document.root().object("p");
  (void)other.integer("a", 0, 0, 9);
  EXPECT_TRUE(other.refuse_unknown_keys());
  document.warn_of_unknown_keys();
  EXPECT_EQ(report.errors, (Lines{"o.b: unknown key", "o.cc: unknown key; did you mean \"ccc\"?"}));
  EXPECT_EQ(report.warnings, Lines{});
}

TEST_F(ConfigReader, WarnsAboutTheFirstDuplicateKey) {
  const ConfigDocument document = read(R"({"a":[1,{"o":{"x":1,"y":2}},[],{"o":{"x":3,"y":4,"x":5},"o":0}],"a":6})");
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.warnings, Lines{"a[3].o.x: is a duplicate key; the last value is used"});
  EXPECT_EQ(document.root().integer("a", 0, 0, 9), 6);
}

TEST_F(ConfigReader, AcceptsTheSameKeyInTwoObjects) {
  read(R"({"a":{"x":1,"o":{"x":2}},"b":{"x":3},"l":[{"x":4},{"x":5}],"x":6})");
  EXPECT_EQ(report.warnings, Lines{});
}

TEST_F(ConfigReader, NamesThePlaceBeforeEachFault) {
  const ConfigDocument document = read(R"({"l":[{}]})");
  document.root().error("is missing", "http");
  document.root().error("is odd");
  document.root().objects("l")[0].warning("is odd");
  EXPECT_EQ(report.errors, (Lines{"http: is missing", "is odd"}));
  EXPECT_EQ(report.warnings, Lines{"l[0]: is odd"});
}

TEST_F(ConfigReader, PrintsALineForEachFaultErrorsFirst) {
  report = {{"a: is\nodd", "b"}, {"c"}};
  EXPECT_EQ(report.text("cfg.json"), "cfg.json: error: a: is odd\ncfg.json: error: b\ncfg.json: warning: c\n");
}

}  // namespace
}  // namespace ops::tests
