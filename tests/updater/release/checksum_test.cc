#include "updater/release/checksum.h"

#include <gtest/gtest.h>

#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::updater {
namespace {

using tests::TempDir;

constexpr char kDigest[] = "0cc175b9c0f1b6a831c399e269772661";
constexpr char kOther[] = "92eb5ffee6ae2fec3ad71c777531578f";
constexpr char kFile[] = "falcon-agent-1.0.0.tar.gz";

std::string parsed(const std::string& text) {
  const auto digest = parse_md5sum(text, kFile);
  return digest ? *digest : "refused";
}

TEST(Checksum, IsTheFilesMd5) {
  const TempDir folder;
  tests::write_file(folder / "empty", "");
  tests::write_file(folder / "abc", "abc");
  const std::string large(1'000'003, '\x80');
  tests::write_file(folder / "large", large);
  EXPECT_EQ(*md5_of_file(folder / "empty", {}), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(*md5_of_file(folder / "abc", {}), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(*md5_of_file(folder / "large", {}), tests::md5_hex(large));
}

TEST(Checksum, ReportsAFileThatCannotBeRead) {
  const TempDir folder;
  const auto missing = md5_of_file(folder / "gone", {});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("gone: No such file"), std::string::npos) << missing.error().message;
  EXPECT_FALSE(md5_of_file(folder.path(), {}));
}

TEST(Checksum, StopsWhenCancelled) {
  const TempDir folder;
  tests::write_file(folder / "abc", "abc");
  std::stop_source stop;
  stop.request_stop();
  const auto cancelled = md5_of_file(folder / "abc", stop.get_token());
  ASSERT_FALSE(cancelled);
  EXPECT_NE(cancelled.error().message.find("cancelled"), std::string::npos);
}

TEST(Checksum, ReadsMd5sumsOutput) {
  const std::string digest = kDigest;
  for (const std::string& text :
       {digest + "  " + kFile + "\n", digest + " *" + kFile + "\n", digest + "  ./dir/" + kFile + "\n", digest + "  " + kFile,
        digest + "  " + kFile + "\r\n", digest + "\n", digest, "0CC175B9C0F1B6A831C399E269772661  " + std::string(kFile),
        "\n\n" + digest + "  " + kFile, "MD5 (" + std::string(kFile) + ") = " + digest + "\n",
        "MD5 (./dir/" + std::string(kFile) + ") = " + digest, "MD5(" + std::string(kFile) + ")= " + digest}) {
    EXPECT_EQ(parsed(text), kDigest) << text;
  }
}

TEST(Checksum, UsesTheLineThatNamesTheFile) {
  const std::string other = std::string(kOther) + "  other.tar.gz\n";
  const std::string ours = std::string(kDigest) + "  " + kFile + "\n";
  EXPECT_EQ(parsed(other + ours), kDigest);
  EXPECT_EQ(parsed(ours + other), kDigest);
  EXPECT_EQ(parsed(std::string(kOther) + "\n" + ours), kDigest) << "a nameless line counts only when it is alone";
}

TEST(Checksum, RefusesATextWithoutADigestOfTheFile) {
  const std::string digest = kDigest;
  for (const std::string& text :
       {std::string(), std::string("<html>404</html>"), digest + "  other.tar.gz\n", digest + "  x" + kFile, digest.substr(1),
        digest + "0  " + kFile, std::string(32, 'z') + "  " + kFile, digest + "\n" + kOther + "\n", std::string("\0\xff", 2)}) {
    EXPECT_EQ(parsed(text), "refused") << text;
  }
}

TEST(Checksum, QuotesTheTextThatItRefuses) {
  const auto refused = parse_md5sum("<html>\nnot found\n", kFile);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find(kFile), std::string::npos);
  EXPECT_NE(refused.error().message.find("<html> not found"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace ops::updater
