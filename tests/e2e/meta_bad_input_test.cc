// The real ops-meta refuses bad configs and bad heartbeats with a reason, and keeps its state.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/boxes.h"
#include "tests/support/measure.h"
#include "tests/support/original_config.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

std::string with_agents(const std::string& agents) {
  return R"({"http": {"listen": "127.0.0.1:0"}, "agents": [)" + agents + "]}\n";
}

struct BadConfig {
  std::string text;
  std::vector<std::string> words;  // the message must contain all of them
};

const std::vector<BadConfig> kBadConfigs = {
    {"", {"the file is empty"}},
    {"{\n  \"http\": {\n", {"line 3, column 1", "unexpected end of input"}},
    {"{\n  \"debug\" true\n}", {"line 2, column ", "expected ':'"}},
    {"{\"http\": 1e999}", {"1e999"}},
    {"[]", {"not an object"}},
    {R"({"http": {"listen": 2000}, "agents": {}})", {"http.listen: is a number", "agents: is an object"}},
    {R"({"http": {"listen": "2000"}, "agents": []})", {"http.listen: \"2000\" is not a listen address"}},
    {with_agents("{}"), {"agents[0].default: is missing"}},
    {with_agents(R"({"default": {"name": "a"}})"), {"agents[0].default.version: is missing"}},
    {with_agents(R"({"default": {"name": "", "version": "1"}})"),
     {"agents[0].default.name: agent name \"\" is not of the form"}},
    {with_agents(R"({"default": {"name": "../x", "version": "a/b"}})"),
     {"agents[0].default.name: agent name \"../x\"", "agents[0].default.version: version \"a/b\""}},
    {with_agents(R"({"default": {"name": "a", "version": "1"}}, {"default": {"name": "a", "version": "2"}})"),
     {"agents[1].default.name: a second agent is named a"}},
    {with_agents(R"({"default": {"name": "a", "version": "1"}, "others": [{"prefx": "lg-", "version": "2"}]})"),
     {"agents[0].others[0].prefx: unknown key; did you mean \"prefix\"?"}},
    {with_agents(
         R"({"default": {"name": "a", "version": "1"}, "others": [{"version": "2"}, {"prefix": "*", "version": "2"}]})"),
     {"agents[0].others[0]: has neither \"prefix\" nor \"percent\"",
      "agents[0].others[1].prefix: is \"*\", but a prefix is not a pattern"}},
    {R"({"http": {"tokens": ["t0"]}, "agents": [], "tarballDir": "."})",
     {"tarballDir: is \".\", which is or contains cfg.json"}},
};

void expect_words(const std::string& message, const BadConfig& bad) {
  for (const std::string& words : bad.words) EXPECT_TRUE(contains(message, words)) << words << " is not in " << message;
}

struct MetaConfigFile : testing::Test {
  /// Runs ops-meta until it exits.
  Finished meta(const std::vector<std::string>& flags) const {
    std::vector<std::string> command = {box / "ops-meta", "-c", path};
    command.insert(command.end(), flags.begin(), flags.end());
    return run(command, box.folder());
  }

  Box box{"ops-meta"};
  std::string path = box / "cfg.json";
};

TEST_F(MetaConfigFile, ThatIsBadIsRefusedAtTheStartWithTheReason) {
  for (const BadConfig& bad : kBadConfigs) {
    write_file(path, bad.text);
    for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"-t"}}) {
      const Finished finished = meta(flags);
      EXPECT_EQ(finished.exit_code, 2) << bad.text;
      EXPECT_TRUE(finished.output.starts_with(path + ": error: ")) << finished.output;
      expect_words(finished.output, bad);
    }
  }
  EXPECT_FALSE(exists(box / "var")) << "a refused start left files";
}

TEST_F(MetaConfigFile, ThatIsMissingIsReportedAtTheStart) {
  for (const std::vector<std::string>& flags : {std::vector<std::string>{}, {"-t"}}) {
    const Finished finished = meta(flags);
    EXPECT_EQ(finished.exit_code, 2);
    EXPECT_EQ(finished.output, path + ": error: cannot open " + path + ": No such file or directory\n");
  }
}

TEST_F(MetaConfigFile, OfTheOriginalIsAccepted) {
  write_file(path, kOriginalConfig);
  const Finished finished = meta({"-t"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.output, path + ": good\n");
}

TEST_F(MetaConfigFile, WithUnknownKeysIsAcceptedWithAWarning) {
  write_file(path, R"({"http": {"listen": "127.0.0.1:0", "tsl": {}}, "agents": []})");
  const Finished finished = meta({"-t"});
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.output, path + ": warning: http.tsl: unknown key, ignored; did you mean \"tls\"?\n" + path + ": good\n");
}

