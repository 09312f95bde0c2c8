// URLs of releases with secrets in them: a query that is a signature, a user with a password. Each host gets them; no output of
// the two daemons has them.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "tests/support/boxes.h"
#include "tests/support/fake_server.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

constexpr char kSignature[] = "c2lnbmF0dXJl%2FQUJD";  // base64, as in a signed URL
constexpr char kDecoded[] = "c2lnbmF0dXJl/QUJD";
constexpr char kPassword[] = "pa55word";
constexpr char kEncoded[] = "YW5uOnBhNTV3b3Jk";  // "ann:pa55word", as in a request

struct SecretUrl : testing::Test {
  SecretUrl() {
    meta.publish("demo-agent", "1.0.0", demo_agent_tarball("one"));
    EXPECT_TRUE(meta.start({agent("1.0.0")})) << meta.log();
    host = std::make_unique<UpdaterBox>(meta.address());
  }

  /// A mirror that fails, and a server whose links are signed.
  TestAgent agent(const std::string& version) const {
    const std::string mirror = "http://ann:" + std::string(kPassword) + "@" + releases.address() + "/mirror";
    const std::string signed_url = releases.url("/get?name={file}&sig=" + std::string(kSignature));
    return {"demo-agent", version, "start", "", "[\"" + mirror + "\", \"" + signed_url + "\"]"};
  }

  /// Expects no secret in `text`, which comes from `place`.
  static void expect_clean(const std::string& place, const std::string& text) {
    for (const char* secret : {kSignature, kDecoded, kPassword, kEncoded})
      EXPECT_FALSE(contains(text, secret)) << secret << " is in " << place << ":\n" << text;
  }

  /// The files of a daemon's folder, but cfg.json and programs.
  static void expect_clean_files(const Box& box) {
    for (const auto& entry : fs::recursive_directory_iterator(box.folder())) {
      if (!entry.is_regular_file() || entry.path().filename() == "cfg.json" || entry.file_size() > (1 << 20)) continue;
      expect_clean(entry.path(), read_file(entry.path()));
    }
  }

  void expect_no_secrets(const std::string& version) const {
    const std::string rollout = "/status/rollout?agent=demo-agent&version=" + version;
    for (const std::string& target :
         {std::string("/status/text/demo-agent"), std::string("/status/json/demo-agent"), std::string("/status/summary"),
          std::string("/status/summary?format=text"), std::string("/status/host/h1"), std::string("/status/hosts"),
          std::string("/explain/h1"), std::string("/explain/h1?format=json"), std::string("/metrics"),
          std::string("/config/reload"), rollout, rollout + "&format=json"}) {
      const HttpReply reply = meta.get(target);
      EXPECT_EQ(reply.status, 200) << target;
      expect_clean(target, reply.body);
    }
    std::string other = read_file(meta / "cfg.json");
    other.replace(other.find("/mirror"), 7, "/other");
    for (const char* target : {"/plan", "/plan?format=json", "/plan?format=counts"}) {
      const HttpReply reply = http(meta.port(), "POST", target, other);
      EXPECT_EQ(reply.status, 200) << reply.body;
      expect_clean(target, reply.body);
    }
    for (const char* target : {"/agents", "/metrics", "/config/reload"})
      expect_clean(std::string("the debug port's ") + target, get(host->port(), target).body);
    for (const std::vector<std::string>& words : {std::vector<std::string>{"-t"},
                                                  {"-t", "--fetch"},
                                                  {"--place-of", "demo-agent"},
                                                  {"--place-of", "demo-agent", "--release", "3.0.0", "--md5", "0"}}) {
      std::vector<std::string> command = words;
      command.insert(command.begin(), "./ops-meta");
      expect_clean("ops-meta " + words[0], run(command, meta.folder()).output);
    }
    host->add_control();
    expect_clean("control status", host->run_control({"status", "-v"}).output);
    expect_clean("control check", host->run_control({"check", "--fetch"}).output);
    expect_clean_files(meta);
    expect_clean_files(*host);
  }

