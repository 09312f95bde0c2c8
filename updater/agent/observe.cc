#include "updater/agent/observe.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <thread>

#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/process/control_script.h"
#include "updater/process/processes.h"
#include "updater/process/script_note.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxSmallFile = 4096;
constexpr auto kScriptTick = std::chrono::milliseconds(50);

/// Reads small files and remembers the last failure of the host.
class Reader {
 public:
  bool exists(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0) return true;
    note(errno, path);
    return false;
  }

  /// The content of a file of at most kMaxSmallFile bytes, trimmed; "" if there is no such file.
  std::string content_of(const std::string& path) {
    const auto text = find_file(path, kMaxSmallFile);
    if (!text) failure_ = text.error();
    return text && *text ? std::string(trim(**text)) : std::string();
  }

  void note(int error_number, const std::string& path) {
    if (is_host_error(error_number)) failure_ = system_error("read", path, error_number);
  }

  const std::optional<Error>& failure() const { return failure_; }

 private:
  std::optional<Error> failure_;
};

std::string read_version(const Layout& layout, const std::string& name, Reader& reader) {
  const std::string version = reader.content_of(layout.version_file(name));
  return is_valid_version(version) ? version : std::string();
}

std::optional<std::string> read_hold(const std::string& path, Reader& reader) {
  if (!reader.exists(path)) return std::nullopt;
  const std::string text = reader.content_of(path);
  return one_line(trim(text.substr(0, text.find('\n'))), 200);
}

/// Why this agent's ./control must not be run: another user may write to the folders. "" if it may be run.
std::string unsafe_folders(const Layout& layout, const std::string& name) {
  const std::string reason = unsafe_path(layout.root());
  return reason.empty() ? unsafe_permissions(layout.agent(name)) : reason;
}

/// The file's modification time, seconds since 1970; 0 on error.
int64_t modified_at(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

/// Fills in `releases`, `staging` and `failed`.
void list_releases(const std::string& folder, Observed& seen, Reader& reader) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename();
    const bool staged = name.starts_with(Layout::kStagedPrefix);
    if (staged || name.starts_with(Layout::kDownloadPrefix) || name == Layout::kReserveFile) seen.staging.push_back(name);
    if (name.starts_with(Layout::kFailedPrefix)) seen.failed.push_back(name);
    if (staged) name.erase(0, sizeof Layout::kStagedPrefix - 1);
    if (!is_valid_version(name)) continue;
    const std::string mark = entry->path().string() + Layout::kInstalledFile;
    const std::string checksum = reader.content_of(mark);
    const bool is_complete = !checksum.empty() && reader.exists(entry->path().string() + Layout::kControlFile);
    if (is_complete) seen.releases.push_back({name, checksum, staged, modified_at(mark)});
  }
  reader.note(error.value(), folder);
  std::sort(seen.staging.begin(), seen.staging.end());
  std::sort(seen.releases.begin(), seen.releases.end(),
            [](const Release& a, const Release& b) { return std::tie(a.version, a.staged) < std::tie(b.version, b.staged); });
}

/// The file that shows that the version before a soak is complete. Without it there is nothing to roll back to.
std::string version_before(const Layout& layout, const std::string& name, const Soak& soak) {
  return soak.previous == soak.version ? layout.staged(name, soak.previous) + Layout::kInstalledFile
                                       : layout.version(name, soak.previous) + Layout::kControlFile;
}

/// The process group of a session leader, as kill(2) takes it; empty if `leader` is -1.
std::vector<pid_t> group_of(pid_t leader) { return leader > 1 ? std::vector<pid_t>{-leader} : std::vector<pid_t>(); }

}  // namespace

std::string status_of(const Layout& layout, const std::string& name, const std::string& version, const std::stop_token& cancel,
                      std::chrono::seconds deadline) {
  const auto printed = run_control(layout.version(name, version), "status", deadline, cancel);
  return status_line(printed ? *printed : printed.error().message);
}

Result<Observed> read_agent(const Layout& layout, const std::string& name) {
  Reader reader;
  Observed seen;
  seen.name = name;
  seen.version = read_version(layout, name, reader);
  auto state = read_state(layout.state_file(name));
  if (!state) return state.error();
  seen.state = std::move(*state);
  seen.hold = read_hold(layout.hold_file(name), reader);
  if (const std::string reason = unsafe_folders(layout, name); !reason.empty()) seen.hold = reason;
  seen.retry_asked = reader.exists(layout.retry_file(name));
  list_releases(layout.agent(name), seen, reader);
  if (!seen.version.empty()) {
    const std::string folder = layout.version(name, seen.version);
    seen.has_control = reader.exists(folder + Layout::kControlFile);
    seen.checksum = reader.content_of(folder + Layout::kInstalledFile);
  }
  if (const auto& soak = seen.state.soak; soak && !reader.exists(version_before(layout, name, *soak))) seen.state.soak.reset();
  if (reader.failure()) return *reader.failure();
  return seen;
}

Result<Observed> observe_agent(const Layout& layout, const std::string& name, const std::stop_token& cancel,
                               std::chrono::seconds deadline) {
  auto seen = read_agent(layout, name);
  if (!seen || !seen->has_control) return seen;
  const std::string reason = unsafe_folders(layout, name);
  seen->status_text = reason.empty() ? status_of(layout, name, seen->version, cancel, deadline) : reason;
  seen->status = to_status(seen->status_text);
  return seen;
}

void await_earlier_script(const Layout& layout, const std::string& name, std::chrono::milliseconds patience,
                          const std::stop_token& cancel) {
  const auto note = read_script_note(layout.script_note(name));
  if (!note || !unsafe_folders(layout, name).empty()) return;  // another user may have written the note
  const auto find_script = [&]() -> pid_t {
    if (note->pid == 0) return find_control_script(layout.agent(name), note->start_ticks);
    return is_running_script(*note) ? note->pid : -1;
  };
  const auto deadline = std::chrono::steady_clock::now() + patience;
  pid_t logged = -1;
  for (pid_t script; (script = find_script()) > 1; logged = script) {
    if (cancel.stop_requested()) return;
    if (script != logged) log::info(name, ": waiting for ./control, pid ", script, ", which an earlier updater started");
    if (std::chrono::steady_clock::now() > deadline) {
      if (note->pid != 0) terminate([&] { return group_of(find_script()); }, cancel);
      break;
    }
    std::this_thread::sleep_for(kScriptTick);
  }
  ::unlink(layout.script_note(name).c_str());
}

}  // namespace ops::updater
