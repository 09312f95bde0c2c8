#pragma once

// The command line of `fleet`.

#include <string>
#include <variant>
#include <vector>

#include "tests/fleet/download.h"
#include "tests/fleet/fleet.h"
#include "tests/fleet/slow_clients.h"

namespace ops::fleet {

struct CommandLine {
  std::variant<FleetOptions, SlowClientOptions, DownloadOptions> run;
  std::string json_file;  // "" for none
};

/// Parses the arguments. The error names the wrong argument and its fault.
Result<CommandLine> parse_command_line(const std::vector<std::string>& words);

std::string usage_text();

}  // namespace ops::fleet
