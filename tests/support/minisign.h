#pragma once

// The stock minisign program, with a key pair of its own.

#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace ops::tests {

class Minisign {
 public:
  Minisign();

  /// As a config wants it: RW…
  std::string public_key() const;
  /// As minisign prints it, in 16 digits.
  std::string key_id() const;
  std::string secret_key_file() const { return folder_ / "key"; }
  std::string public_key_file() const { return folder_ / "key.pub"; }

  /// Signs the file, and returns what is in its .minisig.
  std::string sign(const std::string& file, const std::vector<std::string>& options = {}) const;

  /// Whether the program takes the file's .minisig.
  bool accepts(const std::string& file) const;

 private:
  TempDir folder_;
};

}  // namespace ops::tests
