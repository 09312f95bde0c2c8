// Files that the real ops-meta serves: all files below tarballDir, and no byte from another folder.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "common/base/file.h"
#include "common/base/text.h"
#include "common/http/message.h"
#include "tests/support/boxes.h"
#include "tests/support/measure.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

/// The content of a file outside tarballDir. No reply may contain it.
constexpr char kSecret[] = "root:x:0:0";

struct MetaTarballs : testing::Test {
  MetaTarballs() {
    write_file(meta / "secret", kSecret);
    write_file(meta / "tarball/agent/a-1.tar.gz", "0123456789");
    EXPECT_TRUE(meta.start({})) << meta.log();
  }

  /// Expects that ops-meta refuses the target.
  void refuses(const std::string& target) const {
    const HttpReply reply = meta.get(target);
    EXPECT_TRUE(reply.status == 404 || reply.status == 403 || reply.status == 400) << target << ": " << reply.status;
    EXPECT_EQ(reply.body.find(kSecret), std::string::npos) << target;
    EXPECT_EQ(reply.header("Location"), "") << target;
  }

  MetaBox meta;
};

TEST_F(MetaTarballs, DoNotIncludeFilesOutsideInAnyEncodingOfThePath) {
  const std::string ups[] = {"..",         "%2e%2e",       "%2E%2e", ".%2e",  "%u002e%u002e",
                             "%252e%252e", "%c0%ae%c0%ae", "..;",    "..%00", ". ."};
  const std::string slashes[] = {"/", "%2f", "%2F", "%u002f", "%252f", "\\", "%5c", "%c0%af", "/./"};
  for (const std::string& up : ups) {
    for (const std::string& slash : slashes) {
      refuses("/" + up + slash + "secret");
      refuses("/agent/" + up + slash + up + slash + "secret");
      std::string far;
      for (int i = 0; i < 12; ++i) far += up + slash;
      refuses("/" + far + "etc" + slash + "passwd");
    }
  }
  for (const std::string& target :
       {std::string("/..//secret"), std::string("//..//..//etc//passwd"), std::string("/agent/..%00/secret"),
        std::string("/%00"), std::string("http://127.0.0.1/../secret"), std::string("http://127.0.0.1/%2e%2e/secret"),
        std::string("file:///etc/passwd"), std::string("../secret"), std::string("..%2fsecret"), std::string("*"),
        std::string("?/../secret/.."), std::string("/etc/passwd"), std::string("/cfg.json"), std::string("/ops-meta"),
        meta / "secret"}) {
    refuses(target);
  }
}

TEST_F(MetaTarballs, FollowLinksInsideOnly) {
  const std::string root = meta / "tarball";
  fs::create_symlink("agent/a-1.tar.gz", root + "/latest");
  EXPECT_EQ(meta.get("/latest").body, "0123456789");
  fs::create_symlink("../secret", root + "/out");
  fs::create_symlink("/etc/passwd", root + "/out-absolute");
  fs::create_directory_symlink("..", root + "/folder-out");
  fs::create_directory_symlink("/etc", root + "/folder-out-absolute");
  ASSERT_EQ(::mkfifo((root + "/fifo").c_str(), 0644), 0);
  for (const std::string target : {"/out", "/out-absolute", "/folder-out", "/folder-out/", "/folder-out/secret",
                                   "/folder-out/cfg.json", "/folder-out-absolute/", "/folder-out-absolute/passwd", "/fifo"}) {
    EXPECT_LT(seconds_of([&] { refuses(target); }), kAtOnce) << target;
  }
}

