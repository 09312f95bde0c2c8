#include "updater/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

using std::chrono::seconds;
using tests::TempDir;

struct Loaded {
  Config config;
  ConfigReport report;
};

Loaded load(const std::string& text) {
  const TempDir folder;
  tests::write_file(folder / "cfg.json", text);
  Loaded loaded;
  loaded.config = load_config(folder / "cfg.json", loaded.report);
  return loaded;
}

/// The error of a config with exactly one error.
std::string only_error(const std::string& text) {
  const Loaded loaded = load(text);
  EXPECT_EQ(loaded.report.errors.size(), 1U) << text << "\n" << loaded.report.text("cfg.json");
  return loaded.report.errors.empty() ? "" : loaded.report.errors[0];
}

TEST(UpdaterConfig, NeedsOnlyAServer) {
  const Loaded loaded = load(R"({"server": "m1:2000"})");
  EXPECT_TRUE(loaded.report.ok()) << loaded.report.text("");
  EXPECT_TRUE(loaded.report.warnings.empty());
  Config expected;
  expected.servers = {"http://m1:2000"};
  EXPECT_EQ(loaded.config, expected);
}

TEST(UpdaterConfig, ReadsTheOriginalsExample) {
  const Loaded loaded = load(R"({
    "debug": true, "hostname": "", "server": "127.0.0.1:2000", "interval": 300,
    "http": {"enabled": true, "listen": "0.0.0.0:2001"}})");
  EXPECT_TRUE(loaded.report.ok()) << loaded.report.text("");
  EXPECT_TRUE(loaded.report.warnings.empty());
  EXPECT_EQ(loaded.config.interval, seconds(300));
  EXPECT_EQ(loaded.config.http_listen, "0.0.0.0:2001");
}

TEST(UpdaterConfig, AcceptsOurExample) {
  ConfigReport report;
  load_config(std::string(OPS_SOURCE_DIR) + "/updater/cfg.example.json", report);
  EXPECT_EQ(report.text("cfg.example.json"), "");
}

TEST(UpdaterConfig, ReadsEveryKey) {
  const Loaded loaded =
      load(R"({"debug": true, "hostname": "h1", "server": " m1:2000, https://m2/ ,, http://m3:1//", "interval": 60,
    "http": {"enabled": false, "listen": ":9"}, "probation": 0, "keepVersions": 5, "controlTimeout": 7, "startTimeout": 8, "stopTimeout": 9,
    "publicKeys": ["RWT/VjBPAcWiTW1jBXX2q8MfoJCENpQtPogV6Vn9pWsHu6YMgzh3J1tv"], "desiredAgent": "falcon-agent"})");
  EXPECT_TRUE(loaded.report.ok()) << loaded.report.text("");
  Config expected;
  expected.public_keys = {*parse_public_key("RWT/VjBPAcWiTW1jBXX2q8MfoJCENpQtPogV6Vn9pWsHu6YMgzh3J1tv")};
  expected.debug = true;
  expected.desired_agent = "falcon-agent";
  expected.hostname = "h1";
  expected.servers = {"http://m1:2000", "https://m2", "http://m3:1"};
  expected.interval = seconds(60);
  expected.http_enabled = false;
  expected.http_listen = ":9";
  expected.probation = seconds(0);
  expected.keep_versions = 5;
  expected.control_timeout = seconds(7);
  expected.start_timeout = seconds(8);
  expected.stop_timeout = seconds(9);
  EXPECT_EQ(loaded.config, expected);
}

TEST(UpdaterConfig, PrintsAConfigThatReadsTheSame) {
  const Loaded loaded = load(
      R"({"debug": true, "hostname": "h1", "server": "m1:2000,https://m2", "interval": 9, "controlTimeout": 3, "startTimeout": 4, "stopTimeout": 5,
              "desiredAgent": "a"})");
  const Loaded again = load(to_json(loaded.config));
  EXPECT_EQ(again.report.text(""), "");
  EXPECT_EQ(again.config, loaded.config);
}

TEST(UpdaterConfig, NamesAMissingFile) {
  ConfigReport report;
  load_config("/nowhere/cfg.json", report);
  EXPECT_NE(report.text("").find("/nowhere/cfg.json: No such file"), std::string::npos) << report.text("");
}

TEST(UpdaterConfig, NamesLineAndColumnOfASyntaxError) {
  EXPECT_NE(only_error("{\n  \"server\": \"m1\",\n  oops\n}").find("line 3, column 3"), std::string::npos);
  EXPECT_EQ(only_error("  \n"), "the file is empty");
  EXPECT_NE(only_error("[1]").find("not an object"), std::string::npos);
}

