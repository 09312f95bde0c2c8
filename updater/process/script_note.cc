#include "updater/process/script_note.h"

#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace ops::updater {

namespace {

constexpr size_t kMaxNote = 64;

}  // namespace

std::optional<Process> read_script_note(const std::string& path) {
  const auto text = read_file(path, kMaxNote);
  if (!text) return std::nullopt;
  const std::string_view line = trim(*text);
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto pid = parse_number(line.substr(0, space));
  const auto ticks = parse_number(line.substr(space + 1));
  if (!pid || !ticks || *pid > INT32_MAX) return std::nullopt;
  return Process{static_cast<pid_t>(*pid), 0, *ticks};
}

ScriptNote::ScriptNote(std::string path) : path_(std::move(path)) { write({0, 0, ticks_since_boot()}); }

void ScriptNote::started(pid_t script) const { write({script, 0, start_ticks_of(script)}); }

void ScriptNote::ended() const {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void ScriptNote::write(const Process& script) const {
  if (path_.empty()) return;
  if (auto written = write_note(path_, cat(script.pid, " ", script.start_ticks, "\n")); !written) {
    log::warning(written.error().message, "; if the updater ends now, the next one may not wait for ./control");
  }
}

}  // namespace ops::updater
