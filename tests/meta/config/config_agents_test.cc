// The entries of `agents` in the config.

#include "tests/meta/config/config_fixture.h"

namespace ops::tests {
namespace {

struct MetaConfigAgents : MetaConfigTest {};

std::string form_of(const std::string& what, const std::string& name) {
  const std::string form = what == "version" ? "[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}" : "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}";
  return what + " \"" + name + "\" is not of the form " + form;
}

TEST_F(MetaConfigAgents, ReadsTheLimitsOfARollout) {
  const meta::Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1"},
      "others": [{"percent": 0.5, "version": "2"}],
      "rollout": {"parallel": 10, "maxFailures": 1, "maxFailureRate": 0.1, "timeout": 60}}]})");
  EXPECT_EQ(report.text(""), "");
  EXPECT_EQ(config.agents[0].others[0].percent, 0.5);
  EXPECT_EQ(config.agents[0].rollout, (meta::RolloutLimits{10, 1, 0.1, std::chrono::seconds(60)}));
  EXPECT_EQ(errors_of_override(R"("percent": 101)"), Lines{"agents[0].others[0].percent: is 101, expected 0 to 100"});
  EXPECT_EQ(errors_of_override(R"("percent": "5")"), Lines{"agents[0].others[0].percent: is a string, expected a number"});
  EXPECT_EQ(errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"maxFailures": 0, "timeout": -1}})"),
            (Lines{"agents[0].rollout.maxFailures: is 0, expected 1 to 4294967295",
                   "agents[0].rollout.timeout: is -1, expected 1 to 604800"}));
}

TEST_F(MetaConfigAgents, ReadsTheTimeoutsOfAnAgent) {
  const meta::Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1",
      "startTimeout": 90, "stopTimeout": 45}}]})");
  EXPECT_EQ(report.text(""), "");
  EXPECT_EQ(config.agents[0].defaults.start_timeout, 90);
  EXPECT_EQ(config.agents[0].defaults.stop_timeout, 45);
  EXPECT_NE(meta::to_json(config).find(R"("startTimeout":90,"stopTimeout":45})"), std::string::npos) << meta::to_json(config);
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "startTimeout": 0, "stopTimeout": 3601)"),
            (Lines{"agents[0].default.startTimeout: is 0, expected 1 to 3600",
                   "agents[0].default.stopTimeout: is 3601, expected 1 to 3600"}));
}

TEST_F(MetaConfigAgents, NeedsADefaultWithNameAndVersion) {
  EXPECT_EQ(errors_of_agents(R"({"others": []}, {"default": null})"),
            (Lines{"agents[0].default: is missing", "agents[1].default: is missing"}));
  EXPECT_EQ(errors_of_default(""), (Lines{"agents[0].default.name: is missing", "agents[0].default.version: is missing"}));
  EXPECT_EQ(errors_of_default(R"("name": "a")"), Lines{"agents[0].default.version: is missing"});
  EXPECT_EQ(errors_of_agents("null"), Lines{}) << "the original skips null entries";
}

TEST_F(MetaConfigAgents, RefusesBadNamesAndVersions) {
  for (const std::string bad : {"../x", "", "a/b", ".", "..", "-x", "a b"}) {
    EXPECT_EQ(errors_of_default(R"("version": "1", "name": ")" + bad + '"'),
              Lines{"agents[0].default.name: " + form_of("agent name", bad)});
    EXPECT_EQ(errors_of_default(R"("name": "a", "version": ")" + bad + '"'),
              Lines{"agents[0].default.version: " + form_of("version", bad)});
    if (bad.empty()) continue;  // "" keeps the inherited version
    EXPECT_EQ(errors_of_override(R"("version": ")" + bad + '"'),
              Lines{"agents[0].others[0].version: " + form_of("version", bad)});
  }
}

