// Bad replies and bad tarballs with the real updater. It logs and reports each fault, leaves no partial installation, does not
// download a bad tarball again and again, and keeps the other agent running.

#include <gtest/gtest.h>

#include <signal.h>
#include <stdlib.h>
#include <filesystem>

#include "tests/support/fake_meta.h"
#include "tests/support/measure.h"
#include "tests/support/small_disk.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

using Kind = Entry::Kind;

constexpr char kControl[] = "#!/bin/sh\necho stoped\n";
const Entry kGoodControl{"control", kControl, 0755, Kind::file};

struct UpdaterBadInput : testing::Test {
  UpdaterBadInput() { meta.publish("good", "1.0.0", demo_agent_tarball()); }

  bool good_runs() const {
    return eventually([&] { return meta.reported("realAgents", "good", "status") == "started"; });
  }
  bool receives_heartbeats(size_t count) const {
    const size_t before = meta.heartbeats();
    return eventually([&] { return meta.heartbeats() >= before + count; });
  }
  bool logs(const UpdaterBox& host, const std::string& text) const {
    return eventually([&] { return host.log().find(text) != std::string::npos; });
  }
  FakeMeta meta;
};

/// A tarball with one fault, and the error that the updater reports.
struct BadTarball {
  const char* agent;
  std::string response;  // to a request for the .tar.gz
  std::string md5sum;    // the body of the .md5; "" for 404
  std::string words;
  bool is_lasting = true;  // the tarball itself is bad, so the updater does not download it again
};

BadTarball bad_bytes(const char* agent, const std::string& bytes, const std::string& words) {
  return {agent, http_reply(200, bytes), md5_hex(bytes), words};
}

BadTarball bad_entry(const char* agent, const Entry& entry, const std::string& words) {
  return bad_bytes(agent, make_tarball({kGoodControl, entry}), words);
}

std::vector<BadTarball> bad_tarballs() {
  const std::string good = make_agent_tarball(kControl);
  const std::string size = std::to_string(good.size());
  return {
      {"missing", http_reply(404, "not here"), md5_hex(good), "missing-1.0.0.tar.gz: HTTP status 404", false},
      {"no-md5", http_reply(200, good), "", "no-md5-1.0.0.tar.gz.md5: ", false},
      {"cut", http_head(200, {{"Content-Length", size}}) + good.substr(0, good.size() / 2), md5_hex(good), "bytes missing",
       false},
      {"longer", http_head(200, {{"Content-Length", "100"}}) + good, md5_hex(good), "checksum of ", false},
      {"wrong-md5", http_reply(200, good), md5_hex("another"), ", expected " + md5_hex("another"), false},
      bad_bytes("not-gzip", "<html>not found</html>", "it is a web page, not a .tar.gz"),
      bad_bytes("empty", "", "it is empty"),
      bad_bytes("half", good.substr(0, good.size() / 2), "it is truncated"),
      bad_entry("dotdot", {"../../evil", "evil", 0644, Kind::file}, "\"../../evil\" has a name that leads out"),
      bad_entry("absolute", {"/tmp/ops-test-evil", "evil", 0644, Kind::file}, "leads out of the folder"),
      bad_entry("symlink", {"link", "../../../etc", 0777, Kind::symlink}, "is a link that leads out"),
      bad_entry("hardlink", {"link", "/etc/passwd", 0644, Kind::hardlink}, "is a link that leads out"),
      bad_entry("device", {"null", "", 0666, Kind::device}, "neither a file, a folder nor a link"),
      bad_entry("bomb", {"zeros", std::string(64 << 20, '\0'), 0644, Kind::file}, "more than 200 times its size"),
      bad_bytes("no-control", make_tarball({{"agent", "x", 0755, Kind::file}}), "no file named control at its top"),
      bad_bytes("no-x", make_tarball({{"control", kControl, 0644, Kind::file}}), "control is not executable"),
  };
}

