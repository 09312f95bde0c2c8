#include "tests/support/manual.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

std::string manual_agent_tarball(const std::string& mark) {
  const std::string manual = read_file(std::string(OPS_SOURCE_DIR) + "/README.md");
  const size_t begin = manual.find("    #!/bin/bash\n    # control of falcon-agent.");
  const size_t end = manual.find("    esac\n", begin);
  EXPECT_NE(end, std::string::npos);
  std::istringstream lines(manual.substr(begin, end - begin) + "    esac\n");
  std::string control;
  for (std::string line; std::getline(lines, line);) control += line.substr(std::min<size_t>(line.size(), 4)) + "\n";
  const std::string config = R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})";
  const std::string program = read_file(std::string(OPS_BUILD_DIR) + "/ops-meta");
  return make_agent_tarball(control, {{"falcon-agent", program}, {"cfg.json", config}, {"mark", mark}});
}

}  // namespace ops::tests
