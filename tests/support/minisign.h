#pragma once

// The stock minisign program with a new key pair.

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace ops::tests {

class Minisign {
 public:
  Minisign();

  /// In the form of a config: RW…
  std::string public_key() const;
  /// In the form that minisign prints: 16 hex digits.
  std::string key_id() const;
  std::string secret_key_file() const { return folder_ / "key"; }
  std::string public_key_file() const { return folder_ / "key.pub"; }

  /// Signs the file and returns the content of its .minisig.
  std::string sign(const std::string& file, const std::vector<std::string>& options = {}) const;

  /// Whether minisign accepts the file's .minisig.
  bool accepts(const std::string& file) const;

 private:
  TempDir folder_;
};

}  // namespace ops::tests