TEST_F(UpdaterBadInput, BadTarballsAreReportedAndHarmNoOtherAgent) {
  std::vector<TestAgent> agents = {{"good", "1.0.0"}};
  const auto bad = bad_tarballs();
  for (const BadTarball& entry : bad) {
    agents.push_back({entry.agent, "1.0.0"});
    const std::string file = std::string(entry.agent) + "-1.0.0.tar.gz";
    meta.serve(file, entry.response);
    if (!entry.md5sum.empty()) meta.serve(file + ".md5", http_reply(200, entry.md5sum));
  }
  meta.assign(agents);
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(good_runs()) << host.log();
  for (const BadTarball& entry : bad) {
    const auto error = [&] { return meta.reported("updates", entry.agent, "error"); };
    EXPECT_TRUE(eventually([&] { return error().find(entry.words) != std::string::npos; })) << entry.agent << ": " << error();
    EXPECT_TRUE(eventually([&] {
      const std::string phase = meta.reported("updates", entry.agent, "phase");
      return phase == (entry.is_lasting ? "failed" : "waiting");
    })) << entry.agent
        << meta.reported("updates", entry.agent, "phase");
    EXPECT_TRUE(logs(host, entry.agent + std::string(" 1.0.0: "))) << entry.agent;
    EXPECT_NE(host.log().find(entry.words), std::string::npos) << entry.agent;
  }
  EXPECT_TRUE(receives_heartbeats(3));
  for (const BadTarball& entry : bad) {
    EXPECT_FALSE(exists(host.agent(entry.agent) + "/1.0.0")) << entry.agent;
    EXPECT_FALSE(exists(host.agent(entry.agent) + "/.version")) << entry.agent;
    EXPECT_FALSE(exists(host.agent(entry.agent) + "/.staged-1.0.0")) << entry.agent;
    const size_t fetches = meta.fetches(std::string(entry.agent) + "-1.0.0.tar.gz");
    EXPECT_LE(fetches, entry.is_lasting ? 1U : 6U) << entry.agent << ": the pauses before a retry double from 5 s";
    EXPECT_EQ(count_of(host.log(), entry.agent + std::string(" 1.0.0: ")), 1U) << entry.agent << ": logged more than once";
  }
  EXPECT_FALSE(exists(host / "evil"));
  EXPECT_FALSE(exists("/tmp/ops-test-evil"));
}

/// 99,000 names of 245 bytes. They compress to 1.4 MB and need about 35 MB of memory when they are unpacked.
std::string tarball_of_many_names() {
  std::vector<Entry> entries = {kGoodControl};
  for (int i = 0; i < 99'000; ++i) entries.push_back({std::to_string(i) + std::string(240, 'n'), "", 0644, Kind::file});
  return make_tarball(entries);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // sanitizers need terabytes of address space
TEST_F(UpdaterBadInput, ALackOfMemoryIsAnErrorOfTheReleaseThatNeedsIt) {
  meta.publish("hungry", "1.0.0", tarball_of_many_names());
  meta.assign({{"hungry", "1.0.0"}, {"good", "1.0.0"}});
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start_under({"prlimit", "--data=" + std::to_string(64 << 20)})) << host.log();
  const auto error = [&] { return meta.reported("updates", "hungry", "error"); };
  EXPECT_TRUE(eventually([&] { return error() == "out of memory: the updater cannot allocate what this step needs"; }))
      << error();
  EXPECT_TRUE(good_runs()) << host.log();
  EXPECT_TRUE(host.process().is_running()) << host.log();
}
#endif

TEST_F(UpdaterBadInput, ABadReplyIsLoggedAndChangesNothing) {
  const std::vector<TestAgent> good = {{"good", "1.0.0"}};
  const std::vector<TestAgent> stop = {{"good", "1.0.0", "stop"}};
  meta.assign(good);
  UpdaterBox host("127.0.0.1:1, " + meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(good_runs()) << host.log();
  const pid_t pid = host.agent_pid("good", "1.0.0");
  ASSERT_GT(pid, 0);

  const std::string whole = http_reply(200, meta.reply_for(stop));
  const std::pair<std::string, std::string> bad[] = {
      {http_reply(200, "<html><body>Log in</body></html>"), "not a heartbeat reply: \"<html><body>Log in"},
      {whole.substr(0, whole.size() - 20), "bytes missing"},
      {whole.substr(0, 30), "ended inside the reply's header"},
      {http_reply(500, meta.reply_for(stop)), "HTTP status 500"},
      {http_reply(200, R"({"errorMessage": "database is down", "desiredAgents": []})"), "database is down"},
      {http_reply(200, R"({"errorMessage": 7, "desiredAgents": [)"), "not a heartbeat reply"},
      {http_reply(302, "", {{"Location", meta.url("/elsewhere")}}), "HTTP status 302"},
      {"", "Empty reply"},
      {"220 smtp ready\r\n", "does not speak HTTP"},
  };
  for (const auto& [response, words] : bad) {
    meta.answer(response);
    EXPECT_TRUE(receives_heartbeats(2)) << words << host.log();
    EXPECT_TRUE(logs(host, words)) << words << host.log();
    EXPECT_NE(host.log().find(meta.url("/heartbeat")), std::string::npos);
    EXPECT_EQ(host.agent_pid("good", "1.0.0"), pid) << words;
  }
  meta.assign(stop);
  EXPECT_TRUE(logs(host, "ops-meta answers again")) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running("good").empty(); })) << "the updater ignores a good reply after a bad one";
}

