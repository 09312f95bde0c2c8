#include "meta/api/conditions.h"

#include <gtest/gtest.h>

#include <vector>

namespace ops::tests {
namespace {

using meta::ByteRange;
using meta::Condition;
using meta::requested_range;

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr time_t kModified = 1447000000;
constexpr char kDate[] = "Sun, 08 Nov 2015 16:26:40 GMT";
constexpr char kEarlier[] = "Sun, 08 Nov 2015 16:26:39 GMT";
constexpr char kLater[] = "Sun, 08 Nov 2015 16:26:41 GMT";

HttpRequest request_with(const Headers& headers, const std::string& method = "GET") {
  HttpRequest request;
  request.method = method;
  request.headers = headers;
  return request;
}

Condition judged(const Headers& headers) { return meta::judge(request_with(headers), {"\"tag\"", kModified}); }

TEST(Conditions, ParseTheThreeFormsOfADate) {
  EXPECT_EQ(http_date(kModified), kDate);
  for (const std::string date : {kDate, "Sunday, 08-Nov-15 16:26:40 GMT", "Sun Nov  8 16:26:40 2015"}) {
    EXPECT_EQ(parse_http_date(date), kModified) << date;
  }
  for (const std::string bad :
       {"", "yesterday", "1447000000", "Sun, 08 Nov 2015 16:26:40", "Sun, 08 Nov 2015 16:26:40 GMT+1"}) {
    EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
  }
}

TEST(Conditions, HoldWithoutHeaders) { EXPECT_EQ(judged({}), Condition::met); }

TEST(Conditions, IfNoneMatchIsAListComparedWeakly) {
  for (const std::string list : {"\"tag\"", "*", "W/\"tag\"", "\"x\", \"tag\"", "\"x\",W/\"tag\" , \"y\"", ",\"tag\","}) {
    EXPECT_EQ(judged({{"If-None-Match", list}}), Condition::not_modified) << list;
  }
  for (const std::string list : {"\"x\"", "tag", "\"tag", "\"x\", \"y\"", "\"TAG\""}) {
    EXPECT_EQ(judged({{"If-None-Match", list}}), Condition::met) << list;
  }
  EXPECT_EQ(judged({{"If-None-Match", "\"x\""}, {"if-none-match", "\"tag\""}}), Condition::not_modified) << "in two headers";
}

TEST(Conditions, IfModifiedSinceIsADate) {
  EXPECT_EQ(judged({{"If-Modified-Since", kDate}}), Condition::not_modified);
  EXPECT_EQ(judged({{"If-Modified-Since", kLater}}), Condition::not_modified);
  EXPECT_EQ(judged({{"If-Modified-Since", kEarlier}}), Condition::met);
  EXPECT_EQ(judged({{"If-Modified-Since", "yesterday"}}), Condition::met);
}

TEST(Conditions, IfMatchIsAListComparedStrongly) {
  for (const std::string list : {"\"tag\"", "*", "\"x\", \"tag\""})
    EXPECT_EQ(judged({{"If-Match", list}}), Condition::met) << list;
  for (const std::string list : {"\"x\"", "W/\"tag\""}) EXPECT_EQ(judged({{"If-Match", list}}), Condition::failed) << list;
}

TEST(Conditions, IfUnmodifiedSinceIsADate) {
  EXPECT_EQ(judged({{"If-Unmodified-Since", kEarlier}}), Condition::failed);
  EXPECT_EQ(judged({{"If-Unmodified-Since", kDate}}), Condition::met);
  EXPECT_EQ(judged({{"If-Unmodified-Since", kLater}}), Condition::met);
  EXPECT_EQ(judged({{"If-Unmodified-Since", "yesterday"}}), Condition::met);
}

TEST(Conditions, HaveThePrecedenceOfRfc9110) {
  EXPECT_EQ(judged({{"If-Match", "\"tag\""}, {"If-Unmodified-Since", kEarlier}}), Condition::met);
  EXPECT_EQ(judged({{"If-Match", "\"x\""}, {"If-None-Match", "\"tag\""}}), Condition::failed);
  EXPECT_EQ(judged({{"If-Unmodified-Since", kEarlier}, {"If-None-Match", "\"tag\""}}), Condition::failed);
  EXPECT_EQ(judged({{"If-Match", "\"tag\""}, {"If-None-Match", "\"tag\""}}), Condition::not_modified);
  EXPECT_EQ(judged({{"If-None-Match", "\"x\""}, {"If-Modified-Since", kDate}}), Condition::met);
}

std::optional<ByteRange> range_of(const std::string& range, const Headers& more = {}, const std::string& method = "GET") {
  Headers headers = {{"Range", range}};
  headers.insert(headers.end(), more.begin(), more.end());
  return requested_range(request_with(headers, method), {"\"tag\"", kModified}, 10);
}

TEST(Ranges, SelectOnePart) {
  for (const auto& [range, part] : std::vector<std::pair<std::string, ByteRange>>{{"bytes=0-0", {0, 1}},
                                                                                  {"bytes=2-4", {2, 3}},
                                                                                  {"bytes=7-", {7, 3}},
                                                                                  {"bytes=-3", {7, 3}},
                                                                                  {"bytes=-99", {0, 10}},
                                                                                  {"bytes=8-99999999999999999999", {8, 2}},
                                                                                  {"Bytes=2-4", {2, 3}},
                                                                                  {"bytes= 2-4 , ", {2, 3}}}) {
    EXPECT_EQ(range_of(range), part) << range;
  }
}

TEST(Ranges, ThatTouchOrOverlapAreJoined) {
  EXPECT_EQ(range_of("bytes=0-3,4-5"), (ByteRange{0, 6}));
  EXPECT_EQ(range_of("bytes=4-5, 0-4"), (ByteRange{0, 6}));
  EXPECT_EQ(range_of("bytes=0-8,2-3"), (ByteRange{0, 9}));
  EXPECT_EQ(range_of("bytes=2-3,20-30"), (ByteRange{2, 2})) << "a range beyond the end is ignored";
  EXPECT_EQ(range_of("bytes=0-1,3-4"), std::nullopt) << "a gap";
}

TEST(Ranges, BeyondTheEndAreNotSatisfiable) {
  for (const std::string range : {"bytes=10-", "bytes=10-11", "bytes=99999999999999999999-", "bytes=-0", "bytes=10-,20-"}) {
    EXPECT_EQ(range_of(range), ByteRange{}) << range;
  }
}

TEST(Ranges, ThatAreInvalidAreIgnored) {
  for (const std::string range : {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=x-", "bytes=5-2", "bytes=1-2x",
                                  "bytes=--1", "bytes=+1-2", "bytes=1 - 2", "lines=1-2", "bytes=0-1,x"}) {
    EXPECT_EQ(range_of(range), std::nullopt) << range;
  }
}

TEST(Ranges, ApplyOnlyWhenIfRangeMatches) {
  for (const std::string known : {"\"tag\"", kDate}) EXPECT_TRUE(range_of("bytes=0-1", {{"If-Range", known}})) << known;
  for (const std::string other : {"\"x\"", "W/\"tag\"", "*", kEarlier, kLater, "yesterday"}) {
    EXPECT_FALSE(range_of("bytes=0-1", {{"If-Range", other}})) << other;
  }
}

TEST(Ranges, ApplyToGetOnly) { EXPECT_FALSE(range_of("bytes=0-1", {}, "HEAD")); }

}  // namespace
}  // namespace ops::tests
