#include "meta/config/config.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/original_config.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using meta::AgentConfig;
using meta::Config;
using meta::Override;
using Lines = std::vector<std::string>;

struct MetaConfig : testing::Test {
  Config load(const std::string& text) {
    const TempDir folder;
    write_file(folder / "cfg.json", text);
    report = {};
    return meta::load_config(folder / "cfg.json", report);
  }

  Lines errors_of(const std::string& text) {
    load(text);
    return report.errors;
  }

  /// With these agents and nothing wrong with the rest.
  Lines errors_of_agents(const std::string& agents) {
    return errors_of(R"({"http": {"listen": "127.0.0.1:2000"}, "agents": [)" + agents + "]}");
  }

  Lines errors_of_default(const std::string& fields) { return errors_of_agents(R"({"default": {)" + fields + "}}"); }
  Lines errors_of_entry(const std::string& fields) {
    return errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "others": [{)" + fields + "}]}");
  }
  Lines errors_of_override(const std::string& fields) { return errors_of_entry(R"("prefix": "lg-", )" + fields); }

  ConfigReport report;
};

std::string form_of(const std::string& what, const std::string& name) {
  const std::string form = what == "version" ? "[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}" : "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}";
  return what + " \"" + name + "\" is not of the form " + form;
}

TEST_F(MetaConfig, OfTheOriginalLoadsUnchanged) {
  const Config config = load(kOriginalConfig);
  EXPECT_EQ(report.errors, Lines{});
  EXPECT_EQ(report.warnings, Lines{});
  Config expected;
  expected.debug = true;
  expected.agents = {{{"falcon-agent", "1.0.0", "http://m:2000/falcon", "", "start"}, {{"lg-", "1.1.0", "", "", ""}}, {}}};
  EXPECT_EQ(config, expected);
}