TEST_F(UpdaterBadInput, MetasIntervalIsUsedAndAnInvalidOneIsIgnored) {
  std::string reply = meta.reply_for({{"good", "1.0.0"}});
  reply.insert(1, "\"interval\": 1, ");
  meta.answer(http_reply(200, reply));
  UpdaterBox host(meta.address(), {.interval = 3600});
  ASSERT_TRUE(host.start()) << host.log();
  host.process().signal(SIGHUP);
  EXPECT_TRUE(good_runs()) << host.log();
  EXPECT_TRUE(receives_heartbeats(1));
  reply.replace(reply.find(": 1"), 3, R"(: "soon")");
  meta.answer(http_reply(200, reply));
  EXPECT_TRUE(logs(host, "ignores parts of ops-meta's reply: interval \"soon\" is not a number of seconds")) << host.log();
}

TEST_F(UpdaterBadInput, AWrongSchemeIsNamedInTheError) {
  UpdaterBox host("https://" + meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(logs(host, "no answer from ops-meta: https://" + meta.address() + "/heartbeat: ")) << host.log();
  EXPECT_TRUE(logs(host, "SSL")) << host.log();
  const std::string tls_alert("\x15\x03\x01\x00\x02\x02\x46", 7);
  meta.answer(tls_alert);
  UpdaterBox plain(meta.address());
  ASSERT_TRUE(plain.start()) << plain.log();
  EXPECT_TRUE(logs(plain, meta.url("/heartbeat") + ": ")) << plain.log();
  EXPECT_TRUE(logs(plain, "does not speak HTTP: should the URL begin with https://?")) << plain.log();
}

TEST_F(UpdaterBadInput, InvalidNamesAreRefusedOneByOne) {
  std::string reply = meta.reply_for({{"../x", "1.0.0"},
                                      {"a/b", "1.0.0"},
                                      {"", "1.0.0"},
                                      {"var", "1.0.0"},
                                      {"c", "../../x"},
                                      {"d", ""},
                                      {".e", "1.0.0"},
                                      {"f", ".staged-1"},
                                      {"good", "1.0.0"},
                                      {"good", "6.6.6"}});
  reply.insert(reply.find("[{") + 1, R"(null, 7, "text", {"name": 7}, {}, )");
  meta.answer(http_reply(200, reply));
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(good_runs()) << host.log();
  for (const char* words : {"\"../x\"", "\"a/b\"", "\"../../x\"", "\".e\"", "\".staged-1\"", "var is the updater's own folder",
                            "good is in desiredAgents twice", "wrong type"}) {
    EXPECT_TRUE(logs(host, words)) << words << "\n" << host.log();
  }
  EXPECT_EQ(host.version("good"), "1.0.0");
  for (const char* agent : {"c", "d", "f", "var/.version", "../x"}) EXPECT_FALSE(exists(host.agent(agent))) << agent;
}

TEST_F(UpdaterBadInput, AMetaThatStartsAfterTheUpdaterIsFound) {
  FakeMeta late(FakeServer::Opens::later);
  late.publish("good", "1.0.0", demo_agent_tarball());
  late.assign({{"good", "1.0.0"}});
  UpdaterBox host(late.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(logs(host, "no answer from ops-meta: " + late.url("/heartbeat") + ": ")) << host.log();
  late.open();
  EXPECT_TRUE(logs(host, "ops-meta answers again, after ")) << host.log();
  EXPECT_TRUE(eventually([&] { return host.running("good").size() == 1; })) << host.log();
  EXPECT_EQ(count_of(host.log(), "no answer from ops-meta"), 1U) << "the updater logs the same outage again";
}

TEST_F(UpdaterBadInput, AMetaThatStallsDoesNotDelayAStopOfTheUpdater) {
  meta.assign({{"good", "1.0.0"}});
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  ASSERT_TRUE(good_runs()) << host.log();
  meta.stall();
  ASSERT_TRUE(receives_heartbeats(1));
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(host.process().stop(), 0); }), kAtOnce);
}

