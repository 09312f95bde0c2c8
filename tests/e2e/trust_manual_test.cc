// Runs the commands of common/README.md that make certificates.

#include <gtest/gtest.h>

#include "tests/support/boxes.h"
#include "tests/support/manual.h"
#include "tests/support/wait.h"

namespace ops::tests {
namespace {

TEST(TrustManual, HasCommandsThatMakeValidCertificates) {
  const TempDir keys;
  std::string script = manual_lines("openssl ");
  ASSERT_NE(script.find("10.0.0.1"), std::string::npos) << script;
  script.replace(script.find("10.0.0.1"), 8, "127.0.0.1");
  const Finished made = run({"sh", "-e", "-c", script}, keys.path());
  ASSERT_EQ(made.exit_code, 0) << made.output;

  MetaBox meta;
  meta.set_tls({keys / "meta.pem", keys / "meta.key"}, keys / "ca.pem");
  ASSERT_TRUE(meta.start({})) << meta.log();
  UpdaterBox host(meta.url(), {.hostname = "h1",
                               .more = R"(, "tls": {"ca": ")" + (keys / "ca.pem") + R"(", "cert": ")" + (keys / "h1.pem") +
                                       R"(", "key": ")" + (keys / "h1.key") + "\"}"});
  ASSERT_TRUE(host.start()) << host.log();
  EXPECT_TRUE(eventually([&] { return meta.get_as_owner("/status/host/h1").status == 200; })) << host.log() << meta.log();
  EXPECT_EQ(meta.log().find("http.tls"), std::string::npos) << "ops-meta warns about the certificates: " << meta.log();
}

}  // namespace
}  // namespace ops::tests
