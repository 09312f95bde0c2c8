#pragma once

// An agent's `control`, judged by its text. A kernel runs it by its first line, "#!/bin/bash".

#include <string>
#include <string_view>
#include <vector>

namespace ops {

/// Why no host can run it; "" when its text does not say so.
std::string fault_of_control(std::string_view text);

/// What is odd about it, a line each.
std::vector<std::string> warnings_about_control(std::string_view text);

/// The first program that its first line needs and that this machine has not: "/bin/nosuch", or, of "#!/usr/bin/env nosuch",
/// "nosuch". "" when all are there, or it names them by relative paths.
std::string missing_interpreter(std::string_view text);

}  // namespace ops
