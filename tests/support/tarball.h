#pragma once

// Makes tarballs: good ones, and malformed or malicious ones.

#include <map>
#include <string>
#include <vector>

namespace ops::tests {

struct Entry {
  enum class Kind { file, folder, symlink, hardlink, device, fifo };

  std::string name;
  std::string content;  // the bytes of a file, or the target of a link
  unsigned mode = 0644;
  Kind kind = Kind::file;
};

/// The bytes of a .tar.gz with exactly these entries. Their names are not checked.
std::string make_tarball(const std::vector<Entry>& entries);

/// The .tar.gz of an agent with this control script and these executable files.
std::string make_agent_tarball(const std::string& control, const std::map<std::string, std::string>& files = {});

/// The demo agent, which follows the control contract. Another `mark` makes another content.
std::string demo_agent_tarball(const std::string& mark = "");

/// The content of a file of the demo agent: "control" or "agent".
std::string demo_agent_file(const std::string& name);

/// An agent whose start succeeds but starts nothing: its status stays "stoped".
std::string agent_tarball_that_never_starts();

/// 32 hex digits.
std::string md5_hex(const std::string& bytes);

}  // namespace ops::tests
