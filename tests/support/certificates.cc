#include "tests/support/certificates.h"

#include <gtest/gtest.h>

namespace ops::tests {

namespace {

/// The configuration that `openssl ca` requires.
constexpr char kConfig[] = R"([ca]
default_ca = this
[this]
database = index
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
)";

const std::string kNewKey = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch ";

void run_in_shell(const std::string& command, const std::string& folder) {
  const Finished finished = run({"sh", "-c", command}, folder);
  EXPECT_EQ(finished.exit_code, 0) << command << "\n" << finished.output;
}

}  // namespace

Authority::Authority(const std::string& name) {
  write_file(folder_ / "config", kConfig);
  write_file(folder_ / "index", "");
  write_file(folder_ / "serial", "01\n");
  run_in_shell(kNewKey + "-x509 -days 3650 -subj '/CN=" + name + "' -keyout ca.key -out ca.pem", folder_.path());
}

Issued Authority::issue(const std::string& name, const CertificateOptions& options) const {
  const std::string file = std::to_string(++issued_);
  const std::string names = options.names.empty() ? "" : " -addext subjectAltName=" + options.names;
  const std::string from = options.from.empty() ? "" : " -startdate " + options.from;
  run_in_shell(kNewKey + "-subj '/CN=" + name + "'" + names + " -keyout " + file + ".key -out " + file + ".csr",
               folder_.path());
  run_in_shell("openssl ca -batch -notext -config config" + from + " -enddate " + options.until + " -in " + file +
                   ".csr -out " + file + ".pem",
               folder_.path());
  return {folder_ / (file + ".pem"), folder_ / (file + ".key")};
}

Issued self_signed(const TempDir& folder, const std::string& name) {
  run_in_shell(
      kNewKey + "-x509 -days 30 -subj '/CN=" + name + "' -addext subjectAltName=IP:127.0.0.1 -keyout self.key -out self.pem",
      folder.path());
  return {folder / "self.pem", folder / "self.key"};
}

std::string encrypted(const std::string& key) {
  run_in_shell("openssl pkey -aes256 -passout pass:secret -in '" + key + "' -out '" + key + ".enc'", "");
  return key + ".enc";
}

std::string tls_config(const std::string& ca, const Issued& own) {
  return R"(, "tls": {"ca": ")" + ca + R"(", "cert": ")" + own.cert + R"(", "key": ")" + own.key + "\"}";
}

}  // namespace ops::tests
