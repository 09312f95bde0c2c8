#pragma once

// Checks the text of an agent's `control` script. The kernel reads the interpreter from its first line, like "#!/bin/bash".

#include <string>
#include <string_view>
#include <vector>

namespace ops {

/// Why no host can run the script; "" when the text shows no such fault.
std::string fault_of_control(std::string_view text);

/// Likely mistakes in the text, one line each.
std::vector<std::string> warnings_about_control(std::string_view text);

/// The interpreter in the first line that this machine does not have: "/bin/nosuch", or "nosuch" for "#!/usr/bin/env nosuch".
/// "" when it exists or has a relative path.
std::string missing_interpreter(std::string_view text);

}  // namespace ops
