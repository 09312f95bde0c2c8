#include "updater/agent/folder_list.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace ops::updater {

namespace fs = std::filesystem;

/// What one thread has found. The thread shares it, because the thread may outlive the list.
struct FolderList::Walk {
  std::mutex mutex;
  std::condition_variable has_ended;
  std::vector<std::string> found;  // the thread's until it has ended
  std::string at;                  // the folder that the thread looks into; guarded by mutex
  bool ended = false;              // guarded by mutex
  bool given_up = false;           // the thread ends at the next folder; guarded by mutex

  /// Returns false when the thread should end.
  bool look_into(const std::string& name) {
    const std::lock_guard lock(mutex);
    at = name;
    return !given_up;
  }

  void run(const Layout& layout, const std::vector<std::string>& skipped) {
    std::error_code error;
    for (fs::directory_iterator entry(layout.root(), error), end; !error && entry != end; entry.increment(error)) {
      const std::string name = entry->path().filename();
      if (!may_be_agent(name) || std::find(skipped.begin(), skipped.end(), name) != skipped.end()) continue;
      if (!look_into(name)) break;
      const bool is_agent = ::access(layout.version_file(name).c_str(), F_OK) == 0;
      if (!look_into("")) break;
      if (is_agent) found.push_back(name);
    }
    const std::lock_guard lock(mutex);
    ended = true;
    has_ended.notify_all();
  }

  /// The folder in which the thread still waits after `patience`; nullopt when it has ended.
  std::optional<std::string> wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex);
    if (has_ended.wait_for(lock, patience, [&] { return ended; })) return std::nullopt;
    given_up = true;
    return at;
  }

  bool is_running() {
    const std::lock_guard lock(mutex);
    return !ended;
  }
};

std::vector<std::string> FolderList::read(std::chrono::milliseconds patience) {
  std::erase_if(stuck_, [](const auto& entry) { return !entry.second->is_running(); });
  for (;;) {
    std::vector<std::string> skipped;
    for (const auto& [name, walk] : stuck_) skipped.push_back(name);
    if (std::find(skipped.begin(), skipped.end(), "") != skipped.end()) return last_;
    const auto walk = std::make_shared<Walk>();
    try {
      std::thread([walk, layout = layout_, skipped] { walk->run(layout, skipped); }).detach();
    } catch (const std::system_error&) {
      return last_;  // the host lacks threads; the next pass tries again
    }
    if (const auto stuck = walk->wait(patience)) {
      stuck_.emplace_back(*stuck, walk);
      continue;
    }
    last_ = std::move(walk->found);
    last_.insert(last_.end(), skipped.begin(), skipped.end());
    std::sort(last_.begin(), last_.end());
    return last_;
  }
}

}  // namespace ops::updater