TEST_F(MetaTarballs, AreServedWithRangesAndHeads) {
  const std::string target = "/agent/a-1.tar.gz";
  const HttpReply whole = meta.get(target);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, "0123456789");
  EXPECT_EQ(whole.header("Content-Type"), "application/gzip");
  const HttpReply head = http(meta.port(), "HEAD", target);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  for (const std::string name : {"Content-Length", "Content-Type", "Accept-Ranges", "Last-Modified", "ETag"}) {
    EXPECT_EQ(head.header(name), whole.header(name)) << name;
    EXPECT_NE(head.header(name), "") << name;
  }
  struct Case {
    std::string range;
    int status;
    std::string content_range;
    std::string body;
  };
  for (const Case& expected : std::vector<Case>{{"bytes=0-3", 206, "bytes 0-3/10", "0123"},
                                                {"bytes=-3", 206, "bytes 7-9/10", "789"},
                                                {"bytes=7-", 206, "bytes 7-9/10", "789"},
                                                {"bytes=10-", 416, "bytes */10", "416 Range Not Satisfiable\n"},
                                                {"bytes=0-1,3-4", 200, "", "0123456789"}}) {
    const HttpReply reply = get(meta.port(), target, {{"Range", expected.range}});
    EXPECT_EQ(reply.status, expected.status) << expected.range;
    EXPECT_EQ(reply.header("Content-Range"), expected.content_range) << expected.range;
    EXPECT_EQ(reply.header("Content-Length"), std::to_string(expected.body.size())) << expected.range;
    EXPECT_EQ(reply.body, expected.body) << expected.range;
  }
  EXPECT_EQ(get(meta.port(), target, {{"Range", "bytes=0-3"}, {"If-Range", whole.header("ETag")}}).status, 206);
  EXPECT_EQ(get(meta.port(), target, {{"Range", "bytes=0-1,2-3"}}).body, "0123") << "two ranges without a gap";
  EXPECT_EQ(get(meta.port(), target, {{"Range", "bytes=0-3"}, {"If-Range", "\"old\""}}).status, 200);
  const HttpReply same = get(meta.port(), target, {{"If-Modified-Since", whole.header("Last-Modified")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(meta.get("/agent").status, 301);
  EXPECT_EQ(meta.get("/agent").header("Location"), "/agent/");
  EXPECT_EQ(meta.get("//agent//a-1.tar.gz").header("Location"), target);
  EXPECT_EQ(http(meta.port(), "POST", target).status, 405);
}

/// The sorted header names of a reply in lower case. A name that occurs twice in the reply occurs twice here.
std::vector<std::string> names_in(const HttpReply& reply) {
  std::vector<std::string> names;
  for (const auto& [name, value] : reply.headers) names.push_back(to_lower(name));
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(MetaTarballs, HaveEachHeaderOnceAndTheSameHeadersForHead) {
  const std::string target = "/agent/a-1.tar.gz";
  const std::string etag = meta.get(target).header("ETag");
  const std::pair<HeaderFields, int> conditions[] = {{{}, 200},
                                                     {{{"Range", "bytes=99-"}}, 416},
                                                     {{{"If-None-Match", "\"x\", " + etag}}, 304},
                                                     {{{"If-Match", "\"x\""}}, 412},
                                                     {{{"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}}, 412}};
  for (const auto& [headers, status] : conditions) {
    const HttpReply reply = get(meta.port(), target, headers);
    EXPECT_EQ(reply.status, status);
    const std::vector<std::string> names = names_in(reply);
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << status << testing::PrintToString(names);
    const bool has_body = std::binary_search(names.begin(), names.end(), "content-length");
    EXPECT_EQ(has_body, status != 304) << testing::PrintToString(names);
    EXPECT_EQ(std::binary_search(names.begin(), names.end(), "content-type"), has_body);
    EXPECT_TRUE(parse_http_date(reply.header("Date"))) << status;
  }
  for (const std::string& path : {target, std::string("/"), std::string("/agent"), std::string("/no"), std::string("/health"),
                                  std::string("/status/text/x"), std::string("/status/summary")}) {
    EXPECT_EQ(names_in(http(meta.port(), "HEAD", path)), names_in(meta.get(path))) << path;
    EXPECT_EQ(http(meta.port(), "HEAD", path).header("Content-Length"), meta.get(path).header("Content-Length")) << path;
  }
}

TEST_F(MetaTarballs, RequireAHostHeader) {
  const auto status = [&](const std::string& request) {
    const RawConnection connection(meta.port());
    connection.send(request);
    return parse_reply(connection.read_all()).status;
  };
  EXPECT_EQ(status("GET /health HTTP/1.1\r\nConnection: close\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 200);
  EXPECT_EQ(status("GET /health HTTP/1.0\r\n\r\n"), 200);
}

/// Makes a sparse file of 300 MB that contains its own offset at regular intervals. Returns its size.
std::string make_big_file(const std::string& path) {
  constexpr off_t kSize = 300'000'000;
  constexpr off_t kStep = 100'003;
  write_file(path, "");
  const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(::ftruncate(file.get(), kSize), 0);
  for (off_t at = 0; at < kSize - 20; at += kStep) {
    const std::string mark = "at " + std::to_string(at);
    EXPECT_GT(::pwrite(file.get(), mark.data(), mark.size(), at), 0);
  }
  return std::to_string(kSize);
}

/// Downloads the target and compares it with the file.
void expect_same_bytes(int port, const std::string& target, const std::string& path) {
  const std::string command = "curl -sS http://127.0.0.1:" + std::to_string(port) + target + " | cmp - " + path;
  const Finished compared = run({"bash", "-o", "pipefail", "-c", command});
  EXPECT_EQ(compared.exit_code, 0) << compared.output;
}

TEST_F(MetaTarballs, OfAnySizeAreStreamedInFlatMemory) {
  const std::string path = meta / "tarball/big";
  const std::string size = make_big_file(path);
  EXPECT_EQ(http(meta.port(), "HEAD", "/big").header("Content-Length"), size);
  const long before = rss_kb(meta.process().pid());
  std::vector<std::unique_ptr<RawConnection>> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(std::make_unique<RawConnection>(meta.port()));
    slow.back()->send("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(slow.back()->read_until("\r\n\r\n").starts_with("HTTP/1.1 200 "));
    if (i % 2 == 1) slow.pop_back();  // this client closes the connection; the rest do not read
  }
  expect_same_bytes(meta.port(), "/big", path);
  expect_flat(rss_kb(meta.process().pid()) - before);
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(http(meta.port(), "POST", "/heartbeat", R"({"hostname":"h"})").status, 200); }),
            kAtOnce);
}

/// An ops-meta that may not read some files. It runs without root rights, because root may read every file.
struct UnprivilegedMeta : testing::Test {
  UnprivilegedMeta() {
    write_file(box / "cfg.json", R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})");
    write_file(box / "var/app.pid", "");
    write_file(box / "tarball/good", "good");
    write_file(box / "tarball/unreadable", kSecret, 0);
    write_file(box / "tarball/closed/file", kSecret);
    write_file(box / "tarball/unlisted/file", "good");
    std::vector<std::string> wrapper;
    if (::geteuid() == 0) {
      constexpr uid_t kNobody = 65534;
      for (const auto& entry : fs::recursive_directory_iterator(box.folder())) {
        EXPECT_EQ(::chown(entry.path().c_str(), kNobody, kNobody), 0);
      }
      EXPECT_EQ(::chmod(box.folder().c_str(), 0755), 0);
      wrapper = {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"};
    }
    fs::permissions(box / "tarball/closed", fs::perms::none);
    fs::permissions(box / "tarball/unlisted", fs::perms::owner_exec);
    EXPECT_TRUE(box.start_under(wrapper)) << box.log();
  }

  ~UnprivilegedMeta() override {
    for (const std::string folder : {"closed", "unlisted"}) fs::permissions(box / "tarball/" + folder, fs::perms::owner_all);
  }

  Box box{"ops-meta"};
};

TEST_F(UnprivilegedMeta, RefusesFilesThatItMayNotRead) {
  for (const std::string target : {"/unreadable", "/closed/", "/closed", "/closed/file", "/unlisted/", "/unlisted"}) {
    const HttpReply reply = get(box.port(), target);
    EXPECT_EQ(reply.status, 403) << target;
    EXPECT_EQ(reply.body, "403 forbidden\n") << target;
  }
  EXPECT_EQ(get(box.port(), "/good").body, "good");
  EXPECT_EQ(get(box.port(), "/unlisted/file").body, "good");
}

TEST_F(UnprivilegedMeta, RefusesAllFilesOfAFolderThatItMayNotEnter) {
  fs::permissions(box / "tarball", fs::perms::none);
  for (const std::string target : {"/", "/good", "/no"}) EXPECT_EQ(get(box.port(), target).status, 403) << target;
  fs::permissions(box / "tarball", fs::perms::owner_all);
}

}  // namespace
}  // namespace ops::tests