TEST_F(MetaConfig, ThatWeShipIsGood) {
  EXPECT_EQ(errors_of(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json")), Lines{});
  EXPECT_EQ(report.warnings, Lines{});
}

// The manual's block, the file and the original's example name the same URL path, or publish would seem to need another one.
TEST_F(MetaConfig, ThatWeShipStandsInTheManual) {
  std::istringstream lines(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"));
  std::string block;
  for (std::string line; std::getline(lines, line);) block += "    " + line + "\n";
  EXPECT_NE(read_file(std::string(OPS_SOURCE_DIR) + "/README.md").find("\n\n" + block + "\n"), std::string::npos) << block;

  const auto path_of = [](const Config& config) {
    const std::string& url = config.agents.at(0).defaults.tarball;
    return url.substr(url.find('/', url.find("://") + 3));
  };
  EXPECT_EQ(path_of(load(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"))), path_of(load(kOriginalConfig)));
}

TEST_F(MetaConfig, PrintsAsTheOriginalDid) {
  EXPECT_EQ(meta::to_json(load(kOriginalConfig)),
            R"({"debug":true,"tarballDir":"./tarball","interval":0,"http":{"enabled":true,"listen":"0.0.0.0:2000",)"
            R"("maxConnections":16384,"maxDownloads":64,"tls":{"cert":"","key":"","clientCa":""},)"
            R"("tokens":[],"adminTokens":[]},"maxHosts":2000000,)"
            R"("agents":[{"default":{"name":"falcon-agent","version":"1.0.0","tarball":"http://m:2000/falcon","md5":"",)"
            R"("cmd":"start"},"others":[{"prefix":"lg-","percent":100.0,"version":"1.1.0","tarball":"","md5":"","cmd":""}],)"
            R"("rollout":{"parallel":1000000,"maxFailures":3,"maxFailureRate":5.0,"timeout":1800}}]})");
  EXPECT_EQ(load(meta::to_json(load(kOriginalConfig))), load(kOriginalConfig));
}

TEST_F(MetaConfig, WithoutHttpOrAgentsIsRefused) {
  EXPECT_EQ(errors_of("{}"), (Lines{R"(http: is missing, should be like {"enabled": true, "listen": "0.0.0.0:2000"})",
                                    R"(agents: is missing; a site without agents has "agents": [])"}));
  EXPECT_EQ(errors_of(R"({"http": {}, "agents": []})"), Lines{});
}

TEST_F(MetaConfig, SwitchedOffIsWarnedOf) {
  for (const std::string http : {R"({"enabled": false})", R"({"listen": ""})"}) {
    EXPECT_EQ(errors_of(R"({"agents": [], "http": )" + http + "}"), Lines{});
    EXPECT_EQ(report.warnings, Lines{"http: is switched off: no host can reach this ops-meta"});
  }
}

TEST_F(MetaConfig, NeedsAListenAddressThatCanBeParsed) {
  EXPECT_EQ(errors_of(R"({"agents": [], "http": {"listen": "2000"}})"),
            Lines{R"(http.listen: "2000" is not a listen address like 0.0.0.0:2000, :2000 or [::1]:2000)"});
  EXPECT_EQ(errors_of(R"({"agents": [], "http": {"listen": 2000}})"), Lines{"http.listen: is a number, should be a string"});
}

TEST_F(MetaConfig, ReadsWhatBoundsTheLoad) {
  const meta::Config config = load(R"({"http": {"maxConnections": 20000, "maxDownloads": 7}, "interval": 600, "agents": []})");
  EXPECT_EQ(config.max_connections, 20'000u);
  EXPECT_EQ(config.max_downloads, 7u);
  EXPECT_EQ(config.interval, std::chrono::seconds(600));
  EXPECT_EQ(report.warnings, Lines{});
  EXPECT_EQ(errors_of(R"({"http": {"maxConnections": 1, "maxDownloads": 0}, "interval": 3601, "agents": []})"),
            (Lines{"http.maxConnections: is 1, should be from 16 to 1000000",
                   "http.maxDownloads: is 0, should be from 1 to 100000", "interval: is 3601, should be from 0 to 3600"}));
}

TEST_F(MetaConfig, ReadsHowARolloutGoes) {
  const meta::Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1"},
      "others": [{"percent": 0.5, "version": "2"}],
      "rollout": {"parallel": 10, "maxFailures": 1, "maxFailureRate": 0.1, "timeout": 60}}]})");
  EXPECT_EQ(report.text(""), "");
  EXPECT_EQ(config.agents[0].others[0].percent, 0.5);
  EXPECT_EQ(config.agents[0].rollout, (meta::RolloutLimits{10, 1, 0.1, std::chrono::seconds(60)}));
  EXPECT_EQ(errors_of_override(R"("percent": 101)"), Lines{"agents[0].others[0].percent: is 101, should be from 0 to 100"});
  EXPECT_EQ(errors_of_override(R"("percent": "5")"), Lines{"agents[0].others[0].percent: is a string, should be a number"});
  EXPECT_EQ(errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"maxFailures": 0, "timeout": -1}})"),
            (Lines{"agents[0].rollout.maxFailures: is 0, should be from 1 to 4294967295",
                   "agents[0].rollout.timeout: is -1, should be from 1 to 604800"}));
}

TEST_F(MetaConfig, BoundsTheHosts) {
  EXPECT_EQ(load(R"({"http": {}, "agents": [], "maxHosts": 7})").max_hosts, 7u);
  EXPECT_EQ(report.warnings, Lines{});
  EXPECT_EQ(load(R"({"http": {}, "agents": []})").max_hosts, 2'000'000u);
  for (const std::string bad : {"0", "-1", "100000001"}) {
    EXPECT_EQ(errors_of(R"({"http": {}, "agents": [], "maxHosts": )" + bad + "}"),
              Lines{"maxHosts: is " + bad + ", should be from 1 to 100000000"});
  }
}

TEST_F(MetaConfig, NeedsATarballFolder) {
  EXPECT_EQ(errors_of(R"({"tarballDir": "", "http": {}, "agents": []})"),
            Lines{"tarballDir: is empty, should be a folder like ./tarball"});
}

TEST_F(MetaConfig, NeedsADefaultWithNameAndVersion) {
  EXPECT_EQ(errors_of_agents(R"({"others": []}, {"default": null})"),
            (Lines{"agents[0].default: is missing", "agents[1].default: is missing"}));
  EXPECT_EQ(errors_of_default(""), (Lines{"agents[0].default.name: is missing", "agents[0].default.version: is missing"}));
  EXPECT_EQ(errors_of_default(R"("name": "a")"), Lines{"agents[0].default.version: is missing"});
  EXPECT_EQ(errors_of_agents("null"), Lines{}) << "the original skips null entries";
}

