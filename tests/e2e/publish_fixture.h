#pragma once

// ./control publish with an ops-meta that serves tarballs from its folder `files`.

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/boxes.h"
#include "tests/support/minisign.h"
#include "tests/support/tarball.h"
#include "tests/support/text.h"
#include "tests/support/wait.h"

namespace ops::tests {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;

struct Publish : testing::Test {
  Publish() {
    box.add_control();
    write_file(box / "cfg.json", R"({"tarballDir": "./files", "http": {"listen": "127.0.0.1:0"},
      "agents": [{"default": {"name": "a", "version": "0.9", "tarball": "http://127.0.0.1:0/a", "cmd": "start"}}]})");
    write_file(release, good);
  }

  Finished publish(const std::vector<std::string>& arguments, const std::string& from = "/") const {
    std::vector<std::string> command = {box / "control", "publish"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, from);
  }

  /// Expects that publish exits with 1, prints `why` and leaves no file.
  void expect_refusal(const std::string& tarball, const std::string& why) const {
    write_file(release, tarball);
    const Finished finished = publish({"a", "1.0", release});
    EXPECT_EQ(finished.exit_code, 1) << finished.output;
    EXPECT_NE(finished.output.find(why), std::string::npos) << finished.output;
    EXPECT_TRUE(finished.output.ends_with(release + " is not published\n")) << finished.output;
    EXPECT_EQ(list(folder), Names{});
  }

  Box box{"ops-meta"};
  TempDir place;
  const std::string release = place / "a file name with blanks";
  const std::string good = demo_agent_tarball();
  const std::string folder = box / "files/a";
  const std::string published = folder + "/a-1.0.tar.gz";
};

}  // namespace ops::tests