TEST(UpdaterConfig, RefusesAFileCutAtAnyByte) {
  const std::string whole = R"({"debug": true, "server": "m1:2000", "interval": 60, "http": {"listen": ":1"}})";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(load(whole.substr(0, size)).report.ok()) << size;
  }
}

TEST(UpdaterConfig, NamesThePlaceOfEachFault) {
  const std::string server = R"("server": "m1:2000", )";
  const std::pair<std::string, std::string> cases[] = {
      {R"({})", "server: "},
      {R"({"server": " , "})", "server: "},
      {R"({"server": "ftp://m1"})", "server: \"ftp://m1\""},
      {R"({"server": "m 1"})", "server: \"m 1\""},
      {R"({"server": "http://"})", "server: \"http://\""},
      {R"({"server": "/"})", "server: \"/\""},
      {R"({"server": "::1:2000"})", "server: \"::1:2000\" is an IPv6 address without brackets: write it like [::1]:2000"},
      {"{" + server + R"("interval": 0})", "interval: "},
      {"{" + server + R"("interval": 1.5})", "interval: "},
      {"{" + server + R"("interval": "300"})", "interval: "},
      {"{" + server + R"("interval": 18446744073709551615})", "interval: "},
      {"{" + server + R"("probation": -1})", "probation: "},
      {"{" + server + R"("keepVersions": 0})", "keepVersions: "},
      {"{" + server + R"("controlTimeout": 0})", "controlTimeout: "},
      {"{" + server + R"("startTimeout": 0})", "startTimeout: "},
      {"{" + server + R"("stopTimeout": 3601})", "stopTimeout: "},
      {"{" + server + R"("hostname": "a b"})", "hostname: "},
      {"{" + server + R"("debug": "yes"})", "debug: "},
      {"{" + server + R"("desiredAgent": "my agent"})", "desiredAgent: agent name \"my agent\""},
      {"{" + server + R"("http": []})", "http: "},
      {"{" + server + R"("http": {"listen": "nonsense"}})", "http.listen: "},
      {"{" + server + R"("http": {"listen": "127.0.0.1:70000"}})", "http.listen: "},
  };
  for (const auto& [text, start] : cases) {
    const std::string error = only_error(text);
    EXPECT_TRUE(error.starts_with(start)) << text << "\n" << error;
  }
}

TEST(UpdaterConfig, ReportsAllFaultsAtOnceAndWarnsOfUnknownKeys) {
  const Loaded loaded = load(R"({"interval": 0, "hostname": "a b", "intervall": 5, "http": {"port": 1}})");
  EXPECT_EQ(loaded.report.errors.size(), 3U) << loaded.report.text("");  // server, too
  EXPECT_EQ(loaded.report.warnings.size(), 2U) << loaded.report.text("");
}

TEST(UpdaterConfig, AcceptsAnEmptyAddressThatIsNotUsed) {
  EXPECT_TRUE(load(R"({"server": "m", "http": {"listen": ""}})").report.ok());
  EXPECT_TRUE(load(R"({"server": "m", "http": {"enabled": false, "listen": "x"}})").report.ok());
}

TEST(UpdaterConfig, ReadsServersAsGoSitesWriteThem) {
  const Loaded loaded = load(R"({"server": "HTTP://m1:2000,ann:a%2Fb%40c@m2:2000,https://owl@m3"})");
  EXPECT_EQ(loaded.report.errors, std::vector<std::string>{});
  EXPECT_EQ(loaded.config.servers, (std::vector<std::string>{"http://m1:2000", "http://m2:2000", "https://m3"}));
  EXPECT_EQ(loaded.config.passwords,
            (std::map<std::string, std::string>{{"http://m2:2000", "ann:a/b@c"}, {"https://m3", "owl:"}}));
}

TEST(UpdaterConfig, PrintsNoPassword) {
  const Loaded loaded = load(R"({"server": "http://ann:secret@m1:2000,m2", "token": "ann:secret"})");
  const std::string printed = to_json(loaded.config) + loaded.report.text("");
  EXPECT_NE(printed.find(R"("server":"http://***@m1:2000,http://m2")"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("secret"), std::string::npos) << printed;
  EXPECT_EQ(load(R"({"server": "ann:secret@m1:2000"})").report.warnings.size(), 1U) << "other users can read the file";
  for (const std::string bad : {"ftp://ann:secret@m1", "ann:secr/et@m1", "http://ann:secret@m 1", "ann:secret m1@m2/@m3"}) {
    const std::string error = only_error(R"({"server": ")" + bad + "\"}");
    EXPECT_EQ(error.find("secr"), std::string::npos) << error;
    EXPECT_NE(error.find("%2F"), std::string::npos) << error;
  }
}

TEST(UpdaterConfig, ReadsTheProxy) {
  const Config missing = load(R"({"server": "m:1"})").config;
  EXPECT_EQ(missing.proxy, ProxySettings()) << "the environment's";
  const Config config = load(R"({"server": "m:1", "proxy": "p:3128", "noProxy": "a,.b", "proxyHeartbeats": true})").config;
  EXPECT_EQ(config.proxy.url, "http://p:3128");
  EXPECT_EQ(config.proxy.exceptions, "a,.b");
  EXPECT_TRUE(config.proxy_heartbeats);
  EXPECT_EQ(load(to_json(config)).config, config);
  EXPECT_EQ(load(R"({"server": "m:1", "proxy": ""})").config.proxy.url, "") << "no proxy, also none of the environment";
  for (const std::string bad :
       {"socks5://ann:secr@p:1", "http://", "http://ann:secr@p 1", "http://p:1?secr", "ann:secr/et@p:1"}) {
    const std::string error = only_error(R"({"server": "m:1", "proxy": ")" + bad + "\"}");
    EXPECT_TRUE(error.starts_with("proxy: is not the URL of a proxy, like http://proxy.example:3128")) << error;
    EXPECT_EQ(error.find("secr"), std::string::npos) << error;
  }
}

TEST(UpdaterConfig, PrintsNoPasswordOfTheProxy) {
  const Loaded loaded = load(R"({"server": "m:1", "proxy": "http://ann:secret@p:3128"})");
  EXPECT_EQ(loaded.config.proxy.url, "http://ann:secret@p:3128");
  const std::string printed = to_json(loaded.config) + loaded.report.text("");
  EXPECT_NE(printed.find(R"("proxy":"http://ann:***@p:3128")"), std::string::npos) << printed;
  EXPECT_EQ(printed.find("secret"), std::string::npos) << printed;
  EXPECT_EQ(loaded.report.warnings.size(), 1U) << "other users can read the file";
}

TEST(UpdaterConfig, TakesTheProxyForDownloadsOnlyUnlessTold) {
  Config config;
  config.proxy.url = "http://p:1";
  EXPECT_EQ(credentials_of(config, nullptr, Request::download).proxy, config.proxy);
  EXPECT_EQ(credentials_of(config, nullptr, Request::heartbeat).proxy, std::nullopt);
  config.proxy_heartbeats = true;
  EXPECT_EQ(credentials_of(config, nullptr, Request::heartbeat).proxy, config.proxy);
}

TEST(UpdaterConfig, UsesTheConfiguredHostnameOrTheSystems) {
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  Config config;
  EXPECT_EQ(hostname_of(config), name);
  config.hostname = "h1";
  EXPECT_EQ(hostname_of(config), "h1");
}

TEST(UpdaterConfig, WarnsOfAServerWithoutAPort) {
  const auto warnings = [](const std::string& server) { return load(R"({"server": ")" + server + "\"}").report.warnings; };
  EXPECT_EQ(
      warnings("m,[::1]"),
      (std::vector<std::string>{
          R"(server: "m" has no port, so the updater asks port 80: write m:2000 for the usual port of ops-meta)",
          R"(server: "[::1]" has no port, so the updater asks port 80: write [::1]:2000 for the usual port of ops-meta)"}));
  for (const std::string good : {"m:2000", "[::1]:2000", "http://m", "https://m", "http://[::1]"}) {
    EXPECT_EQ(warnings(good).size(), 0U) << good;
  }
}

TEST(UpdaterConfig, ExplainsWhatAPublicKeyIs) {
  EXPECT_EQ(only_error(R"({"server": "m", "publicKeys": ["RWx"]})"),
            "publicKeys: \"RWx\" is not a minisign public key: copy the second line of minisign.pub, RW…");
  EXPECT_EQ(only_error(R"({"server": "m", "publicKeys": "RWx"})"), "publicKeys: is a string, expected an array in [ ]");
  EXPECT_EQ(only_error(R"({"server": "m", "publicKeys": [7]})"), "publicKeys[0]: is a number, expected a string");
}

}  // namespace
}  // namespace ops::updater