TEST_F(MetaConfig, RefusesBadNamesAndVersions) {
  for (const std::string bad : {"../x", "", "a/b", ".", "..", "-x", "a b"}) {
    EXPECT_EQ(errors_of_default(R"("version": "1", "name": ")" + bad + '"'),
              Lines{"agents[0].default.name: " + form_of("agent name", bad)});
    EXPECT_EQ(errors_of_default(R"("name": "a", "version": ")" + bad + '"'),
              Lines{"agents[0].default.version: " + form_of("version", bad)});
    if (bad.empty()) continue;  // that inherits
    EXPECT_EQ(errors_of_override(R"("version": ")" + bad + '"'),
              Lines{"agents[0].others[0].version: " + form_of("version", bad)});
  }
}

TEST_F(MetaConfig, TakesVersionsWithATildeButNoNames) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1.0~rc1")"), Lines{});
  EXPECT_EQ(errors_of_override(R"("version": "1.0~rc1")"), Lines{});
  EXPECT_EQ(errors_of_default(R"("name": "a~b", "version": "1")"),
            Lines{"agents[0].default.name: " + form_of("agent name", "a~b")});
}

TEST_F(MetaConfig, RefusesUnknownKeysInOthersAndInRollout) {
  EXPECT_EQ(errors_of_entry(R"("prefx": "lg-", "version": "2")"),
            Lines{"agents[0].others[0].prefx: unknown key; did you mean \"prefix\"?"});
  EXPECT_EQ(errors_of_entry(R"("prefix": "lg-", "percentage": 5, "comment": "x")"),
            (Lines{"agents[0].others[0].comment: unknown key",
                   "agents[0].others[0].percentage: unknown key; did you mean \"percent\"?"}));
  EXPECT_EQ(
      errors_of_agents(R"({"default": {"name": "a", "version": "1"}, "rollout": {"paralel": 1, "soak": 60}})"),
      (Lines{"agents[0].rollout.paralel: unknown key; did you mean \"parallel\"?", "agents[0].rollout.soak: unknown key"}));
  EXPECT_EQ(report.warnings, Lines{}) << "not once more as a warning";
}

TEST_F(MetaConfig, RefusesAnOverrideForAllHostsUnlessItSaysSo) {
  const Lines refused{
      "agents[0].others[0]: has neither \"prefix\" nor \"percent\", and would hold for all hosts; "
      "\"prefix\": \"\" if that is meant"};
  EXPECT_EQ(errors_of_entry(R"("version": "2")"), refused);
  EXPECT_EQ(errors_of_entry(R"("prefix": null, "version": "2")"), refused);
  EXPECT_EQ(errors_of_entry(R"("prefix": "", "version": "2")"), Lines{});
  EXPECT_EQ(errors_of_entry(R"("percent": 5, "version": "2")"), Lines{});
}

TEST_F(MetaConfig, RefusesAPatternAsAPrefix) {
  for (const auto& [pattern, beginning] :
       {std::pair("lg-*", "lg-"), {"*", ""}, {"web-[0-9]", "web-"}, {"^lg", "lg"}, {"db?", "db"}}) {
    EXPECT_EQ(errors_of_entry(std::string(R"("version": "2", "prefix": ")") + pattern + "\""),
              Lines{std::string("agents[0].others[0].prefix: is \"") + pattern +
                    "\", and a prefix is no pattern: give the beginning of the hostnames" +
                    (*beginning == '\0' ? "" : std::string(", like \"") + beginning + "\"")});
  }
  EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "lg-db_01.example~+")"), Lines{});
}

TEST_F(MetaConfig, RefusesAUrlBehindWhichAFilesNameWouldNotCount) {
  for (const std::string end : {"?x=1", "#part"}) {
    EXPECT_EQ(errors_of_entry(R"("version": "2", "prefix": "", "tarball": "http://m/falcon)" + end + "\""),
              Lines{"agents[0].others[0].tarball: is \"http://m/falcon" + end +
                    "\", which holds ? or #: hosts put the file's name behind the URL, where it would not count"});
  }
}

/// A config, a certificate and its key in a folder, and a tarballDir.
struct MetaTarballDir : MetaConfig {
  MetaTarballDir() {
    fs::create_directories(folder / "site/ops/tarball");
    fs::create_directories(folder / "site/keys");
    fs::create_directory_symlink("..", folder / "site/ops/up");
    fs::create_directory_symlink("site", folder / "link");
    write_file(folder / "site/keys/meta.key", "x", 0600);
    fs::create_symlink("../keys/meta.key", folder / "site/ops/meta.key");
  }
  Lines errors_with(const std::string& tarball_dir, const std::string& http = "") {
    write_file(folder / "site/ops/cfg.json",
               R"({"http": {)" + http + R"(}, "agents": [], "tarballDir": ")" + tarball_dir + "\"}");
    report = {};
    meta::load_config(folder / "site/ops/cfg.json", report);
    return report.errors;
  }
  Lines refused(const std::string& tarball_dir, const std::string& what) {
    return {"tarballDir: is \"" + tarball_dir + "\", which is or holds " + what +
            ", so that ops-meta would serve that, too; give tarballs a folder of their own, like ./tarball"};
  }
  TempDir folder;
};

