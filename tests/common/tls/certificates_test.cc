#include "common/tls/certificates.h"

#include <gtest/gtest.h>

#include "tests/support/certificates.h"

namespace ops::tests {
namespace {

struct Certificates : testing::Test {
  static std::string failure(const TlsFiles& files) {
    const auto read = read_credentials(files);
    return read ? "no error" : read.error().message;
  }
  static std::string warnings(const Issued& issued) {
    const TlsFiles files{issued.cert, issued.key, ""};
    const auto read = read_credentials(files);
    if (!read) return read.error().message;
    std::string all;
    for (const std::string& warning : warnings_about(files, *read)) all += warning + "\n";
    return all;
  }

  Authority ca;
  Issued good = ca.issue("meta");
  TempDir folder;
};

TEST_F(Certificates, AreReadWithTheirKeyAndNames) {
  const Issued issued = ca.issue("Meta.Example", {.names = "DNS:a.example,DNS:B,IP:10.0.0.1,IP:::1"});
  const auto good_one = read_credentials({issued.cert, issued.key, ca.cert()});
  ASSERT_TRUE(good_one) << good_one.error().message;
  const auto* certificate = good_one->chain.at(0).get();
  EXPECT_EQ(host_names_of(certificate), (std::vector<std::string>{"Meta.Example", "a.example", "B"}));
  EXPECT_EQ(name_list_of(certificate), "Meta.Example, a.example, B, 10.0.0.1, ::1");
  EXPECT_EQ(good_one->authorities.size(), 1U);
  EXPECT_EQ(warnings(good), "");
}

TEST_F(Certificates, ReportWhyTheyCannotBeUsed) {
  EXPECT_EQ(failure({folder / "none", good.key, ""}), "cannot open " + (folder / "none") + ": No such file or directory");
  EXPECT_EQ(failure({good.cert, folder / "none", ""}), "cannot open " + (folder / "none") + ": No such file or directory");
  EXPECT_EQ(failure({good.cert, good.key, folder / "none"}),
            "cannot open " + (folder / "none") + ": No such file or directory");
  EXPECT_EQ(failure({good.key, good.key, ""}), good.key + " contains no certificate (a line -----BEGIN CERTIFICATE-----)");
  EXPECT_EQ(failure({good.cert, good.cert, ""}), good.cert + " contains no private key (a line -----BEGIN PRIVATE KEY-----)");
  const std::string other = ca.issue("other").key;
  EXPECT_EQ(failure({good.cert, other, ""}), other + " is not the key of the certificate in " + good.cert + ", CN=meta");
  const std::string sealed = encrypted(good.key);
  EXPECT_EQ(failure({good.cert, sealed, ""}),
            sealed + " is encrypted, and a daemon cannot ask for the passphrase. Decrypt it: openssl pkey -in " + sealed +
                " -out KEY");
  write_file(folder / "cut", read_file(good.cert).substr(0, 300));
  EXPECT_EQ(failure({folder / "cut", good.key, ""}), (folder / "cut") + ": certificate number 1 is damaged");
  write_file(folder / "bundle", read_file(ca.cert()) + "\nthe second:\n" + read_file(good.cert).insert(60, "="));
  EXPECT_EQ(failure({"", "", folder / "bundle"}), (folder / "bundle") + ": certificate number 2 is damaged");
}

TEST_F(Certificates, WarnWhenExpiredOrNotYetValid) {
  const std::string old = warnings(ca.issue("meta", {.from = "20200101000000Z", .until = "20210101000000Z"}));
  EXPECT_NE(old.find("CN=meta expired "), std::string::npos) << old;
  EXPECT_NE(old.find(" days ago, at 2021-01-01 00:00:00 UTC; the clock of this host is at 20"), std::string::npos) << old;
  const std::string early = warnings(ca.issue("meta", {.from = "20900101000000Z"}));
  EXPECT_NE(early.find("CN=meta is not valid before 2090-01-01 00:00:00 UTC, in "), std::string::npos) << early;
  EXPECT_NE(early.find(" days; the clock of this host is at 20"), std::string::npos) << early;
}

TEST_F(Certificates, WarnWhenEveryUserMayReadTheKey) {
  write_file(folder / "key", read_file(good.key), 0644);
  EXPECT_EQ(
      warnings({good.cert, folder / "key"}),
      "every user of this host may read the key: chown it to the daemon's user, and chmod o-r " + (folder / "key") + "\n");
}

}  // namespace
}  // namespace ops::tests
