#pragma once

// Lists the installed agents, without waiting for a file system that hangs.

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "updater/model/layout.h"

namespace ops::updater {

class FolderList {
 public:
  /// `layout` must outlive the list.
  explicit FolderList(const Layout& layout) : layout_(layout) {}

  /// The names of all installed agents (folders with a .version), sorted. A thread looks into the folders. If a folder (an NFS
  /// mount without its server) blocks the thread for longer than `patience`, another thread looks into all other folders. The
  /// blocked folder counts as an agent's until its thread returns. So a folder that hangs costs `patience` once, and one
  /// thread. While the updater's own folder hangs, returns the last list.
  std::vector<std::string> read(std::chrono::milliseconds patience);

 private:
  struct Walk;

  const Layout& layout_;
  std::vector<std::string> last_;
  std::vector<std::pair<std::string, std::shared_ptr<Walk>>> stuck_;  // by the folder ("": the updater's own)
};

}  // namespace ops::updater
