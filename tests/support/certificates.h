#pragma once

// Real certificates, made with the stock openssl program.

#include <string>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

struct Issued {
  std::string cert;  // paths
  std::string key;
};

struct CertificateOptions {
  std::string names = "DNS:localhost,IP:127.0.0.1";  // as openssl writes them; "" for none
  std::string from = "";                             // as in "20200101000000Z"; "" for now
  std::string until = "20991231235959Z";
};

/// A CA in a folder of its own. Keys are EC P-256, which are made in no time.
class Authority {
 public:
  explicit Authority(const std::string& name = "Test CA");

  std::string cert() const { return folder_ / "ca.pem"; }
  Issued issue(const std::string& name, const CertificateOptions& options = {}) const;

 private:
  TempDir folder_;
  mutable int issued_ = 0;
};

/// One that nobody else has signed.
Issued self_signed(const TempDir& folder, const std::string& name);

/// The same key, encrypted.
std::string encrypted(const std::string& key);

}  // namespace ops::tests
