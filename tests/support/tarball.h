#pragma once

// Tarballs, good ones and evil ones.

#include <map>
#include <string>
#include <vector>

namespace ops::tests {

struct Entry {
  enum class Kind { file, folder, symlink, hardlink, device, fifo };

  std::string name;
  std::string content;  // of a file; of a link its target
  unsigned mode = 0644;
  Kind kind = Kind::file;
};

/// The bytes of a .tar.gz with just these entries, whatever their names.
std::string make_tarball(const std::vector<Entry>& entries);

/// The .tar.gz of an agent: an executable control of this text, and the other files.
std::string make_agent_tarball(const std::string& control, const std::map<std::string, std::string>& files = {});

/// The demo agent, which behaves well. `mark` makes its content differ.
std::string demo_agent_tarball(const std::string& mark = "");

/// 32 hex digits.
std::string md5_hex(const std::string& bytes);

}  // namespace ops::tests
