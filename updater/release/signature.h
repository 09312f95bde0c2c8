#pragma once

// Signed releases: minisign's format (https://jedisct1.github.io/minisign/), prehashed, its default since 2021. A tarball's
// signature lies beside it, {tarball url}.minisig, made offline with the stock program: minisign -S -m a-1.0.tar.gz
//
//   untrusted comment: <whatever>
//   base64(  "ED"  |  key id, 8 bytes  |  Ed25519 signature of the file's BLAKE2b-512 digest, 64 bytes  )
//   trusted comment: timestamp:1447000000<TAB>file:a-1.0.tar.gz<TAB>hashed
//   base64(  Ed25519 signature of the 64 bytes above and the trusted comment  )
//
// A public key is base64("Ed" | key id, 8 bytes | Ed25519 key, 32 bytes), the second line of minisign.pub. The trusted
// comment must hold `file:` and the very name of the tarball, or one that was signed once could be passed off as another
// agent's, or as another version. That a name can be read in one way only is prepare()'s business. The key id is only a name:
// what counts is the key.

#include <string>
#include <vector>

#include "common/base/result.h"

namespace ops::updater {

struct PublicKey {
  std::string id;    // 8 bytes
  std::string key;   // 32 bytes
  std::string text;  // as it was given

  bool operator==(const PublicKey&) const = default;
};

/// "RWQ…", as the config has it.
Result<PublicKey> parse_public_key(const std::string& text);

/// As minisign prints it: 16 hex digits.
std::string key_id_text(const std::string& id);

/// The signature of one file by one of the keys, all of it checked but the file's content.
struct Signature {
  PublicKey key;
  std::string of_digest;  // 64 bytes

  /// Whether it is one of a file with this digest (blake2b_of_file).
  bool covers(const std::string& digest) const;
};

/// Takes a .minisig apart, and checks that one of `keys` signed its trusted comment and that this names `file_name`. `text`
/// may be anything that a server sent. The error says which key or name was expected, and which one found.
Result<Signature> parse_signature(const std::string& text, const std::string& file_name, const std::vector<PublicKey>& keys);

}  // namespace ops::updater
