#pragma once

// Reads certificates and keys from PEM files with OpenSSL, and explains why one cannot be used: the file, the name in the
// certificate, the expected CA, and the difference in time. The header only declares OpenSSL's types.

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"

struct evp_pkey_st;
struct x509_st;
struct x509_store_ctx_st;

namespace ops {

/// Paths of PEM files; "" when not configured.
struct TlsFiles {
  std::string cert;  // this side's certificate, followed by the intermediate certificates
  std::string key;   // the private key of `cert`
  std::string ca;    // the CAs that may issue the peer's certificate

  bool operator==(const TlsFiles&) const = default;
};

/// The content of the files.
struct Credentials {
  std::vector<std::shared_ptr<x509_st>> chain;  // this side's certificate first; empty without `cert`
  std::shared_ptr<evp_pkey_st> key;
  std::vector<std::shared_ptr<x509_st>> authorities;  // the CAs
};

/// Reads all files and checks that the key belongs to the certificate.
Result<Credentials> read_credentials(const TlsFiles& files);

/// The error when a certificate of the chain has expired or is not valid yet; "" when all are valid now.
std::string validity_error(const TlsFiles& files, const Credentials& credentials);

/// Warnings for the operator: a certificate that has expired, expires within two weeks or is not valid yet; a key that every
/// user of the host may read.
std::vector<std::string> warnings_about(const TlsFiles& files, const Credentials& credentials);

/// The common name and the DNS names of the certificate.
std::vector<std::string> host_names_of(const x509_st* certificate);

/// The host names and the IP addresses of the certificate as one text, for a message.
std::string name_list_of(const x509_st* certificate);

/// Why OpenSSL refuses the certificate that it is verifying now. `ca_file` is the file of the CAs.
std::string explain_refusal(x509_store_ctx_st* verification, const std::string& ca_file);

/// The file of the CAs that this distribution trusts; "" when no known file exists.
std::string system_ca_file();

}  // namespace ops
