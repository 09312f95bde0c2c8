// The config as a whole, `http` and `tarballDir`; config_agents_test.cc has the entries of `agents`.

#include <filesystem>

#include "tests/meta/config/config_fixture.h"
#include "tests/support/original_config.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using meta::Config;

struct MetaConfig : MetaConfigTest {};

TEST_F(MetaConfig, LoadsTheOriginalsExample) {
  const Config config = load(kOriginalConfig);
  EXPECT_EQ(report.errors, Lines{});
  EXPECT_EQ(report.warnings, Lines{});
  Config expected;
  expected.debug = true;
  expected.agents = {{{"falcon-agent", "1.0.0", "http://m:2000/falcon", "", "start"}, {{"lg-", "1.1.0", "", "", ""}}, {}}};
  EXPECT_EQ(config, expected);
}

TEST_F(MetaConfig, TheShippedExampleIsValid) {
  EXPECT_EQ(errors_of(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json")), Lines{});
  EXPECT_EQ(report.warnings, Lines{});
}

// The manual, the file and the original's example have the same URL path: with different ones, a reader would expect that
// publish needs another path.
TEST_F(MetaConfig, TheShippedExampleIsInTheManual) {
  std::istringstream lines(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"));
  std::string block;
  for (std::string line; std::getline(lines, line);) block += "    " + line + "\n";
  EXPECT_NE(read_file(std::string(OPS_SOURCE_DIR) + "/meta/README.md").find("\n\n" + block + "\n"), std::string::npos) << block;

  const auto path_of = [](const Config& config) {
    const std::string& url = config.agents.at(0).defaults.tarball;
    return url.substr(url.find('/', url.find("://") + 3));
  };
  EXPECT_EQ(path_of(load(read_file(std::string(OPS_SOURCE_DIR) + "/cfg.example.json"))), path_of(load(kOriginalConfig)));
}

TEST_F(MetaConfig, PrintsTheKeysOfTheOriginal) {
  EXPECT_EQ(
      meta::to_json(load(kOriginalConfig)),
      R"({"debug":true,"tarballDir":"./tarball","interval":0,"http":{"enabled":true,"listen":"0.0.0.0:2000",)"
      R"("maxConnections":16384,"keepAlive":75,"maxDownloads":64,"tls":{"cert":"","key":"","clientCa":""},)"
      R"("tokens":[],"adminTokens":[]},"maxHosts":2000000,)"
      R"("agents":[{"default":{"name":"falcon-agent","version":"1.0.0","tarball":"http://m:2000/falcon","md5":"",)"
      R"("cmd":"start","preserve":false},"others":[{"prefix":"lg-","percent":100.0,"version":"1.1.0","tarball":"","md5":"","cmd":""}],)"
      R"("rollout":{"parallel":1000000,"maxFailures":3,"maxFailureRate":5.0,"timeout":1800}}]})");
  EXPECT_EQ(load(meta::to_json(load(kOriginalConfig))), load(kOriginalConfig));
}

TEST_F(MetaConfig, NeedsHttpAndAgents) {
  EXPECT_EQ(errors_of("{}"), (Lines{R"(http: is missing, expected an object like {"enabled": true, "listen": "0.0.0.0:2000"})",
                                    R"(agents: is missing; a site without agents has "agents": [])"}));
  EXPECT_EQ(errors_of(R"({"http": {}, "agents": []})"), Lines{});
}

TEST_F(MetaConfig, WarnsWhenHttpIsSwitchedOff) {
  for (const std::string http : {R"({"enabled": false})", R"({"listen": ""})"}) {
    EXPECT_EQ(errors_of(R"({"agents": [], "http": )" + http + "}"), Lines{});
    EXPECT_EQ(report.warnings, Lines{"http: is switched off: no host can reach this ops-meta"});
  }
}

TEST_F(MetaConfig, NeedsAValidListenAddress) {
  EXPECT_EQ(errors_of(R"({"agents": [], "http": {"listen": "2000"}})"),
            Lines{R"(http.listen: "2000" is not a listen address like 0.0.0.0:2000, :2000 or [::1]:2000)"});
  EXPECT_EQ(errors_of(R"({"agents": [], "http": {"listen": 2000}})"), Lines{"http.listen: is a number, expected a string"});
}

TEST_F(MetaConfig, ReadsTheLimitsOfTheLoad) {
  const meta::Config config =
      load(R"({"http": {"maxConnections": 20000, "maxDownloads": 7, "keepAlive": 3600}, "interval": 600, "agents": []})");
  EXPECT_EQ(config.max_connections, 20'000u);
  EXPECT_EQ(config.max_downloads, 7u);
  EXPECT_EQ(config.keep_alive, std::chrono::seconds(3600));
  EXPECT_EQ(config.interval, std::chrono::seconds(600));
  EXPECT_EQ(report.warnings, Lines{});
  EXPECT_EQ(errors_of(R"({"http": {"maxConnections": 1, "maxDownloads": 0, "keepAlive": 0}, "interval": 3601, "agents": []})"),
            (Lines{"http.maxConnections: is 1, expected 16 to 1000000", "http.keepAlive: is 0, expected 1 to 3600",
                   "http.maxDownloads: is 0, expected 1 to 100000", "interval: is 3601, expected 0 to 3600"}));
}

TEST_F(MetaConfig, LimitsMaxHosts) {
  EXPECT_EQ(load(R"({"http": {}, "agents": [], "maxHosts": 7})").max_hosts, 7u);
  EXPECT_EQ(report.warnings, Lines{});
  EXPECT_EQ(load(R"({"http": {}, "agents": []})").max_hosts, 2'000'000u);
  for (const std::string bad : {"0", "-1", "100000001"}) {
    EXPECT_EQ(errors_of(R"({"http": {}, "agents": [], "maxHosts": )" + bad + "}"),
              Lines{"maxHosts: is " + bad + ", expected 1 to 100000000"});
  }
}

TEST_F(MetaConfig, NeedsATarballFolder) {
  EXPECT_EQ(errors_of(R"({"tarballDir": "", "http": {}, "agents": []})"),
            Lines{"tarballDir: is empty, expected a folder like ./tarball"});
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
    return {"tarballDir: is \"" + tarball_dir + "\", which is or contains " + what +
            ": ops-meta would serve it to clients; use a folder for tarballs only, like ./tarball"};
  }
  TempDir folder;
};

TEST_F(MetaTarballDir, MustNotContainTheConfig) {
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
  EXPECT_EQ(report.errors, refused(folder / "site/ops", "the folder of cfg.json")) << "cfg.json is a link to a file elsewhere";
}

TEST_F(MetaTarballDir, MustNotContainTheDaemonsOwnFolderOrKeys) {
  EXPECT_EQ(errors_with("."), refused(".", "ops-meta's own folder"));
  EXPECT_EQ(errors_with("./var"), refused("./var", "ops-meta's var/"));
  EXPECT_EQ(errors_with("./var/tarball"), Lines{});
  const std::string tls = R"("tls": {"cert": "/none/meta.pem", "key": ")" + (folder / "site/ops/meta.key") + "\"}";
  EXPECT_EQ(errors_with(folder / "site/keys", tls)[0], refused(folder / "site/keys", "the file of http.tls.key")[0])
      << "the key is a link there";
}

TEST_F(MetaConfig, ReportsAllFaultsAtOnce) {
  const Lines errors = errors_of(R"({"debug": "yes", "tarballDir": "", "http": {"listen": "x"},
      "agents": [{"default": {"name": "../x", "version": "1"}}, {"others": []}]})");
  EXPECT_EQ(errors.size(), 5u) << report.text("cfg.json");
}

TEST_F(MetaConfig, WarnsAboutUnknownKeysAndAnAgentWithoutTarball) {
  load(
      R"({"http": {"tsl": {}}, "agents": [{"default": {"name": "a", "version": "1", "cmd": "start"}, "other": []}], "Debug": true})");
  EXPECT_EQ(report.errors, Lines{});
  EXPECT_EQ(report.warnings, (Lines{"agents[0].default.tarball: is empty: a host without this version cannot download it",
                                    "Debug: unknown key, ignored; did you mean \"debug\"?",
                                    "http.tsl: unknown key, ignored; did you mean \"tls\"?",
                                    "agents[0].other: unknown key, ignored; did you mean \"others\"?"}));
}

TEST_F(MetaConfigTest, StandbyNeedsTheOtherOpsMetaAndTokensOnBothSides) {
  const auto with = [&](const std::string& http, const std::string& standby) {
    return errors_of(R"({"http": {"listen": ":2000")" + http + R"(}, "agents": [], "standby": )" + standby + "}");
  };
  const std::string tokens = R"(, "adminTokens": ["boss"])";
  EXPECT_EQ(with(tokens, R"({"of": "m1:2000/", "token": "t"})"), Lines());
  EXPECT_EQ(load(R"({"http": {"adminTokens": ["boss"]}, "agents": [], "standby": {"of": "m1:2000/", "token": "t"}})").standby,
            (meta::StandbyConfig{"http://m1:2000", "t", ""}));
  EXPECT_EQ(with("", R"({"of": "m1:2000", "token": "t"})"),
            Lines{"standby: needs http.adminTokens here, or every client could make this ops-meta step down"});
  EXPECT_EQ(with(tokens, R"({"of": "m1:2000"})").size(), 1U);
  EXPECT_EQ(with(tokens, R"({"token": "t"})").size(), 1U);
  EXPECT_EQ(with(tokens, R"({"of": "m1:2000", "token": "t", "ca": "/no/such.pem"})").size(), 1U);
}

TEST_F(MetaConfigTest, StandbyIsPrintedWithoutItsToken) {
  const meta::Config config =
      load(R"({"http": {"adminTokens": ["boss"]}, "agents": [], "standby": {"of": "http://m1:2000", "token": "secret"}})");
  const std::string json = to_json(config);
  EXPECT_NE(json.find(R"("standby":{"of":"http://m1:2000","token":"***","ca":""})"), std::string::npos) << json;
  EXPECT_EQ(to_json(meta::Config()).find("standby"), std::string::npos);
}

}  // namespace
}  // namespace ops::tests
