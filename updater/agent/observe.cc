#include "updater/agent/observe.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

#include "common/base/file.h"
#include "common/base/log.h"
#include "updater/process/control_script.h"
#include "updater/process/processes.h"

namespace ops::updater {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxSmallFile = 4096;
constexpr auto kScriptTick = std::chrono::milliseconds(50);
constexpr auto kTermGrace = std::chrono::seconds(2);

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// Reads what is known of an agent, and notes when the host fails at that.
class Look {
 public:
  bool exists(const std::string& path) {
    if (::access(path.c_str(), F_OK) == 0) return true;
    note(errno, path);
    return false;
  }

  /// A small file's content, trimmed; "" when there is none.
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

std::string read_version(const Layout& layout, const std::string& name, Look& look) {
  const std::string version = look.content_of(layout.version_file(name));
  return is_valid_version(version) ? version : std::string();
}

std::optional<std::string> read_hold(const std::string& path, Look& look) {
  if (!look.exists(path)) return std::nullopt;
  const std::string text = look.content_of(path);
  return one_line(trim(text.substr(0, text.find('\n'))), 200);
}

/// Why nothing may be done, nor even asked, in this agent's folder: what is there may be anybody's. "" when all is well.
std::string danger_around(const Layout& layout, const std::string& name) {
  const std::string danger = unsafe_permissions(layout.root());
  return danger.empty() ? unsafe_permissions(layout.agent(name)) : danger;
}

/// When a release was installed, in seconds since 1970.
int64_t modified_at(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

/// Fills in `releases` and `staging`.
void look_into_folder(const std::string& folder, Observed& seen, Look& look) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::string name = entry->path().filename();
    const bool staged = name.starts_with(Layout::kStagedPrefix);
    if (staged || name.starts_with(Layout::kDownloadPrefix)) seen.staging.push_back(name);
    if (staged) name.erase(0, sizeof Layout::kStagedPrefix - 1);
    if (!is_valid_version(name)) continue;
    const std::string mark = entry->path().string() + Layout::kInstalledFile;
    const std::string checksum = look.content_of(mark);
    const bool is_whole = !checksum.empty() && look.exists(entry->path().string() + Layout::kControlFile);
    if (is_whole) seen.releases.push_back({name, checksum, staged, modified_at(mark)});
  }
  look.note(error.value(), folder);
  std::sort(seen.staging.begin(), seen.staging.end());
  std::sort(seen.releases.begin(), seen.releases.end(),
            [](const Release& a, const Release& b) { return std::tie(a.version, a.staged) < std::tie(b.version, b.staged); });
}

}  // namespace

std::vector<std::string> installed_agents(const Layout& layout) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(layout.root(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (may_be_agent(name) && exists(layout.version_file(name))) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string status_of(const Layout& layout, const std::string& name, const std::string& version,
                      const std::stop_token& cancel) {
  const auto printed = run_control(layout.version(name, version), "status", kStatusDeadline, cancel);
  return status_line(printed ? *printed : printed.error().message);
}

Result<Observed> read_agent(const Layout& layout, const std::string& name) {
  Look look;
  Observed seen;
  seen.name = name;
  seen.version = read_version(layout, name, look);
  auto state = read_state(layout.state_file(name));
  if (!state) return state.error();
  seen.state = std::move(*state);
  seen.hold = read_hold(layout.hold_file(name), look);
  if (const std::string danger = danger_around(layout, name); !danger.empty()) seen.hold = danger;
  seen.retry_asked = look.exists(layout.retry_file(name));
  look_into_folder(layout.agent(name), seen, look);
  if (!seen.version.empty()) {
    const std::string folder = layout.version(name, seen.version);
    seen.has_control = look.exists(folder + Layout::kControlFile);
    seen.checksum = look.content_of(folder + Layout::kInstalledFile);
  }
  if (look.failure()) return *look.failure();
  return seen;
}

Result<Observed> observe_agent(const Layout& layout, const std::string& name, const std::stop_token& cancel) {
  auto seen = read_agent(layout, name);
  if (!seen || !seen->has_control) return seen;
  const std::string danger = danger_around(layout, name);
  seen->status_text = danger.empty() ? status_of(layout, name, seen->version, cancel) : danger;
  seen->status = to_status(seen->status_text);
  return seen;
}

void await_earlier_script(const Layout& layout, const std::string& name, std::chrono::milliseconds patience,
                          const std::stop_token& cancel) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + patience;
  for (pid_t told = -1, script; (script = find_control_script(layout.agent(name))) > 1 && !cancel.stop_requested();
       told = script) {
    if (script != told) log::info(name, ": waiting for the ./control, pid ", script, ", that an earlier updater began");
    const auto late = Clock::now() - deadline;
    if (late > 2 * kTermGrace) return;  // not even SIGKILL helps
    if (late > Clock::duration(0)) ::kill(-script, late > kTermGrace ? SIGKILL : SIGTERM);
    std::this_thread::sleep_for(kScriptTick);
  }
}

}  // namespace ops::updater
