#pragma once

// A disk that is soon full.

#include <string>

#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A tmpfs of `megabytes` for the length of a test. Mounting takes root; without it this is a plain folder, and is_small()
/// says so: tests then make the disk look full through the limits that they set.
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