TEST_F(MetaConfigAgents, AcceptsATildeInVersionsButNotInNames) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1.0~rc1")"), Lines{});
  EXPECT_EQ(errors_of_override(R"("version": "1.0~rc1")"), Lines{});
  EXPECT_EQ(errors_of_default(R"("name": "a~b", "version": "1")"),
            Lines{"agents[0].default.name: " + form_of("agent name", "a~b")});
}

TEST_F(MetaConfigAgents, RefusesUnknownKeysInOthersAndInRollout) {
  EXPECT_EQ(errors_of_entry(R"("prefx": "lg-", "version": "2")"),
            Lines{"agents[0].others[0].prefx: unknown key; did you mean \"prefix\"?"});
  EXPECT_EQ(errors_of_entry(R"("prefix": "lg-", "percentage": 5, "comment": "x")"),
            (Lines{"agents[0].others[0].comment: unknown key",
                   "agents[0].others[0].percentage: unknown key; did you mean \"percent\"?"}));
  EXPECT_EQ(
      errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"paralel": 1, "pause": 60}})"),
      (Lines{"agents[0].rollout.paralel: unknown key; did you mean \"parallel\"?", "agents[0].rollout.pause: unknown key"}));
  EXPECT_EQ(report.warnings, Lines{}) << "an unknown key is not also a warning";
  EXPECT_EQ(errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"soak": 604801}})").size(), 1u);
  EXPECT_EQ(errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"soak": 0}})"), Lines{});
}

TEST_F(MetaConfigAgents, RefusesAnOverrideWithoutPrefixAndPercent) {
  const Lines refused{
      "agents[0].others[0]: has neither \"prefix\" nor \"percent\", so it would apply to all hosts; if you "
      "mean all hosts, add \"prefix\": \"\""};
  EXPECT_EQ(errors_of_entry(R"("version": "2")"), refused);
  EXPECT_EQ(errors_of_entry(R"("prefix": null, "version": "2")"), refused);
  EXPECT_EQ(errors_of_entry(R"("prefix": "", "version": "2")"), Lines{});
  EXPECT_EQ(errors_of_entry(R"("percent": 5, "version": "2")"), Lines{});
}

TEST_F(MetaConfigAgents, RefusesAPatternAsAPrefix) {
  for (const auto& [pattern, beginning] :
       {std::pair("lg-*", "lg-"), {"*", ""}, {"web-[0-9]", "web-"}, {"^lg", "lg"}, {"db?", "db"}}) {
    EXPECT_EQ(errors_of_entry(std::string(R"("version": "2", "prefix": ")") + pattern + "\""),
              Lines{std::string("agents[0].others[0].prefix: is \"") + pattern +
                    "\", but a prefix is not a pattern: give the first characters of the hostnames" +
                    (*beginning == '\0' ? "" : std::string(", like \"") + beginning + "\"")});
  }
  EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "lg-db_01.example~+")"), Lines{});
}

TEST_F(MetaConfigAgents, RefusesAUrlWithAQueryOrAFragment) {
  for (const auto& [end, shown] : {std::pair("?x=1", "?…"), {"#part", "#part"}}) {
    EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "", "tarball": "http://m/falcon)" + std::string(end) + "\""),
              Lines{std::string("agents[0].others[0].tarball: is \"http://m/falcon") + shown +
                    "\", which contains ? or #: hosts append a file name to this URL, and it would not be part of the path; "
                    "{file} after the ? says where the name goes"});
  }
  for (const std::string good : {"https://b/get?name={file}&sig=x", "https://b/{file}?sig=x", "https://b/a/{file}/content"}) {
    EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "", "tarball": ")" + good + '"'), Lines{}) << good;
    EXPECT_EQ(report.warnings.size(), 1U) << "earlier updaters do not know {file}: " << report.text("");
  }
  for (const std::string bad : {"https://b/{file}#part", "https://{file}/x", "https://b{file}?x"}) {
    EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "", "md5": ")" + bad + '"').size(), 1U) << bad;
  }
}

