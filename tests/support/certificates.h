#pragma once

// Real certificates, made with the stock openssl program.

#include <string>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

/// The paths of a certificate and its private key.
struct Issued {
  std::string cert;
  std::string key;
};

struct CertificateOptions {
  std::string names = "DNS:localhost,IP:127.0.0.1";  // the subjectAltName in openssl's form; "" for no name
  std::string from = "";                             // like "20200101000000Z"; "" for now
  std::string until = "20991231235959Z";
};

/// A CA in its own folder. Keys are EC P-256, because openssl makes them quickly.
class Authority {
 public:
  explicit Authority(const std::string& name = "Test CA");

  std::string cert() const { return folder_ / "ca.pem"; }
  Issued issue(const std::string& name, const CertificateOptions& options = {}) const;

 private:
  TempDir folder_;
  mutable int issued_ = 0;
};

/// Makes a self-signed certificate in `folder`.
Issued self_signed(const TempDir& folder, const std::string& name);

/// Writes an encrypted copy of the key file and returns its path.
std::string encrypted(const std::string& key);

/// JSON for an updater's config that makes it trust the CA in file `ca` and present `own`, with a comma in front.
std::string tls_config(const std::string& ca, const Issued& own = {});

}  // namespace ops::tests
