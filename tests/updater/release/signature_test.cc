#include "updater/release/signature.h"

#include <gtest/gtest.h>

#include "tests/support/minisign.h"
#include "tests/support/temp_dir.h"
#include "updater/release/checksum.h"

namespace ops::updater {
namespace {

using tests::Minisign;

/// Why this is not a signature of a-1.0.tar.gz by that key; "" when it is one.
std::string refusal(const std::string& text, const Minisign& signer, const std::string& tarball) {
  const auto key = parse_public_key(signer.public_key());
  EXPECT_TRUE(key) << signer.public_key();
  const auto signature = parse_signature(text, "a-1.0.tar.gz", {*key});
  if (!signature) return signature.error().message;
  const auto digest = blake2b_of_file(tarball, {});
  EXPECT_TRUE(digest);
  return signature->covers(*digest) ? "" : "does not cover the file";
}

/// A tarball, signed by the stock program.
struct SignatureTest : testing::Test {
  SignatureTest() {
    tests::write_file(tarball, "bytes of a tarball");
    signature = signer.sign(tarball);
  }

  tests::TempDir folder;
  std::string tarball = folder / "a-1.0.tar.gz";
  Minisign signer;
  std::string signature;
};

TEST_F(SignatureTest, IsAcceptedFromTheStockProgram) {
  EXPECT_EQ(refusal(signature, signer, tarball), "");
  EXPECT_EQ(key_id_text(parse_public_key(signer.public_key())->id), signer.key_id());
}

TEST_F(SignatureTest, IsRefusedForAnotherFilesContent) {
  tests::write_file(tarball, "bytes of a tarbalL");
  EXPECT_EQ(refusal(signature, signer, tarball), "does not cover the file");
}

TEST_F(SignatureTest, IsRefusedForAnotherFilesName) {
  const std::string other = folder / "a-1.1.tar.gz";
  tests::write_file(other, "bytes of a tarball");
  const std::string why = refusal(signer.sign(other), signer, tarball);
  EXPECT_TRUE(why.starts_with("is signed for another file: its trusted comment is \"timestamp:")) << why;
  EXPECT_TRUE(why.ends_with("expected file:a-1.0.tar.gz")) << why;
  for (const std::string comment : {"file:a-1.0.tar.gz.old", "xfile:a-1.0.tar.gz", "file:a-1.0.tar.gz ", "a-1.0.tar.gz"}) {
    EXPECT_NE(refusal(signer.sign(tarball, {"-t", comment}), signer, tarball), "") << comment;
  }
  EXPECT_EQ(refusal(signer.sign(tarball, {"-t", "file:a-1.0.tar.gz"}), signer, tarball), "");
}

TEST_F(SignatureTest, IsRefusedFromAnotherKeyAndBothKeysAreNamed) {
  const Minisign stranger;
  EXPECT_EQ(refusal(stranger.sign(tarball), signer, tarball),
            "is signed by key " + stranger.key_id() + ", expected " + signer.key_id());
  const std::vector<PublicKey> both = {*parse_public_key(signer.public_key()), *parse_public_key(stranger.public_key())};
  EXPECT_TRUE(parse_signature(signature, "a-1.0.tar.gz", both)) << "during a key rotation the config has two keys";
  EXPECT_TRUE(parse_signature(stranger.sign(tarball), "a-1.0.tar.gz", both));
}

TEST_F(SignatureTest, IsRefusedInTheLegacyFormat) {
  EXPECT_EQ(refusal(signer.sign(tarball, {"-l"}), signer, tarball),
            "is a signature in minisign's legacy format: sign without -l");
}

/// Only the untrusted comment is not signed, and only its first two words are checked.
TEST_F(SignatureTest, IsRefusedWithAnyBitFlipped) {
  const size_t comment = std::string("untrusted comment: ").size();
  const size_t signed_from = signature.find('\n');
  for (size_t at = 0; at + 1 < signature.size(); ++at) {
    if (at >= comment && at < signed_from) continue;
    for (int bit = 0; bit < 8; ++bit) {
      std::string turned = signature;
      turned[at] = static_cast<char>(turned[at] ^ (1 << bit));
      EXPECT_NE(refusal(turned, signer, tarball), "") << "bit " << bit << " of byte " << at;
    }
  }
}

TEST_F(SignatureTest, IsRefusedWhenCutAtAnyByte) {
  for (size_t size = 0; size + 1 < signature.size(); ++size) {
    EXPECT_NE(refusal(signature.substr(0, size), signer, tarball), "") << size;
  }
  EXPECT_EQ(refusal(signature.substr(0, signature.size() - 1), signer, tarball), "") << "the last newline is optional";
  EXPECT_NE(refusal(signature + "more\n", signer, tarball), "");
}

TEST_F(SignatureTest, IsRefusedWithTheKeyIdOfAnother) {
  const Minisign stranger;
  const std::string forged = stranger.sign(tarball);
  const auto key = parse_public_key(stranger.public_key());
  ASSERT_TRUE(key);
  const PublicKey renamed{key->id, parse_public_key(signer.public_key())->key, ""};
  const auto refused = parse_signature(forged, "a-1.0.tar.gz", {renamed});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "is not signed by key " + stranger.key_id() + ", although it names this key: it was changed");
}

TEST_F(SignatureTest, IsQuotedWhenItIsNotASignature) {
  EXPECT_EQ(refusal("<html>login</html>", signer, tarball), "is not a minisign signature: \"<html>login</html>\"");
  EXPECT_LT(refusal(std::string(100'000, 'x'), signer, tarball).size(), 200u);
}

TEST(PublicKey, IsRefusedWhenItIsNoKey) {
  for (const std::string bad : {"", "RW", "untrusted comment: minisign public key", "RWQ===", "RWQxxxxxxxxxxxxxxxxxxxx"}) {
    EXPECT_FALSE(parse_public_key(bad)) << bad;
  }
  const std::string good = Minisign().public_key();
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse_public_key(good.substr(0, size))) << size;
}

}  // namespace
}  // namespace ops::updater