TEST_F(MetaConfigFile, WithAnAddressThatCannotBeBoundIsReportedAtTheStart) {
  MetaBox other;
  ASSERT_TRUE(other.start({})) << other.log();
  const std::string used = other.address();
  for (const auto& [address, why] :
       {std::pair{used, "Address already in use"}, {std::string("192.0.2.1:2000"), "Cannot assign requested address"}}) {
    write_file(path, "{\"http\": {\"listen\": \"" + address + "\"}, \"agents\": []}");
    const Finished finished = meta({});
    EXPECT_EQ(finished.exit_code, 2);
    EXPECT_EQ(finished.output, "ops-meta: " + path + ": http.listen: cannot listen on " + address + ": " + why + "\n");
  }
  EXPECT_EQ(other.get("/health").body, "ok");
}

struct RunningMeta : testing::Test {
  RunningMeta() {
    EXPECT_TRUE(meta.start({{"falcon-agent", "1.0.0"}})) << meta.log();
    EXPECT_EQ(heartbeat(kGood).status, 200);
    before = table();
  }

  HttpReply heartbeat(const std::string& body, const HeaderFields& headers = {}) const {
    return http(meta.port(), "POST", "/heartbeat", body, headers);
  }

  /// Sends these bytes on a new connection and returns the reply.
  HttpReply reply_to(const std::string& bytes) const {
    const RawConnection connection(meta.port());
    connection.send(bytes);
    return parse_reply(connection.read_all());
  }

  std::string table() const { return meta.status("falcon-agent"); }

  /// Expects that ops-meta refuses the body at once and that the host table does not change.
  void refuses(const std::string& body) const {
    HttpReply reply;
    const std::string begin = body.substr(0, 60);
    EXPECT_LT(seconds_of([&] { reply = heartbeat(body); }), kAtOnce) << begin;
    EXPECT_EQ(reply.status, 400) << begin;
    EXPECT_EQ(reply.header("Content-Type"), "text/plain; charset=UTF-8") << begin;
    EXPECT_TRUE(reply.body.ends_with('\n') && reply.body.size() < 300) << reply.body;
    EXPECT_EQ(table(), before) << begin;
  }

  /// The growth of ops-meta's memory during `work`, in kB. All threads have served requests before it.
  long growth_of(const std::function<void()>& work) {
    for (int i = 0; i < 300; ++i) EXPECT_EQ(heartbeat(kGood).status, 200);
    const long rss = rss_kb(meta.process().pid());
    work();
    return rss_kb(meta.process().pid()) - rss;
  }

  static constexpr char kGood[] =
      R"({"hostname":"h1","realAgents":[{"name":"falcon-agent","version":"1.0.0","status":"started","timestamp":1447000000}]})";
  MetaBox meta;
  std::string before;
};

TEST_F(RunningMeta, KeepsItsConfigWhenTheNewOneIsBad) {
  const std::string desired = heartbeat(kGood).body;
  EXPECT_TRUE(contains(desired, "falcon-agent"));
  for (const BadConfig& bad : kBadConfigs) {
    write_file(meta / "cfg.json", bad.text);
    const HttpReply reply = meta.get("/config/reload");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("Content-Type"), "application/json; charset=UTF-8");
    EXPECT_TRUE(reply.body.starts_with("{\"msg\":\"parse config file " + (meta / "cfg.json") + " fail: ")) << reply.body;
    const size_t logged = meta.log().size();
    meta.process().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return contains(meta.log().substr(logged), "the old one stays"); })) << bad.text;
    expect_words(meta.log().substr(logged), bad);
    EXPECT_EQ(heartbeat(kGood).body, desired);
  }
  EXPECT_TRUE(meta.assign({{"falcon-agent", "1.0.1"}})) << "ops-meta refuses a good config after a bad one";
}

TEST_F(RunningMeta, RefusesBadHeartbeatsInTheWordsOfTheOriginal) {
  EXPECT_EQ(heartbeat("").body, "body is blank\n");
  EXPECT_EQ(heartbeat("{\"hostname\":\"\"}").body, "hostname is blank\n");
  EXPECT_EQ(heartbeat("hello").body, "body format error\n");
  const std::string good = kGood;
  for (const std::string& bad :
       {std::string(""), std::string("\n"), std::string("hello"), std::string("[]"), std::string("{}"), good.substr(0, 50),
        good + "}", std::string(R"({"hostname":7})"), std::string(R"({"hostname":"h2","realAgents":{}})"),
        std::string(R"({"hostname":"h2","realAgents":[7]})"), std::string(R"({"hostname":"h 2"})"),
        std::string(R"({"hostname":"h2\n"})"), std::string(R"({"hostname":"\u001b[31m"})"),
        std::string(R"({"hostname":"h\u0000"})"), R"({"hostname":")" + std::string(10'000, 'h') + "\"}",
        std::string("{\"hostname\":\"\xff\"}"), std::string("\0\0", 2)}) {
    refuses(bad);
  }
  const std::string log = meta.log();
  const size_t named = log.find("refused a heartbeat from 127.0.0.1: 400, body is blank\n");
  ASSERT_NE(named, std::string::npos) << log;
  EXPECT_EQ(log.find("refused a heartbeat", named + 1), std::string::npos) << "the log repeats the refusal within an hour\n"
                                                                           << log;
}