TEST_F(MetaTarballDir, MustNotHoldTheConfig) {
  for (const std::string dir :
       {"site/ops", "site/ops/", "site", "", "link", "link/ops", "site/ops/up", "site/ops/tarball/.."}) {
    EXPECT_EQ(errors_with(folder / dir), refused(folder / dir, "cfg.json")) << dir;
  }
  EXPECT_EQ(errors_with("/"), refused("/", "cfg.json"));
  for (const std::string dir : {"site/ops/tarball", "site/ops/none", "site/keys", "site/op"}) {
    EXPECT_EQ(errors_with(folder / dir), Lines{}) << dir;
  }
  write_file(folder / "real.json", R"({"http": {}, "agents": [], "tarballDir": ")" + (folder / "site/ops") + "\"}");
  fs::remove(folder / "site/ops/cfg.json");
  fs::create_symlink(folder / "real.json", folder / "site/ops/cfg.json");
  report = {};
  meta::load_config(folder / "site/ops/cfg.json", report);
  EXPECT_EQ(report.errors, refused(folder / "site/ops", "the folder of cfg.json")) << "though the file itself lies elsewhere";
}

TEST_F(MetaTarballDir, MustNotHoldADaemonsOwnFolderOrKeys) {
  EXPECT_EQ(errors_with("."), refused(".", "ops-meta's own folder"));
  EXPECT_EQ(errors_with("./var"), refused("./var", "ops-meta's var/"));
  EXPECT_EQ(errors_with("./var/tarball"), Lines{});
  const std::string tls = R"("tls": {"cert": "/none/meta.pem", "key": ")" + (folder / "site/ops/meta.key") + "\"}";
  EXPECT_EQ(errors_with(folder / "site/keys", tls)[0], refused(folder / "site/keys", "the file of http.tls.key")[0])
      << "the key is a link there";
}

TEST_F(MetaConfig, RefusesTwoAgentsOfOneName) {
  const std::string one = R"({"default": {"name": "one", "version": "1"}})";
  const std::string two = R"({"default": {"name": "two", "version": "1"}})";
  EXPECT_EQ(errors_of_agents(one + "," + two + "," + one), Lines{"agents[2].default.name: a second agent is named one"});
}

TEST_F(MetaConfig, RefusesAnUnknownCmd) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "cmd": "restart")"),
            Lines{R"(agents[0].default.cmd: is "restart", should be "start", "stop", or "" to leave the agent alone)"});
  for (const std::string meant : {"START", "start ", "\\tStart\\n"}) {
    const Lines errors = errors_of_override(R"("cmd": ")" + meant + '"');
    ASSERT_EQ(errors.size(), 1u) << meant;
    EXPECT_TRUE(errors[0].ends_with("\", should be \"start\": in small letters, without blanks")) << errors[0];
  }
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "cmd": "STOP")"),
            Lines{R"(agents[0].default.cmd: is "STOP", should be "stop": in small letters, without blanks)"});
  for (const std::string good : {"start", "stop", ""}) EXPECT_EQ(errors_of_override(R"("cmd": ")" + good + '"'), Lines{});
}