TEST_F(MetaConfigAgents, RefusesSeveralUrlsInOneText) {
  for (const std::string urls : {"http://a/x,http://b/x", "https://a/x,https://b/x"}) {
    EXPECT_EQ(
        errors_of_entry(R"("version": "2", "prefix": "", "tarball": ")" + urls + '"'),
        Lines{"agents[0].others[0].tarball: is \"" + urls + "\", which is several URLs in one text: several tarball URLs are " +
              R"(a list, ["http://a/x", "http://b/x"])"});
  }
  EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "", "tarball": "http://a/x,y")"), Lines{});
}

TEST_F(MetaConfigAgents, ReadsAListOfTarballUrls) {
  const std::string others = R"("others": [{"prefix": "x-", "tarball": ["http://c", "http://d/?{file}"]}])";
  const meta::Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1", "cmd": "start",
      "tarball": ["http://a", "http://b?{file}&sig=secret"]}, )" +
                                   others + "}]}");
  EXPECT_EQ(report.text(""), "") << "only the first URL needs to suit earlier updaters";
  EXPECT_EQ(config.agents[0].defaults.tarball, "http://a");
  EXPECT_EQ(config.agents[0].defaults.mirrors, Lines{"http://b?{file}&sig=secret"});
  EXPECT_EQ(config.agents[0].others[0].tarball, "http://c");
  EXPECT_EQ(config.agents[0].others[0].mirrors, Lines{"http://d/?{file}"});
  const std::string printed = meta::to_json(config);
  EXPECT_NE(printed.find(R"("tarball":["http://a","http://b?…{file}…"])"), std::string::npos) << printed;
  load(printed);
  EXPECT_EQ(report.text(""), "") << "a printed config is valid";

  EXPECT_EQ(errors_of_override(R"("tarball": ["http://a", "", "b", 7])"),
            (Lines{"agents[0].others[0].tarball[3]: is a number, expected a string", "agents[0].others[0].tarball[1]: is empty",
                   R"(agents[0].others[0].tarball[2]: is "b", expected a URL that starts with http:// or https://)"}));
  EXPECT_EQ(errors_of_override(R"("tarball": [])"), Lines{});
  EXPECT_EQ(errors_of_override(R"("tarball": 7)"), Lines{"agents[0].others[0].tarball: is a number, expected a string"});
  std::string nine = "\"http://a\"";
  for (int i = 0; i < 8; ++i) nine += ", \"http://b\"";
  EXPECT_EQ(errors_of_override("\"tarball\": [" + nine + "]"),
            Lines{"agents[0].others[0].tarball: has 9 URLs, expected at most 8"});
}

TEST_F(MetaConfigAgents, RefusesTwoAgentsWithTheSameName) {
  const std::string one = R"({"default": {"name": "one", "version": "1"}})";
  const std::string two = R"({"default": {"name": "two", "version": "1"}})";
  EXPECT_EQ(errors_of_agents(one + "," + two + "," + one), Lines{"agents[2].default.name: a second agent is named one"});
}

TEST_F(MetaConfigAgents, RefusesAnUnknownCmd) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "cmd": "restart")"),
            Lines{R"(agents[0].default.cmd: is "restart", expected "start", "stop", or "" to leave the agent alone)"});
  for (const std::string meant : {"START", "start ", "\\tStart\\n"}) {
    const Lines errors = errors_of_override(R"("cmd": ")" + meant + '"');
    ASSERT_EQ(errors.size(), 1u) << meant;
    EXPECT_TRUE(errors[0].ends_with("\", expected \"start\": in lower case, without white space")) << errors[0];
  }
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "cmd": "STOP")"),
            Lines{R"(agents[0].default.cmd: is "STOP", expected "stop": in lower case, without white space)"});
  for (const std::string good : {"start", "stop", ""}) EXPECT_EQ(errors_of_override(R"("cmd": ")" + good + '"'), Lines{});
}

