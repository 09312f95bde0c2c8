#include "meta/api/tarballs.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr char kContent[] = "0123456789";

std::string header(const HttpResponse& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

/// The body that a client gets.
std::string body_of(const HttpResponse& response) {
  if (!response.file_body.file) return response.body;
  std::string bytes(response.file_body.length, '\0');
  const auto offset = static_cast<off_t>(response.file_body.offset);
  const ssize_t size = ::pread(response.file_body.file->get(), bytes.data(), bytes.size(), offset);
  return bytes.substr(0, size < 0 ? 0 : static_cast<size_t>(size));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Tarballs : testing::Test {
  Tarballs() {
    write_file(folder / "secret", "secret");
    write_file(folder / "secrets/file", "secret");
    write_file(root + "/agent/a-1.tar.gz", kContent);
  }

  HttpResponse get(const std::string& path, const Headers& headers = {}) const {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    request.headers = headers;
    return meta::serve_tarball(root, request);
  }

  HttpResponse get_file(const Headers& headers) const { return get("/agent/a-1.tar.gz", headers); }

  /// Expects a 404 without content of a file.
  void refuses(const std::string& path) const {
    const HttpResponse response = get(path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(body_of(response), "404 page not found\n") << path;
  }

  TempDir folder;
  std::string root = folder / "tarball";
};

TEST_F(Tarballs, AreServedWithTheirValidators) {
  const HttpResponse response = get_file({});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(body_of(response), kContent);
  EXPECT_EQ(response.content_type, "application/gzip");
  EXPECT_EQ(header(response, "Accept-Ranges"), "bytes");
  EXPECT_TRUE(header(response, "Last-Modified").ends_with(" GMT"));
  EXPECT_TRUE(header(response, "ETag").starts_with("\""));
  write_file(root + "/a.md5", "x");
  EXPECT_EQ(get("/a.md5").content_type, "text/plain; charset=UTF-8");
}

TEST_F(Tarballs, AreNotReadIntoMemory) {
  const HttpResponse response = get_file({});
  EXPECT_TRUE(response.body.empty());
  EXPECT_TRUE(response.file_body.file);
}

TEST_F(Tarballs, AreServedInParts) {
  struct Case {
    std::string range;
    std::string content_range;
    std::string body;
  };
  for (const Case& expected : std::vector<Case>{{"bytes=0-0", "bytes 0-0/10", "0"},
                                                {"bytes=2-4", "bytes 2-4/10", "234"},
                                                {"bytes=7-", "bytes 7-9/10", "789"},
                                                {"bytes=0-", "bytes 0-9/10", "0123456789"},
                                                {"bytes=-3", "bytes 7-9/10", "789"},
                                                {"bytes=-99", "bytes 0-9/10", "0123456789"},
                                                {"bytes=8-99", "bytes 8-9/10", "89"}}) {
    const HttpResponse response = get_file({{"Range", expected.range}});
    EXPECT_EQ(response.status, 206) << expected.range;
    EXPECT_EQ(header(response, "Content-Range"), expected.content_range) << expected.range;
    EXPECT_EQ(body_of(response), expected.body) << expected.range;
  }
}

TEST_F(Tarballs, ARangeBeyondTheEndIsA416) {
  for (const std::string range : {"bytes=10-", "bytes=10-11", "bytes=18446744073709551615-", "bytes=-0"}) {
    const HttpResponse response = get_file({{"Range", range}});
    EXPECT_EQ(response.status, 416) << range;
    EXPECT_EQ(response.content_type, "text/plain; charset=UTF-8") << range;
    EXPECT_EQ(header(response, "Content-Range"), "bytes */10") << range;
    EXPECT_FALSE(response.file_body.file) << range;
  }
}

TEST_F(Tarballs, AreServedWholeForAnInvalidRange) {
  for (const std::string range :
       {"bytes=0-1,4-5", "bytes=5-2", "bytes=x-", "bytes=-", "bytes=", "bytes", "lines=1-2", "bytes=1-2x", "bytes=--1"}) {
    const HttpResponse response = get_file({{"Range", range}});
    EXPECT_EQ(response.status, 200) << range;
    EXPECT_EQ(body_of(response), kContent) << range;
  }
}

TEST_F(Tarballs, ARangeAppliesOnlyWhenIfRangeMatches) {
  const HttpResponse whole = get_file({});
  const auto status = [&](const std::string& condition) {
    return get_file({{"Range", "bytes=2-4"}, {"If-Range", condition}}).status;
  };
  EXPECT_EQ(status(header(whole, "ETag")), 206);
  EXPECT_EQ(status(header(whole, "Last-Modified")), 206);
  EXPECT_EQ(status("\"another\""), 200);
  EXPECT_EQ(status("Thu, 01 Jan 1970 00:00:00 GMT"), 200);
}

TEST_F(Tarballs, AnUnchangedFileIsA304) {
  const HttpResponse whole = get_file({});
  const std::string etag = header(whole, "ETag");
  const std::string date = header(whole, "Last-Modified");
  for (const Headers& known : {Headers{{"If-None-Match", etag}}, {{"If-None-Match", "*"}}, {{"If-Modified-Since", date}}}) {
    const HttpResponse response = get_file(known);
    EXPECT_EQ(response.status, 304);
    EXPECT_FALSE(response.file_body.file);
    EXPECT_EQ(header(response, "ETag"), etag);
  }
  for (const Headers& unknown : {Headers{{"If-None-Match", "\"another\""}},
                                 {{"If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}},
                                 {{"If-Modified-Since", "yesterday"}},
                                 {{"If-None-Match", "\"another\""}, {"If-Modified-Since", date}}}) {
    EXPECT_EQ(get_file(unknown).status, 200) << unknown[0].second;
  }
}

TEST_F(Tarballs, AFailedConditionIsA412) {
  for (const Headers& other :
       {Headers{{"If-Match", "\"another\""}}, {{"If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}}}) {
    const HttpResponse response = get_file(other);
    EXPECT_EQ(response.status, 412) << other[0].first;
    EXPECT_EQ(response.content_type, "text/plain; charset=UTF-8");
    EXPECT_EQ(body_of(response), "412 Precondition Failed\n");
  }
  EXPECT_EQ(get_file({{"If-Match", header(get_file({}), "ETag")}}).status, 200);
}

TEST_F(Tarballs, AFileHasATypeByItsNameAndIsSandboxed) {
  const std::pair<std::string, std::string> types[] = {
      {"a.html", "text/html; charset=UTF-8"},      {"a.json", "application/json"},
      {"a.css", "text/css; charset=UTF-8"},        {"a.js", "text/javascript; charset=UTF-8"},
      {"a.xml", "text/xml; charset=UTF-8"},        {"a.png", "image/png"},
      {"a.txt", "text/plain; charset=UTF-8"},      {"a.tgz", "application/gzip"},
      {"a.html.md5", "text/plain; charset=UTF-8"}, {"html", "application/octet-stream"}};
  for (const auto& [name, type] : types) {
    write_file(root + "/" + name, "x");
    const HttpResponse response = get("/" + name);
    EXPECT_EQ(response.content_type, type) << name;
    EXPECT_EQ(header(response, "Content-Security-Policy"), "sandbox allow-downloads") << name;
    EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff") << name;
  }
}

TEST_F(Tarballs, AFolderIsItsIndexHtml) {
  write_file(root + "/agent/index.html", "<p>index");
  for (const std::string path : {"/agent/", "/agent/index.html"}) {
    const HttpResponse response = get(path);
    EXPECT_EQ(body_of(response), "<p>index") << path;
    EXPECT_EQ(response.content_type, "text/html; charset=UTF-8") << path;
    EXPECT_EQ(header(response, "Content-Security-Policy"), "sandbox allow-downloads") << path;
  }
  EXPECT_EQ(get("/agent").status, 301);
  write_file(root + "/index.html", "<p>root");
  EXPECT_EQ(body_of(get("/")), "<p>root");
  const std::string etag = header(get("/"), "ETag");
  EXPECT_EQ(get("/", {{"If-None-Match", etag}}).status, 304);
}

TEST_F(Tarballs, AFolderWhoseIndexHtmlIsNoFileBelowTheRootIsListed) {
  fs::create_directories(root + "/folder/index.html");
  fs::create_directories(root + "/link");
  fs::create_symlink("../../secret", root + "/link/index.html");
  for (const std::string path : {"/folder/", "/link/"}) EXPECT_TRUE(contains(get(path).body, "index.html")) << path;
}

TEST_F(Tarballs, AChangedFileHasAnotherEtag) {
  const std::string before = header(get_file({}), "ETag");
  write_file(root + "/agent/a-1.tar.gz", "9876543210");
  EXPECT_NE(header(get_file({}), "ETag"), before);
}

TEST_F(Tarballs, AnEmptyFileIsServed) {
  write_file(root + "/empty", "");
  EXPECT_EQ(get("/empty").status, 200);
  EXPECT_EQ(body_of(get("/empty")), "");
  EXPECT_EQ(get("/empty", {{"Range", "bytes=0-"}}).status, 416);
}

TEST_F(Tarballs, AFolderWithoutIndexHtmlIsListed) {
  write_file(root + "/b & \"c\" <script>.tar.gz", "");
  fs::create_directories(root + "/empty folder");
  const HttpResponse listing = get("/");
  EXPECT_EQ(listing.status, 200);
  EXPECT_EQ(listing.content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(listing.body,
            "<!doctype html>\n<title>/</title>\n<pre>\n"
            "<a href=\"./agent/\">agent/</a>\n"
            "<a href=\"./b%20%26%20%22c%22%20%3Cscript%3E.tar.gz\">b &amp; &quot;c&quot; &lt;script&gt;.tar.gz</a>\n"
            "<a href=\"./empty%20folder/\">empty folder/</a>\n"
            "</pre>\n");
  EXPECT_TRUE(contains(get("/agent/").body, "<a href=\"./a-1.tar.gz\">a-1.tar.gz</a>"));
  EXPECT_TRUE(contains(get("/empty folder/").body, "<title>/empty folder/</title>"));
}

TEST_F(Tarballs, AnUncleanPathIsRedirected) {
  fs::create_directories(root + "/x y<>");
  const std::pair<std::string, std::string> moves[] = {{"/agent", "/agent/"},
                                                       {"//agent//a-1.tar.gz", "/agent/a-1.tar.gz"},
                                                       {"/agent//", "/agent/"},
                                                       {"//", "/"},
                                                       {"///example.com/x", "/example.com/x"},
                                                       {"/x y<>", "/x%20y%3C%3E/"},
                                                       {"//a\r\nX: y", "/a%0D%0AX%3A%20y"}};
  for (const auto& [from, to] : moves) {
    const HttpResponse response = get(from);
    EXPECT_EQ(response.status, 301) << from;
    EXPECT_EQ(header(response, "Location"), to) << from;
  }
}

TEST_F(Tarballs, AMissingFileIsA404) {
  for (const std::string path : {"/no", "/no/", "/agent/no", "/agent/a-1.tar.gz/", "/agent/a-1.tar.gz/x", "", "no", "agent"}) {
    refuses(path);
  }
  refuses("/" + std::string(5000, 'x'));
  fs::remove_all(root);
  refuses("/agent/");
}

TEST_F(Tarballs, NoPathLeadsOutOfTheRoot) {
  for (const std::string path :
       {"/..", "/../", "/../secret", "/../secrets/file", "/agent/../../secret", "/./../secret", "/.", "/agent/./a-1.tar.gz",
        "/agent/..", "/agent/../agent/a-1.tar.gz", "/..//secret", "/agent//../../secret", "/..\\secret", "/%2e%2e/secret", "..",
        "../secret", "http://h/../secret"}) {
    refuses(path);
  }
  refuses(std::string("/agent/a-1.tar.gz\0", 18));
  refuses(std::string("/\0/../secret", 12));
  refuses((folder / "secret"));
}

TEST_F(Tarballs, LinksAreFollowedOnlyBelowTheRoot) {
  fs::create_symlink("agent/a-1.tar.gz", root + "/latest");
  fs::create_directory_symlink("agent", root + "/same");
  fs::create_symlink("../agent/a-1.tar.gz", root + "/agent/up-and-down");
  for (const std::string path : {"/latest", "/same/a-1.tar.gz", "/agent/up-and-down"}) {
    EXPECT_EQ(body_of(get(path)), kContent) << path;
  }

  fs::create_symlink("../secret", root + "/out");
  fs::create_symlink(folder / "secret", root + "/out-absolute");
  fs::create_directory_symlink("../secrets", root + "/folder-out");
  fs::create_directory_symlink(folder / "secrets", root + "/folder-out-absolute");
  fs::create_symlink("out", root + "/out-by-two");
  fs::create_symlink("itself", root + "/itself");
  fs::create_symlink("no", root + "/nowhere");
  fs::create_symlink("/proc/self/environ", root + "/proc");
  for (const std::string path :
       {"/out", "/out-absolute", "/folder-out", "/folder-out/", "/folder-out/file", "/folder-out-absolute/",
        "/folder-out-absolute/file", "/out-by-two", "/itself", "/nowhere", "/proc"}) {
    refuses(path);
  }
}

TEST_F(Tarballs, OnlyFilesAndFoldersAreServed) {
  ASSERT_EQ(::mkfifo((root + "/fifo").c_str(), 0600), 0);
  refuses("/fifo");
  if (::mknod((root + "/null").c_str(), S_IFCHR | 0600, 0x103) == 0) refuses("/null");  // only root may create a device
}

}  // namespace
}  // namespace ops::tests
