#pragma once

// File systems that refuse what a plain disk permits. They need root and mounts. Where the machine lacks something, problem()
// says what; a test asserts that it is "".

#include <string>

#include "tests/support/temp_dir.h"

namespace ops::tests {

/// A mounted file system. The destructor unmounts it.
class Mounted {
 public:
  ~Mounted();
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& problem() const { return problem_; }

 protected:
  Mounted();

  TempDir folder_;
  std::string path_;
  std::string problem_ = "it is not mounted";
};

/// ext4 in a file of `megabytes`, mounted through a loop device.
class LoopDisk : public Mounted {
 public:
  explicit LoopDisk(int megabytes);
};

/// An overlayfs, as of a container. Files below lower() belong to its image: write them before mount().
class Overlay : public Mounted {
 public:
  std::string lower() const { return folder_ / "lower"; }
  void mount();
};

/// Makes a file or folder immutable, as `chattr +i` does, until the destructor runs.
class Immutable {
 public:
  explicit Immutable(const std::string& path);
  ~Immutable();
  Immutable(const Immutable&) = delete;
  Immutable& operator=(const Immutable&) = delete;

  const std::string& problem() const { return problem_; }

 private:
  std::string path_;
  std::string problem_;
};

/// Removes the immutable attribute. Returns a reason when that fails.
std::string make_mutable(const std::string& path);

}  // namespace ops::tests
