#pragma once

// A file system with little space.

#include <string>

#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A tmpfs of `megabytes`, until the destructor unmounts it. Mounting needs root. Without root this is a plain folder and
/// is_small() is false; tests then use a limit or a size that no disk satisfies.
class SmallDisk {
 public:
  explicit SmallDisk(int megabytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool is_small() const { return is_mounted_; }
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  TempDir folder_;
  std::string path_;
  bool is_mounted_ = false;
};

}  // namespace ops::tests
