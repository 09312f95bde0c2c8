#pragma once

// A folder whose file system does not answer, like an NFS mount without its server.

#include <string>

namespace ops::tests {

/// Mounts a FUSE file system without a server over the folder: each process that looks into it waits until the destructor
/// unmounts it. Needs root and /dev/fuse.
class HungFolder {
 public:
  explicit HungFolder(const std::string& path);
  ~HungFolder();
  HungFolder(const HungFolder&) = delete;
  HungFolder& operator=(const HungFolder&) = delete;

  /// Why the folder does not hang; "" when it hangs.
  const std::string& failure() const { return failure_; }

 private:
  std::string path_;
  std::string failure_;
  int device_ = -1;
};

}  // namespace ops::tests
