#pragma once

// A temporary folder, and plain file access.

#include <string>
#include <vector>

namespace ops::tests {

/// The destructor removes the folder with all its content.
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

/// Creates missing parent folders.
void write_file(const std::string& path, const std::string& content, unsigned mode = 0644);

/// The file's content; "" when it cannot be read.
std::string read_file(const std::string& path);

/// Whether the path exists. Does not follow a symbolic link.
bool exists(const std::string& path);

/// The sorted names of a folder's entries, without "." and "..".
std::vector<std::string> list(const std::string& folder);

}  // namespace ops::tests
