#pragma once

// The examples in README.md, so that tests can run them.

#include <string>

namespace ops::tests {

/// The code lines of README.md that begin with this command, as a script.
std::string manual_lines(const std::string& command);

/// The code block of README.md that begins with this line, without its indentation.
std::string manual_block(const std::string& first_line);

/// The .tar.gz of an agent with the control script of README.md. Its program, falcon-agent, is a copy of ops-meta, because
/// ops-meta stays in the foreground. Another `mark` makes another content.
std::string manual_agent_tarball(const std::string& mark = "");

}  // namespace ops::tests
