#include "common/tls/certificates.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "common/base/file.h"

namespace ops {

namespace {

constexpr size_t kMaxPemFile = 8 << 20;
constexpr time_t kDay = 86400;
constexpr time_t kRenewBefore = 14 * kDay;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

Bio reader_of(const std::string& text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free}; }

std::string to_text(const ASN1_STRING* string) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, string);
  std::string text = size < 0 ? "" : std::string(bytes, bytes + size);
  OPENSSL_free(bytes);
  return text;
}

/// "CN=meta.example,O=Example"
std::string to_text(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size <= 0 ? "(no name)" : one_line(std::string_view(data, static_cast<size_t>(size)), 200);
}

time_t to_time(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

std::string to_text(time_t time) {
  tm parts{};
  ::gmtime_r(&time, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts));
}

/// "412 days", "3 hours", "20 seconds"
std::string span_text(time_t seconds) {
  const std::pair<time_t, const char*> units[] = {{kDay, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
  for (const auto& [size, name] : units) {
    const time_t count = seconds / size;
    if (count > 1 || (count == 1 && size == 1)) return cat(count, " ", name, count == 1 ? "" : "s");
  }
  return "a moment";
}

/// "expired 3 days ago, …" or "is not valid before …", with the time of this host's clock and what to do; "" when the
/// certificate is valid now.
std::string validity_error(const X509* certificate) {
  const time_t now = std::time(nullptr);
  const time_t begin = to_time(X509_get0_notBefore(certificate));
  const time_t end = to_time(X509_get0_notAfter(certificate));
  const std::string clock = cat("; the clock of this host is at ", to_text(now));
  if (now > end)
    return cat("expired ", span_text(now - end), " ago, at ", to_text(end), clock,
               ": renew the certificate, or set the clock if it is ahead (NTP)");
  if (now < begin)
    return cat("is not valid before ", to_text(begin), ", in ", span_text(begin - now), clock,
               ": if it is behind, set it (NTP)");
  return {};
}

std::string subject_of(const X509* certificate) { return to_text(X509_get_subject_name(certificate)); }
std::string issuer_of(const X509* certificate) { return to_text(X509_get_issuer_name(certificate)); }

Result<std::vector<std::shared_ptr<X509>>> read_certificates(const std::string& path) {
  const auto text = read_file(path, kMaxPemFile);
  if (!text) return text.error();
  const Bio bio = reader_of(*text);
  std::vector<std::shared_ptr<X509>> certificates;
  ERR_clear_error();
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate, &X509_free);
  }
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!is_end) return Error{cat(path, ": certificate number ", certificates.size() + 1, " is damaged")};
  if (certificates.empty()) return Error{cat(path, " contains no certificate (a line -----BEGIN CERTIFICATE-----)")};
  return certificates;
}

Result<std::shared_ptr<EVP_PKEY>> read_key(const std::string& path) {
  const auto text = read_file(path, kMaxPemFile);
  if (!text) return text.error();
  bool is_encrypted = false;
  const auto on_passphrase = [](char*, int, int, void* context) {
    *static_cast<bool*>(context) = true;
    return -1;
  };
  const Bio bio = reader_of(*text);
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, on_passphrase, &is_encrypted), &EVP_PKEY_free);
  if (is_encrypted) {
    return Error{cat(path, " is encrypted, and a daemon cannot ask for the passphrase. Decrypt it: openssl pkey -in ", path,
                     " -out KEY")};
  }
  if (!key) return Error{cat(path, " contains no private key (a line -----BEGIN PRIVATE KEY-----)")};
  return key;
}

template <typename Visit>
void for_each_alternative_name(const X509* certificate, const Visit& visit) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)), &GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) visit(*sk_GENERAL_NAME_value(names.get(), i));
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_v4 = ASN1_STRING_length(address) == 4;
  if (!is_v4 && ASN1_STRING_length(address) != 16) return "?";
  ::inet_ntop(is_v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

}  // namespace

