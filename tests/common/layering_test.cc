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

TEST_F(Layering, RefusesAnArrowTurnedRound) {
  refuses("common/text.cc", "\"meta/config.h\"");
  refuses("common/text.h", "\"updater/config.h\"");
  refuses("meta/main.cc", "\"updater/layout.h\"");
  refuses("updater/main.cc", "\"meta/config.h\"");
  refuses("updater/layout.cc", "\"../meta/config.h\"");
}

TEST_F(Layering, RefusesAThirdPartyHeaderInAHeaderOfOurs) {
  for (const std::string library : {"<httplib.h>", "<nlohmann/json.hpp>", "<curl/curl.h>", "<archive.h>", "<archive_entry.h>",
                                    "<openssl/evp.h>", "<spdlog/spdlog.h>", "<fmt/format.h>"}) {
    refuses("common/file.h", library);
  }
}

TEST_F(Layering, RefusesASecondUserOfALibrary) {
  refuses("meta/tarballs.cc", "<httplib.h>");
  refuses("updater/install.cc", "<curl/curl.h>");
  refuses("updater/switch.cc", " <spdlog/spdlog.h>");
  refuses("common/http_connection.cc", "<openssl/ssl.h>");
  refuses("updater/fetch.cc", "<openssl/ssl.h>");
  refuses("updater/unpack.cc", "<archive.h>");
  refuses("updater/fetch.cc", "<zlib.h>");
}

TEST_F(Layering, RefusesAFolderWithoutSources) {
  fs::remove_all(tree / "meta");
  EXPECT_EQ(check().exit_code, 2);
}

}  // namespace
}  // namespace ops::tests
