#pragma once

// A folder that lives as long as a test, and plain file access.

#include <string>
#include <vector>

namespace ops::tests {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// Creates the folders above it as well.
void write_file(const std::string& path, const std::string& content, unsigned mode = 0644);

/// "" when there is none.
std::string read_file(const std::string& path);

bool exists(const std::string& path);

/// The names in a folder, sorted, "." and ".." left out.
std::vector<std::string> list(const std::string& folder);

}  // namespace ops::tests
