// The output of -v must match the build: an operator compares it with a security advisory.

#include "common/base/version.h"

#include <archive.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>

#include "common/base/text.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops {
namespace {

/// The rest of the line that begins with "NAME ".
std::string value_of(const std::string& name, const std::string& daemon) {
  const std::string text = build_details(daemon);
  const size_t line = text.find(cat("\n", name, " "));
  if (line == std::string::npos) return "missing in " + text;
  const size_t begin = line + name.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST(Version, IsAloneOnTheFirstLine) {
  for (const std::string daemon : {"ops-meta", "ops-updater"}) {
    EXPECT_TRUE(build_details(daemon).starts_with(version() + "\n")) << build_details(daemon);
    EXPECT_TRUE(build_details(daemon).ends_with("\n")) << build_details(daemon);
  }
}

TEST(Version, NamesTheLinkedLibraries) {
  for (const std::string daemon : {"ops-meta", "ops-updater"}) {
    EXPECT_TRUE(value_of("OpenSSL", daemon).starts_with(OpenSSL_version(OPENSSL_VERSION_STRING)))
        << value_of("OpenSSL", daemon);
    EXPECT_TRUE(value_of("curl", daemon).starts_with(curl_version_info(CURLVERSION_NOW)->version)) << value_of("curl", daemon);
  }
  const std::string libarchive = cat("libarchive ", value_of("libarchive", "ops-updater"));
  EXPECT_TRUE(libarchive.starts_with(archive_version_string())) << libarchive;
}

TEST(Version, NamesTheCommit) {
  const std::string folder = OPS_SOURCE_DIR;
  const tests::Finished head = tests::run({"git", "-c", "safe.directory=*", "-C", folder, "rev-parse", "--short=12", "HEAD"});
  const bool is_checkout = tests::run({"test", "-e", folder + "/.git"}).exit_code == 0;
  // `git archive` puts the commit into this file.
  const std::string file = tests::read_file(folder + "/cmake/commit");
  const std::string archived = file.substr(0, file.find('\n'));
  const std::string otherwise = archived.find("Format") == std::string::npos ? archived : "unknown";
  const std::string expected = is_checkout && head.exit_code == 0 ? std::string(trim(head.output)) : otherwise;
  EXPECT_TRUE(value_of("commit", "ops-meta").starts_with(expected))
      << value_of("commit", "ops-meta") << ", expected " << expected;
}

TEST(Version, NamesTheDateOfTheCommit) {
  const std::string folder = OPS_SOURCE_DIR;
  const tests::Finished time = tests::run({"env", "TZ=UTC", "git", "-c", "safe.directory=*", "-C", folder, "log", "-1",
                                           "--format=%cd", "--date=format-local:%Y-%m-%d"});
  if (time.exit_code != 0 || std::getenv("SOURCE_DATE_EPOCH") != nullptr) GTEST_SKIP() << "the date is another one";
  EXPECT_EQ(value_of("date", "ops-meta"), trim(time.output));
}

}  // namespace
}  // namespace ops
