// Resumed downloads.

#include "tests/updater/release/download_fixture.h"

namespace ops::updater {
namespace {

using tests::http_reply;

struct DownloadResume : DownloadTest {};

TEST_F(DownloadResume, ResumesWhenTheFileIsTheSame) {
  const std::string date = "Wed, 21 Oct 2015 07:28:00 GMT";
  for (const ServedFile& file :
       {ServedFile{whole, "\"v1\"", ""}, ServedFile{whole, "", date}, ServedFile{whole, "W/\"weak\"", date}}) {
    forget_all();
    failure(cuts_in_half(file));
    ASSERT_EQ(content().size(), whole.size() / 2);
    ASSERT_TRUE(downloads(serves(file)));
    EXPECT_EQ(content(), whole);
    EXPECT_EQ(last_header("Range"), "bytes=150000-");
    EXPECT_EQ(last_header("If-Range"), file.etag.starts_with('"') ? file.etag : date);
    EXPECT_EQ(total, whole.size()) << "progress includes the part";
  }
}

TEST_F(DownloadResume, StartsOverWhenTheFileChangedBetweenTwoRanges) {
  failure(cuts_in_half({whole, "\"v1\"", ""}));
  const std::string other = file_of(200'000, 7);
  ASSERT_TRUE(downloads(serves({other, "\"v2\"", ""})));
  EXPECT_EQ(content(), other);
}

TEST_F(DownloadResume, StartsOverWithoutAValidator) {
  failure(cuts_in_half({whole, "", ""}));
  ASSERT_TRUE(downloads(serves({whole, "", ""})));
  EXPECT_EQ(last_header("Range"), "");
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadResume, StartsOverWithAnotherUrl) {
  failure(cuts_in_half({whole, "\"v1\"", ""}));
  server.set_handler(serves({whole, "\"v1\"", ""}));
  done = 0;
  ASSERT_FALSE(updater::download(server.url("/other"), path, limits, progress, {}));
  EXPECT_EQ(last_header("Range"), "");
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadResume, TakesTheWholeFileFromAServerThatIgnoresRanges) {
  failure(cuts_in_half({whole, "\"v1\"", ""}));
  ASSERT_TRUE(downloads(always_sends(http_reply(200, whole, {{"ETag", "\"v1\""}}))));
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadResume, RefusesAWrongRangeAndStartsOverNextTime) {
  const std::string rest = whole.substr(150'000);
  const tests::HeaderFields wrong[] = {
      {{"Content-Range", "bytes 0-149999/300000"}, {"ETag", "\"v1\""}},
      {{"Content-Range", "bytes 150000-299999/300000"}, {"ETag", "\"v2\""}},  // If-Range ignored
      {{"ETag", "\"v1\""}},
      {{"Content-Range", "nonsense"}},
  };
  for (const tests::HeaderFields& headers : wrong) {
    forget_all();
    failure(cuts_in_half({whole, "\"v1\"", ""}));
    EXPECT_HAS(failure(always_sends(http_reply(206, rest, headers))), "a range that does not fit");
    ASSERT_TRUE(downloads(serves({whole, "\"v1\"", ""})));
    EXPECT_EQ(last_header("Range"), "");
    EXPECT_EQ(content(), whole);
  }
  tests::write_file(path, "");
  EXPECT_HAS(failure(always_sends(http_reply(206, rest, wrong[0]))), "a range that does not fit") << "the request had no range";
}

TEST_F(DownloadResume, DoesNotFetchACompletePartAgain) {
  const ServedFile file{whole, "\"v1\"", ""};
  ASSERT_TRUE(downloads(serves(file)));
  ASSERT_TRUE(downloads(serves(file)));
  EXPECT_EQ(last_header("Range"), "bytes=300000-");
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadResume, DropsAPartThatIsLongerThanTheFile) {
  ASSERT_TRUE(downloads(serves({whole, "\"v1\"", ""})));
  tests::write_file(path, whole + "too much");
  EXPECT_HAS(failure(serves({whole, "\"v1\"", ""})), "HTTP status 416");
  ASSERT_TRUE(downloads(serves({whole, "\"v1\"", ""})));
  EXPECT_EQ(content(), whole);
}

TEST_F(DownloadResume, IgnoresAnOriginFileOfAnotherFormat) {
  for (const std::string& note : {std::string("\n"), std::string(100'000, 'x'), server.url("/t.tar.gz") + "\n",
                                  server.url("/t.tar.gz") + "\n\"v\"\r\nX-Evil: 1\n"}) {
    tests::write_file(path, "part");
    tests::write_file(path + ".from", note);
    ASSERT_TRUE(downloads(serves({whole, "\"v1\"", ""})));
    EXPECT_EQ(content(), whole);
    EXPECT_EQ(last_header("X-Evil"), "");
  }
}

}  // namespace
}  // namespace ops::updater
