#pragma once

// The examples in the manual, so that tests can run them. The manual is README.md and its chapters.

#include <string>

namespace ops::tests {

inline constexpr const char* kChapters[] = {"README.md",        "meta/README.md",  "updater/README.md",
                                            "common/README.md", "tests/README.md", "CONTRIBUTING.md"};  // in English

/// The text of all chapters.
std::string manual();

/// The code lines of the manual that begin with this command, as a script.
std::string manual_lines(const std::string& command);

/// The code block of the manual that begins with this line, without its indentation.
std::string manual_block(const std::string& first_line);

/// The .tar.gz of an agent with the control script of the manual. Its program, falcon-agent, is a copy of ops-meta, because
/// ops-meta stays in the foreground. Another `mark` makes another content.
std::string manual_agent_tarball(const std::string& mark = "");

}  // namespace ops::tests