  FakeServer releases{[](const FakeRequest& request, const FakePeer& peer) {
    const std::string tarball = demo_agent_tarball("one");
    const std::string signature = std::string("&sig=") + kSignature;
    if (request.target == "/get?name=demo-agent-1.0.0.tar.gz" + signature) return void(peer.send(http_reply(200, tarball)));
    if (request.target == "/get?name=demo-agent-1.0.0.tar.gz.md5" + signature)
      return void(peer.send(http_reply(200, md5_hex(tarball))));
    // S3 quotes a refused request like this.
    peer.send(http_reply(403, "cannot serve " + request.target + ": " +
                                  (contains(request.target, signature) ? kDecoded : request.header("Authorization"))));
  }};
  MetaBox meta;
  std::unique_ptr<UpdaterBox> host;
};

/// A program named curl that notes its command line in `notes` and then runs curl.
std::string noting_curl(const std::string& notes) {
  return "#!/bin/sh\necho \"$@\" >>'" + notes + "'\nPATH=${PATH#*:}\nexec curl \"$@\"\n";
}

TEST_F(SecretUrl, IsNotInTheCommandLineOfCurl) {
  const TempDir programs;
  const std::string notes = programs / "notes";
  write_file(programs / "curl", noting_curl(notes));
  fs::permissions(programs / "curl", fs::perms::owner_all);
  const std::string path = "PATH=" + programs.path() + ":" + ::getenv("PATH");
  const Finished check = run({"env", path, "./ops-meta", "-t", "--fetch"}, meta.folder());
  EXPECT_TRUE(contains(check.output, "there     tarball   " + releases.url("/get?…\n"))) << check.output;
  EXPECT_TRUE(contains(read_file(notes), "-K -")) << read_file(notes);
  expect_clean("the command line of curl", read_file(notes));
}

TEST_F(SecretUrl, IsUsedAndShownNowhereAfterADownload) {
  ASSERT_TRUE(host->start()) << host->log();
  ASSERT_TRUE(eventually([&] { return host->running("demo-agent") == std::vector<std::string>{"1.0.0"}; })) << host->log();
  EXPECT_TRUE(meta.receives_heartbeats(2));
  expect_no_secrets("1.0.0");
  EXPECT_TRUE(contains(meta.get("/explain/h1").body, "/get?…{file}…")) << meta.get("/explain/h1").body;
  EXPECT_TRUE(contains(host->log(), "http://ann:***@" + releases.address() + "/mirror/demo-agent-1.0.0.tar.gz.md5"))
      << host->log();
}

TEST_F(SecretUrl, IsShownNowhereAfterAFailedDownload) {
  ASSERT_TRUE(meta.assign({agent("2.0.0")}));
  ASSERT_TRUE(host->start()) << host->log();
  ASSERT_TRUE(eventually([&] { return contains(meta.status("demo-agent") + meta.get("/status/host/h1").body, "403"); }))
      << host->log();
  const std::string error = meta.get("/status/host/h1").body;
  EXPECT_TRUE(contains(error, releases.url("/get?…: HTTP status 403"))) << error;
  EXPECT_TRUE(contains(error, "cannot serve /mirror/demo-agent-2.0.0.tar.gz.md5: Basic ***;")) << error;
  EXPECT_TRUE(contains(error, "cannot serve /get?…: ***")) << error;
  expect_no_secrets("2.0.0");
}

// Go updaters and ops-updater 1.0 read the first URL only.
TEST_F(SecretUrl, OfAListIsTheFirstForEarlierUpdaters) {
  const std::string reply = http(meta.port(), "POST", "/heartbeat", R"({"hostname": "h2", "realAgents": []})").body;
  EXPECT_TRUE(contains(reply, "\"tarball\":\"http://ann:" + std::string(kPassword) + "@" + releases.address() + "/mirror\""))
      << reply;
  EXPECT_TRUE(contains(reply, "\"mirrors\":[\"" + releases.url("/get?name={file}&sig=") + kSignature + "\"]")) << reply;
}

}  // namespace
}  // namespace ops::tests
