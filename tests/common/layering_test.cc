// The script that guards the includes, tried on a copy of the tree with one include turned the wrong way.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

namespace fs = std::filesystem;

struct Layering : testing::Test {
  Layering() {
    for (const std::string folder : {"common", "meta", "updater"}) {
      fs::copy(std::string(OPS_SOURCE_DIR) + "/" + folder, tree / folder, fs::copy_options::recursive);
    }
  }

  Finished check() const { return run({"bash", std::string(OPS_SOURCE_DIR) + "/tests/layering", tree.path()}); }

  /// Adds the include as a file's last line, and expects the script to name it.
  void refuses(const std::string& file, const std::string& include) {
    const std::string before = read_file(tree / file);
    std::ofstream(tree / file, std::ios::app) << "#include " << include << "\n";
    const auto lines = std::count(before.begin(), before.end(), '\n') + 1;
    const Finished finished = check();
    EXPECT_EQ(finished.exit_code, 1) << include << " in " << file << " passes";
    const std::string place = file + ":" + std::to_string(lines) + ": ";
    EXPECT_NE(finished.output.find(place), std::string::npos) << "no " << place << " in " << finished.output;
    write_file(tree / file, before);
  }

  TempDir tree;
};

TEST_F(Layering, AcceptsTheTree) {
  const Finished finished = check();
  EXPECT_EQ(finished.exit_code, 0) << finished.output;
}

TEST_F(Layering, RefusesAnIncludeAgainstTheOrderOfFolders) {
  refuses("common/base/text.cc", "\"meta/config/config.h\"");
  refuses("common/base/text.h", "\"updater/config.h\"");
  refuses("meta/main.cc", "\"updater/model/layout.h\"");
  refuses("updater/main.cc", "\"meta/config/config.h\"");
  refuses("updater/model/layout.cc", "\"../meta/config/config.h\"");
}

TEST_F(Layering, RefusesAnIncludeAgainstTheOrderOfRooms) {
  refuses("common/base/text.h", "\"common/daemon/daemon.h\"");
  refuses("meta/hosts/releases.h", "\"meta/config/config.h\"");
  refuses("meta/reports/fleet_scan.cc", "\"meta/api/routes.h\"");
  refuses("updater/release/download.cc", "\"updater/config.h\"");
}

TEST_F(Layering, RefusesARoomThatItDoesNotKnow) {
  fs::create_directory(tree / "meta/attic");
  write_file(tree / "meta/attic/old.h", "#pragma once\n");
  refuses("meta/attic/old.h", "\"common/base/text.h\"");
}

TEST_F(Layering, RefusesAThirdPartyHeaderInAHeaderOfOurs) {
  for (const std::string library : {"<nlohmann/json.hpp>", "<curl/curl.h>", "<archive.h>", "<archive_entry.h>",
                                    "<openssl/evp.h>", "<spdlog/spdlog.h>", "<fmt/format.h>"}) {
    refuses("common/base/file.h", library);
  }
}

TEST_F(Layering, RefusesASecondUserOfALibrary) {
  refuses("updater/release/install.cc", "<curl/curl.h>");
  refuses("updater/agent/switch.cc", " <spdlog/spdlog.h>");
  refuses("common/http/connection.cc", "<openssl/ssl.h>");
  refuses("updater/release/download.cc", "<openssl/ssl.h>");
  refuses("updater/release/unpack.cc", "<archive.h>");
  refuses("updater/release/download.cc", "<zlib.h>");
}

TEST_F(Layering, RefusesAFolderWithoutSources) {
  fs::remove_all(tree / "meta");
  EXPECT_EQ(check().exit_code, 2);
}

}  // namespace
}  // namespace ops::tests
