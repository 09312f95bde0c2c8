#pragma once

// The command line of `fleet`.

#include <string>
#include <variant>
#include <vector>

#include "tests/fleet/download.h"
#include "tests/fleet/fleet.h"
#include "tests/fleet/stall.h"

namespace ops::fleet {

struct CommandLine {
  std::variant<FleetOptions, StallOptions, DownloadOptions> run;
  std::string json_file;  // "" for none
};

/// The error says what is wrong with which word.
Result<CommandLine> parse_command_line(const std::vector<std::string>& words);

std::string usage_text();

}  // namespace ops::fleet
