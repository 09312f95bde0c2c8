#pragma once

// Certificates and keys in PEM files, and what is said of them when they are no good: which file, which name, what was
// expected, and by how much the time is off. By OpenSSL, whose types are only named here.

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

struct evp_pkey_st;
struct x509_st;
struct x509_store_ctx_st;

namespace ops {

/// Paths; "" where there is none.
struct TlsFiles {
  std::string cert;  // ours, and behind it those between it and the CA
  std::string key;   // cert's
  std::string ca;    // of the CAs that the other side's certificate must come from

  bool operator==(const TlsFiles&) const = default;
};

/// What is in the files.
struct Credentials {
  std::vector<std::shared_ptr<x509_st>> chain;  // ours first; empty without `cert`
  std::shared_ptr<evp_pkey_st> key;
  std::vector<std::shared_ptr<x509_st>> authorities;
};

/// Reads them all, and sees that the key belongs to the certificate.
Result<Credentials> read_credentials(const TlsFiles& files);

/// Why no client would believe this certificate today, that it has expired say; "" when it is the time.
std::string time_trouble_of(const TlsFiles& files, const Credentials& credentials);

/// What somebody should look after, though it may be used: a certificate that has expired or will within two weeks, one that is
/// not valid yet, a key that every user of this machine may read.
std::vector<std::string> warnings_about(const TlsFiles& files, const Credentials& credentials);

/// Its common name and its DNS names, as they stand there.
std::vector<std::string> host_names_of(const x509_st* certificate);

/// The same and its IP addresses, for a message.
std::string name_list_of(const x509_st* certificate);

/// Why OpenSSL refuses the certificate that it is just looking at. `ca_file` is where the CAs came from.
std::string explain_refusal(x509_store_ctx_st* verification, const std::string& ca_file);

/// Where this distribution keeps the CAs that it trusts; "" when there is no such file.
std::string system_ca_file();

}  // namespace ops
