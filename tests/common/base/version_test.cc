// The output of -v must match the build: an operator compares it with a security advisory.

#include "common/base/version.h"

#include <archive.h>
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <sstream>

#include "common/base/text.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/text.h"

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

/// What the build takes from git with this format of `git log`; in a source archive, from a line of cmake/commit, which
/// `git archive` filled in. "unknown" if there is neither.
std::string of_the_commit(const char* format, size_t line) {
  const std::string folder = OPS_SOURCE_DIR;
  const tests::Finished head = tests::run({"git", "-c", "safe.directory=*", "-C", folder, "log", "-1", format, "--abbrev=12"});
  if (head.exit_code == 0 && tests::run({"test", "-e", folder + "/.git"}).exit_code == 0) return std::string(trim(head.output));
  std::istringstream lines(tests::read_file(folder + "/cmake/commit"));
  std::string archived;
  for (size_t i = 0; i <= line; ++i) std::getline(lines, archived);
  return tests::contains(archived, "Format") ? "unknown" : archived;
}

TEST(Version, NamesTheCommit) {
  const std::string expected = of_the_commit("--format=%h", 0);
  EXPECT_TRUE(value_of("commit", "ops-meta").starts_with(expected))
      << value_of("commit", "ops-meta") << ", expected " << expected;
}

TEST(Version, NamesTheDateOfTheCommit) {
  const char* chosen = std::getenv("SOURCE_DATE_EPOCH");
  const std::string time = chosen != nullptr ? chosen : of_the_commit("--format=%ct", 1);
  const std::string date = time == "unknown" ? time : tests::run({"date", "-u", "-d", "@" + time, "+%F"}).output;
  EXPECT_EQ(value_of("date", "ops-meta"), trim(date));
}

}  // namespace
}  // namespace ops