TEST_F(RunningMeta, AcceptsAHeartbeatWithoutItsMisnamedAgent) {
  for (const std::string odd : {"my agent", "@", "~", "\u4ee3\u7406", "_x", "../x", ""}) {
    const HttpReply reply =
        heartbeat(R"({"hostname":"h1","realAgents":[{"name":")" + odd + R"(","version":"1"},)" +
                  R"({"name":"falcon-agent","version":"1.0.0","status":"started","timestamp":1447000000}]})");
    EXPECT_EQ(reply.status, 200) << odd;
    EXPECT_TRUE(contains(reply.body, "falcon-agent")) << odd;
    EXPECT_EQ(table(), before) << odd;
  }
  EXPECT_TRUE(contains(meta.log(), "left out an agent of host h1: agent name \"my agent\" is not of the form ")) << meta.log();
  EXPECT_FALSE(contains(meta.log(), "agent name \"@\"")) << "the log repeats the warning within an hour";
  EXPECT_TRUE(contains(meta.get("/metrics").body, "\nops_meta_heartbeat_agents_left_out_total 7\n"));
}

TEST_F(RunningMeta, RefusesItsOwnFolderAsTarballDir) {
  for (const std::string folder : {".", "./tarball/..", "var"}) {
    write_file(meta / "cfg.json",
               R"({"http": {"listen": "127.0.0.1:0", "tokens": ["t0"]}, "agents": [], "tarballDir": ")" + folder + "\"}");
    EXPECT_TRUE(contains(meta.get("/config/reload").body, "tarballDir: is \\\"" + folder + "\\\", which is or contains "))
        << folder;
    EXPECT_EQ(meta.get("/cfg.json").status, 404) << folder;
  }
}

TEST_F(RunningMeta, AcceptsLargeAndChunkedHeartbeats) {
  EXPECT_EQ(heartbeat(R"({"hostname":"h1","realAgents":[null]})").status, 200);
  std::string agents;
  for (int i = 0; i < 250; ++i)
    agents += R"({"name":"a)" + std::to_string(i) + R"(","version":"1","status":"started","timestamp":7},)";
  const std::string large = R"({"hostname":"h2","realAgents":[)" + agents + "null]}";
  ASSERT_GT(large.size(), 14'000u);
  EXPECT_EQ(heartbeat(large, {{"Content-Type", "application/x-www-form-urlencoded"}}).status, 200);
  char size[16];
  std::snprintf(size, sizeof size, "%zx", large.size());
  EXPECT_EQ(reply_to("POST /heartbeat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + (size + ("\r\n" + large)) +
                     "\r\n0\r\n\r\n")
                .status,
            200);
  EXPECT_EQ(meta.status("a249"), "h1 not found\nh2 1 started 7 " + meta.status("a249").substr(28));
}

TEST_F(RunningMeta, RefusesHugeHeartbeatsWithoutAGrowthOfMemory) {
  const std::string agent = R"({"name":"a","version":"1","status":"started","timestamp":7},)";
  const std::string huge[] = {R"({"hostname":"h2","realAgents":[)" + repeated(agent, 10'000) + "null]}",
                              R"({"hostname":"h2","realAgents":)" + repeated("[", 100'000) + repeated("]", 100'000) + "}",
                              repeated("[", 1'000'000),
                              repeated(R"({"":)", 200'000),
                              R"({"hostname":"h2","realAgents":[)" + repeated("{},", 300'000) + "{}]}",
                              R"({"hostname":"h2","x":")" + std::string(1'000'000, 'x')};
  const long growth = growth_of([&] {
    for (int i = 0; i < 10; ++i) {
      for (const std::string& body : huge) refuses(body);
    }
  });
  expect_flat(growth);
}

TEST_F(RunningMeta, RefusesABodyOfAHundredMegabytesBeforeItIsSent) {
  const std::string head = "POST /heartbeat HTTP/1.1\r\nHost: h\r\n";
  for (const std::string& bytes :
       {head + "Content-Length: 104857600\r\n\r\n", head + "Content-Length: 104857600\r\n\r\n{\"hostname\":",
        head + "Content-Length: 104857600\r\nExpect: 100-continue\r\n\r\n"}) {
    HttpReply reply;
    EXPECT_LT(seconds_of([&] { reply = reply_to(bytes); }), kAtOnce);
    EXPECT_EQ(reply.status, 413);
  }
  EXPECT_EQ(table(), before);
}

TEST_F(RunningMeta, RefusesAHundredMegabytesInChunks) {
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  const auto send_all = [&] {
    const RawConnection connection(meta.port());
    connection.send("POST /heartbeat HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 1600 && connection.send(chunk); ++i) {
    }
    return parse_reply(connection.read_all()).status;
  };
  const long growth = growth_of([&] {
    for (int i = 0; i < 5; ++i) EXPECT_LT(seconds_of([&] { EXPECT_EQ(send_all(), 413); }), kAtOnce);
  });
  expect_flat(growth);
  EXPECT_EQ(table(), before);
}

}  // namespace
}  // namespace ops::tests
