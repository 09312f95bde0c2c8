#include "tests/support/manual.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/tarball.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {

std::string manual() {
  std::string text;
  for (const std::string chapter : kChapters) text += read_file(OPS_SOURCE_DIR "/" + chapter) + "\n";
  return text;
}

std::string manual_lines(const std::string& command) {
  std::istringstream lines(manual());
  std::string script;
  for (std::string line; std::getline(lines, line);) {
    const size_t begin = std::min(line.find_first_not_of(' '), line.size());
    if (begin >= 4 && line.substr(begin).starts_with(command)) script += line + "\n";
  }
  return script;
}

std::string manual_block(const std::string& first_line) {
  std::istringstream lines(manual());
  std::string block;
  for (std::string line; std::getline(lines, line);) {
    if (block.empty() && line != "    " + first_line) continue;
    if (!line.empty() && !line.starts_with("    ")) break;
    block += (line.empty() ? line : line.substr(4)) + "\n";
  }
  return block;
}

std::string manual_agent_tarball(const std::string& mark) {
  const std::string text = manual();
  const size_t begin = text.find("    #!/bin/bash\n    # control of falcon-agent.");
  const size_t end = text.find("    esac\n", begin);
  EXPECT_NE(end, std::string::npos);
  std::istringstream lines(text.substr(begin, end - begin) + "    esac\n");
  std::string control;
  for (std::string line; std::getline(lines, line);) control += line.substr(std::min<size_t>(line.size(), 4)) + "\n";
  const std::string config = R"({"http": {"listen": "127.0.0.1:0"}, "agents": []})";
  const std::string program = read_file(std::string(OPS_BUILD_DIR) + "/ops-meta");
  return make_agent_tarball(control, {{"falcon-agent", program}, {"cfg.json", config}, {"mark", mark}});
}

}  // namespace ops::tests
