#pragma once

// Signed releases, in minisign's format (https://jedisct1.github.io/minisign/), prehashed, its default since 2021. A tarball's
// signature has the URL {tarball url}.minisig. It is made offline with the stock program: minisign -S -m a-1.0.tar.gz
//
//   untrusted comment: <any text>
//   base64(  "ED"  |  key id, 8 bytes  |  Ed25519 signature of the file's BLAKE2b-512 digest, 64 bytes  )
//   trusted comment: timestamp:1447000000<TAB>file:a-1.0.tar.gz<TAB>hashed
//   base64(  Ed25519 signature of the 64 bytes above and the trusted comment  )
//
// A public key is base64("Ed" | key id, 8 bytes | Ed25519 key, 32 bytes), the second line of minisign.pub. The trusted
// comment must have the field file:NAME with the exact name of the tarball. Without this check, a signed tarball could be
// served under the name of another agent or version. fetch_release() refuses a name that reads as two releases. The key id only
// selects a key: the signature is checked with the key itself.

#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops::updater {

struct PublicKey {
  std::string id;    // 8 bytes
  std::string key;   // 32 bytes
  std::string text;  // as in the config

  bool operator==(const PublicKey&) const = default;
};

/// Parses a key of the config: "RWQ…".
Result<PublicKey> parse_public_key(const std::string& text);

/// The id as minisign prints it: 16 hex digits.
std::string key_id_text(const std::string& id);

/// The signature of one file by one of the keys. Everything is checked but the file's content: covers() does that.
struct Signature {
  PublicKey key;
  std::string of_digest;  // 64 bytes

  /// Whether the signed file has this digest (blake2b_of_file).
  bool covers(const std::string& digest) const;
};

/// Parses a .minisig, and checks that one of `keys` signed its trusted comment and that the comment names `file_name`. `text`
/// is not trusted. The error names the expected and the found key or file.
Result<Signature> parse_signature(const std::string& text, const std::string& file_name, const std::vector<PublicKey>& keys);

}  // namespace ops::updater