Result<Credentials> read_credentials(const TlsFiles& files) {
  Credentials credentials;
  if (!files.ca.empty()) {
    auto authorities = read_certificates(files.ca);
    if (!authorities) return authorities.error();
    credentials.authorities = std::move(*authorities);
  }
  if (files.cert.empty()) return credentials;
  auto chain = read_certificates(files.cert);
  if (!chain) return chain.error();
  auto key = read_key(files.key);
  if (!key) return key.error();
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    return Error{cat(files.key, " is not the key of the certificate in ", files.cert, ", ", subject_of(chain->front().get()))};
  }
  credentials.chain = std::move(*chain);
  credentials.key = std::move(*key);
  return credentials;
}

std::string validity_error(const TlsFiles& files, const Credentials& credentials) {
  for (const auto& certificate : credentials.chain) {
    const std::string error = validity_error(certificate.get());
    if (!error.empty()) return cat(files.cert, ": the certificate of ", subject_of(certificate.get()), " ", error);
  }
  return {};
}

std::vector<std::string> warnings_about(const TlsFiles& files, const Credentials& credentials) {
  std::vector<std::string> warnings;
  const auto check = [&](const std::string& file, const X509* certificate) {
    const time_t left = to_time(X509_get0_notAfter(certificate)) - std::time(nullptr);
    const std::string error = validity_error(certificate);
    const std::string name = cat(file, ": the certificate of ", subject_of(certificate), " ");
    if (!error.empty()) {
      warnings.push_back(name + error);
    } else if (left < kRenewBefore) {
      warnings.push_back(cat(name, "expires in ", span_text(left), ": renew it"));
    }
  };
  for (const auto& certificate : credentials.chain) check(files.cert, certificate.get());
  if (credentials.authorities.size() == 1)
    check(files.ca, credentials.authorities[0].get());  // not a system's bundle: it contains expired ones
  if (!files.key.empty() && is_world_readable(files.key)) {
    warnings.push_back(
        cat("every user of this host may read the key: chown it to the daemon's user, and chmod o-r ", files.key));
  }
  return warnings;
}

std::vector<std::string> host_names_of(const X509* certificate) {
  std::vector<std::string> names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    names.push_back(to_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  }
  for_each_alternative_name(certificate, [&](const GENERAL_NAME& name) {
    if (name.type == GEN_DNS) names.push_back(to_text(name.d.dNSName));
  });
  return names;
}

std::string name_list_of(const X509* certificate) {
  std::vector<std::string> names = host_names_of(certificate);
  for_each_alternative_name(certificate, [&](const GENERAL_NAME& name) {
    if (name.type == GEN_IPADD) names.push_back(address_text(name.d.iPAddress));
  });
  std::string list;
  for (auto name = names.begin(); name != names.end(); ++name) {
    const bool is_new = std::find(names.begin(), name, *name) == name;  // the common name is usually one of the DNS names, too
    if (is_new) list += (list.empty() ? "" : ", ") + *name;
  }
  return list.empty() ? "(no name)" : one_line(list, 300);
}

std::string explain_refusal(X509_STORE_CTX* verification, const std::string& ca_file) {
  const X509* certificate = X509_STORE_CTX_get_current_cert(verification);
  const int error = X509_STORE_CTX_get_error(verification);
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const std::string subject = cat("the certificate of ", subject_of(certificate), " ");
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return subject + validity_error(certificate);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return cat(subject, "is self-signed and is not in ", ca_file);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return cat(subject, "was issued by ", issuer_of(certificate), ", which is not in ", ca_file);
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return cat(subject, "names ", issuer_of(certificate), " as its issuer, but was not signed by the CA of that name in ",
                 ca_file);
    default: return cat(subject, "is refused: ", X509_verify_cert_error_string(error));
  }
}

std::string system_ca_file() {
  for (const char* path : {
           "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch
           "/etc/pki/tls/certs/ca-bundle.crt",                   // RHEL
           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 10
           "/etc/ssl/ca-bundle.pem",                             // SUSE
           "/var/lib/ca-certificates/ca-bundle.pem",             // SUSE without its symbolic links
           "/etc/ssl/cert.pem"                                   // Alpine without ca-certificates
       }) {
    if (::access(path, R_OK) == 0) return path;
  }
  return {};
}

}  // namespace ops