/// Puts all later temporary folders of the test on the small disk, if it is one.
struct OnDisk {
  explicit OnDisk(const SmallDisk& disk) {
    if (disk.is_small()) ::setenv("TMPDIR", disk.path().c_str(), 1);
  }
  ~OnDisk() { ::unsetenv("TMPDIR"); }
};

TEST_F(UpdaterBadInput, AFullDiskIsReportedAndHarmsNoOtherAgent) {
  const auto updater_mb = static_cast<int>(std::filesystem::file_size(OPS_BUILD_DIR "/ops-updater") >> 20);
  const SmallDisk disk(48 + updater_mb);
  std::string noise(28 << 20, '\0');
  for (unsigned i = 0, x = 1; i < noise.size(); ++i) noise[i] = static_cast<char>((x = x * 1103515245 + 12345) >> 16);
  const std::string large = make_agent_tarball(kControl, {{"noise", noise}});
  std::string words = "not enough disk space: ";
  meta.publish("large", "1.0.0", large);
  if (!disk.is_small()) {  // without root: the server announces a tarball that is larger than any disk
    meta.serve("large-1.0.0.tar.gz", http_head(200, {{"Content-Length", "99999999999999"}}) + large);
    words = "it has 99999999999999 bytes, the limit is ";
  }
  // The packed tarball fits on the disk, its content does not.
  meta.publish("wide", "1.0.0",
               make_agent_tarball(kControl, {{"noise", noise.substr(0, 1 << 20)}, {"zeros", std::string(60 << 20, '\0')}}));
  meta.assign({{"large", "1.0.0"}, {"wide", "1.0.0", disk.is_small() ? "start" : ""}, {"good", "1.0.0"}});
  const OnDisk here(disk);
  UpdaterBox host(meta.address());
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(good_runs()) << host.log();
  const auto error = [&](const char* agent) { return meta.reported("updates", agent, "error"); };
  EXPECT_TRUE(eventually([&] { return error("large").find(words) != std::string::npos; })) << error("large");
  EXPECT_TRUE(logs(host, "large 1.0.0: " + meta.url("/t/large-1.0.0.tar.gz") + ": " + words)) << host.log();
  if (disk.is_small()) {
    EXPECT_TRUE(logs(host, "wide 1.0.0: wide-1.0.0.tar.gz: not enough disk space: ")) << host.log();
    EXPECT_TRUE(eventually([&] { return error("wide").find("not enough disk space") != std::string::npos; })) << error("wide");
  }
  EXPECT_TRUE(receives_heartbeats(3));
  for (const char* agent : {"large", "wide"}) {
    EXPECT_FALSE(exists(host.agent(agent) + "/1.0.0"));
    EXPECT_FALSE(exists(host.agent(agent) + "/.version"));
    EXPECT_LE(meta.fetches(agent + std::string("-1.0.0.tar.gz")), 6U) << "the pauses before a retry double from 5 s";
  }
  EXPECT_EQ(meta.reported("realAgents", "good", "status"), "started");
}

}  // namespace
}  // namespace ops::tests
