#pragma once

#include <string>

namespace ops::tests {

/// The README's lines that begin with this command, as a script.
std::string manual_lines(const std::string& command);

/// The .tar.gz of an agent with the control that README.md recommends. Its program, falcon-agent, is one that stays in the
/// foreground: ops-meta. `mark` makes its content differ.
std::string manual_agent_tarball(const std::string& mark = "");

}  // namespace ops::tests