TEST_F(MetaConfigAgents, RefusesUrlsOfAnotherScheme) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "tarball": "file:///x")"),
            Lines{R"(agents[0].default.tarball: is "file:///x", expected a URL that starts with http:// or https://)"});
  EXPECT_EQ(errors_of_override(R"("tarball": "falcon")").size(), 1u);
  EXPECT_EQ(
      errors_of_override(R"("md5": "0cc1")"),
      Lines{
          R"(agents[0].others[0].md5: is "0cc1", expected a URL that starts with http:// or https://, or a checksum of 32 hex digits)"});
  EXPECT_EQ(errors_of_override(R"("md5": "0cc175b9c0f1b6a831c399e269772661", "tarball": "https://m/x")"), Lines{});
}

TEST_F(MetaConfigAgents, AcceptsUrlsWithoutALowerCaseSchemeWithAWarning) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "tarball": "10.0.0.1:2000/falcon", "md5": "HTTP://m/falcon")"),
            Lines{});
  EXPECT_EQ(report.warnings,
            (Lines{R"(agents[0].default.md5: is "HTTP://m/falcon", is read as http://m/falcon)",
                   R"(agents[0].default.tarball: is "10.0.0.1:2000/falcon", is read as http://10.0.0.1:2000/falcon)"}));
  EXPECT_EQ(errors_of_override(R"("tarball": "m.example/falcon")"), Lines{});
  EXPECT_EQ(report.warnings.size(), 1u);
}

TEST_F(MetaConfigAgents, PrintsNoPasswordOfAUrl) {
  const std::string others =
      R"(, "others": [{"prefix": "lg-", "tarball": "http://ann:secret@m/x", "md5": "http://ann:secret@m/y"}])";
  const meta::Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1", "cmd": "start",
      "tarball": "ann:secret@m:2000/falcon", "md5": "HTTP://ann:secret@m/z"})" +
                                   others + "}]}");
  const std::string printed = meta::to_json(config) + report.text("");
  EXPECT_EQ(report.warnings.size(), 2u) << printed;
  EXPECT_NE(printed.find("http://ann:***@m/x"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("secret"), std::string::npos) << printed;
  EXPECT_EQ(config.agents[0].defaults.tarball, "ann:secret@m:2000/falcon") << "hosts need the password";
  for (const std::string bad : {"ftp://ann:secret@m", "ann:secret@m", "http://ann:secret@", "http://ann:secret@m/ x"}) {
    EXPECT_EQ(errors_of_override(R"("tarball": ")" + bad + '"').size(), 1u) << bad;
    EXPECT_EQ(report.text("").find("secret"), std::string::npos) << report.text("");
  }
}

TEST_F(MetaConfigAgents, ReportsAWrongTypeOnce) {
  EXPECT_EQ(errors_of_default(R"("name": 7, "version": 1.0)"),
            (Lines{"agents[0].default.name: is a number, expected a string",
                   "agents[0].default.version: is a number, expected a string"}));
  EXPECT_EQ(errors_of_agents(R"({"default": []})"), Lines{"agents[0].default: is an array, expected an object in { }"});
  EXPECT_EQ(errors_of(R"({"http": [], "agents": {}})"),
            (Lines{"http: is an array, expected an object in { }", "agents: is an object, expected an array in [ ]"}));
}

TEST_F(MetaConfigAgents, LimitsTheNumberOfAgents) {
  std::string agents;
  for (size_t i = 0; i <= kMaxAgentsPerHost; ++i) {
    agents += std::string(i == 0 ? "" : ",") + R"({"default": {"version": "1", "name": "a)" + std::to_string(i) + "\"}}";
  }
  EXPECT_EQ(errors_of_agents(agents), Lines{"agents: has 257 agents, expected at most 256"});
}

}  // namespace
}  // namespace ops::tests