TEST_F(MetaConfig, RefusesUrlsOfAnotherScheme) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "tarball": "file:///x")"),
            Lines{R"(agents[0].default.tarball: is "file:///x", should start with http:// or https://)"});
  EXPECT_EQ(errors_of_override(R"("tarball": "falcon")").size(), 1u);
  EXPECT_EQ(
      errors_of_override(R"("md5": "0cc1")"),
      Lines{R"(agents[0].others[0].md5: is "0cc1", should start with http:// or https://, or be a checksum of 32 hex digits)"});
  EXPECT_EQ(errors_of_override(R"("md5": "0cc175b9c0f1b6a831c399e269772661", "tarball": "https://m/x")"), Lines{});
}

TEST_F(MetaConfig, TakesUrlsAsGoSitesWriteThemWithAWarning) {
  EXPECT_EQ(errors_of_default(R"("name": "a", "version": "1", "tarball": "10.0.0.1:2000/falcon", "md5": "HTTP://m/falcon")"),
            Lines{});
  EXPECT_EQ(report.warnings,
            (Lines{R"(agents[0].default.md5: is "HTTP://m/falcon", is read as http://m/falcon)",
                   R"(agents[0].default.tarball: is "10.0.0.1:2000/falcon", is read as http://10.0.0.1:2000/falcon)"}));
  EXPECT_EQ(errors_of_override(R"("tarball": "m.example/falcon")"), Lines{});
  EXPECT_EQ(report.warnings.size(), 1u);
}

TEST_F(MetaConfig, PrintsNoPasswordOfAUrl) {
  const std::string others =
      R"(, "others": [{"prefix": "lg-", "tarball": "http://ann:secret@m/x", "md5": "http://ann:secret@m/y"}])";
  const Config config = load(R"({"http": {}, "agents": [{"default": {"name": "a", "version": "1", "cmd": "start",
      "tarball": "ann:secret@m:2000/falcon", "md5": "HTTP://ann:secret@m/z"})" +
                             others + "}]}");
  const std::string printed = meta::to_json(config) + report.text("");
  EXPECT_EQ(report.warnings.size(), 2u) << printed;
  EXPECT_NE(printed.find("http://ann:***@m/x"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("secret"), std::string::npos) << printed;
  EXPECT_EQ(config.agents[0].defaults.tarball, "ann:secret@m:2000/falcon") << "hosts need it";
  for (const std::string bad : {"ftp://ann:secret@m", "ann:secret@m", "http://ann:secret@", "http://ann:secret@m/ x"}) {
    EXPECT_EQ(errors_of_override(R"("tarball": ")" + bad + '"').size(), 1u) << bad;
    EXPECT_EQ(report.text("").find("secret"), std::string::npos) << report.text("");
  }
}

TEST_F(MetaConfig, NamesTheFaultOfAWrongTypeOnce) {
  EXPECT_EQ(errors_of_default(R"("name": 7, "version": 1.0)"),
            (Lines{"agents[0].default.name: is a number, should be a string",
                   "agents[0].default.version: is a number, should be a string"}));
  EXPECT_EQ(errors_of_agents(R"({"default": []})"), Lines{"agents[0].default: is an array, should be an object in { }"});
  EXPECT_EQ(errors_of(R"({"http": [], "agents": {}})"),
            (Lines{"http: is an array, should be an object in { }", "agents: is an object, should be a list in [ ]"}));
}

TEST_F(MetaConfig, ReportsAllFaultsAtOnce) {
  const Lines errors = errors_of(R"({"debug": "yes", "tarballDir": "", "http": {"listen": "x"},
      "agents": [{"default": {"name": "../x", "version": "1"}}, {"others": []}]})");
  EXPECT_EQ(errors.size(), 5u) << report.text("cfg.json");
}

TEST_F(MetaConfig, WarnsOfUnknownKeysAndOfAnAgentWithoutTarball) {
  load(
      R"({"http": {"tsl": {}}, "agents": [{"default": {"name": "a", "version": "1", "cmd": "start"}, "other": []}], "Debug": true})");
  EXPECT_EQ(report.errors, Lines{});
  EXPECT_EQ(report.warnings, (Lines{"agents[0].default.tarball: is empty: a host that lacks this version cannot fetch it",
                                    "Debug: unknown key, ignored; did you mean \"debug\"?",
                                    "http.tsl: unknown key, ignored; did you mean \"tls\"?",
                                    "agents[0].other: unknown key, ignored; did you mean \"others\"?"}));
}

TEST_F(MetaConfig, HasNoMoreAgentsThanAHostCanHave) {
  std::string agents;
  for (size_t i = 0; i <= kMaxAgentsPerHost; ++i) {
    agents += std::string(i == 0 ? "" : ",") + R"({"default": {"version": "1", "name": "a)" + std::to_string(i) + "\"}}";
  }
  EXPECT_EQ(errors_of_agents(agents), Lines{"agents: has 257 agents, at most 256"});
}

}  // namespace
}  // namespace ops::tests
