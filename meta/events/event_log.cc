#include "meta/events/event_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/base/file.h"
#include "common/base/json_writer.h"
#include "common/base/log.h"
#include "common/base/number_text.h"

namespace ops::meta {

namespace {

using Json = nlohmann::json;
using EventPointer = std::shared_ptr<const Event>;

constexpr size_t kMaxFile = 256 << 20;  // bytes; a larger file is not ours

constexpr std::array<std::string_view, 9> kWords = {"reload", "reload-failed", "halt-by-hand", "resume-by-hand", "begin",
                                                    "halt",   "continue",      "end",          "failure"};

size_t size_of(const Event& event) {
  return event.agent.size() + event.version.size() + event.host.size() + event.by.size() + event.text.size();
}

/// nullopt for a line that is cut or damaged, or of a kind of a later ops-meta.
std::optional<Event> parse_event(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  };
  const auto kind = to_event_kind(text("kind"));
  const int64_t id = number("id");
  if (!kind || id <= 0 || id == INT64_MAX) return std::nullopt;
  return Event{*kind, text("agent"), text("version"), text("host"), text("by"), text("text"), number("time"), id};
}

std::string lines_of(const std::vector<EventPointer>& events) {
  std::string lines;
  for (const EventPointer& event : events) {
    append_json(lines, *event);
    lines += '\n';
  }
  return lines;
}

Result<void> append_to(const std::string& path, const std::string& lines) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return system_error("open", path);
  if (auto written = write_all(file.get(), lines, path); !written) return written;
  if (::fdatasync(file.get()) != 0) return system_error("sync", path);
  return {};
}

}  // namespace

std::string_view to_word(EventKind kind) { return kWords[static_cast<size_t>(kind)]; }

std::optional<EventKind> to_event_kind(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  return found == kWords.end() ? std::nullopt : std::optional(static_cast<EventKind>(found - kWords.begin()));
}

std::string event_kinds() {
  std::string list;
  for (const std::string_view word : kWords) list += cat(list.empty() ? "" : ", ", word);
  return list;
}

void append_json(std::string& to, const Event& event) {
  to += '{';
  append_json_member(to, "id", event.id);
  append_json_member(to, "time", event.time);
  append_json_member(to, "kind", to_word(event.kind));
  const std::pair<const char*, const std::string&> texts[] = {
      {"agent", event.agent}, {"version", event.version}, {"host", event.host}, {"by", event.by}, {"text", event.text}};
  for (const auto& [key, text] : texts) {
    if (!text.empty()) append_json_member(to, key, text);
  }
  to += '}';
}

void EventLog::keep_in(std::string path) {
  path_ = std::move(path);
  is_cut_ = ::access(path_.c_str(), F_OK) == 0 || errno != ENOENT;
  if (!is_cut_) return;
  const auto text = read_file(path_, kMaxFile);
  if (!text) return log::warning(text.error().message, ": the history before this start is not shown");
  std::string_view rest = *text;
  file_size_ = rest.size();
  is_cut_ = !rest.empty() && rest.back() != '\n';
  const std::lock_guard lock(mutex_);
  for (; !rest.empty(); ++lines_) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    auto event = parse_event(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // A line that a failed write repeats has an earlier id.
    if (event && event->id > last_id_) append(std::make_shared<const Event>(std::move(*event)));
  }
  written_id_ = last_id_;
}

/// The caller holds mutex_.
void EventLog::append(EventPointer event) {
  last_id_ = event->id;
  bytes_ += size_of(*event);
  events_.push_back(std::move(event));
  while (events_.size() > kMaxEvents || (bytes_ > kMaxBytes && events_.size() > 1)) {
    bytes_ -= size_of(*events_.front());
    events_.pop_front();
  }
}

void EventLog::add(Event event) {
  using namespace std::chrono;
  event.text = one_line(event.text, kMaxText);
  const auto now = system_clock::now().time_since_epoch();
  if (event.time == 0) event.time = floor<seconds>(now).count();
  {
    const std::lock_guard lock(mutex_);
    event.id = std::max<int64_t>(floor<microseconds>(now).count(), last_id_ + 1);
    append(std::make_shared<const Event>(std::move(event)));
  }
  if (wake_) wake_();
}

std::vector<EventPointer> EventLog::all() const {
  const std::lock_guard lock(mutex_);
  return {events_.begin(), events_.end()};
}

void EventLog::flush() {
  std::vector<EventPointer> fresh;
  {
    const std::lock_guard lock(mutex_);
    if (last_id_ == written_id_) return;
    const auto is_old = [&](const EventPointer& event) { return event->id <= written_id_; };
    fresh.assign(std::partition_point(events_.begin(), events_.end(), is_old), events_.end());
  }
  if (path_.empty()) {
    written_id_ = fresh.back()->id;
  } else {
    write(fresh);
  }
}

void EventLog::write(const std::vector<EventPointer>& fresh) {
  const bool is_large = lines_ + fresh.size() > 2 * kMaxEvents || file_size_ > 4 * kMaxBytes;
  const std::vector<EventPointer>& written = is_large ? all() : fresh;
  std::string lines = lines_of(written);
  if (is_cut_ && !is_large) lines.insert(0, "\n");
  if (auto done = is_large ? replace_file(path_, lines, 0600) : append_to(path_, lines); !done) {
    is_cut_ = is_cut_ || !is_large;
    if (!is_failing_) {
      log::warning("the history is not saved: ", done.error().message,
                   "; ops-meta keeps it in memory, and tries again every 10 s");
    }
    is_failing_ = true;
    return;
  }
  if (is_failing_) log::info("the history is saved again in ", path_);
  is_failing_ = false;
  is_cut_ = false;
  lines_ = is_large ? written.size() : lines_ + written.size();
  file_size_ = is_large ? lines.size() : file_size_ + lines.size();
  written_id_ = written.back()->id;
}

FoundEvents EventLog::find(const EventQuery& query) const {
  const auto matches = [&](const Event& event) {
    return (query.agent.empty() || event.agent == query.agent) && (!query.kind || event.kind == *query.kind);
  };
  FoundEvents found;
  const std::lock_guard lock(mutex_);
  found.next = std::max(last_id_, query.since.value_or(0));
  if (query.since) {
    const auto is_old = [&](const EventPointer& event) { return event->id <= *query.since; };
    for (auto event = std::partition_point(events_.begin(), events_.end(), is_old); event != events_.end(); ++event) {
      if (!matches(**event)) continue;
      if (found.events.size() == query.limit) {
        found.next = found.events.empty() ? *query.since : found.events.back()->id;
        break;
      }
      found.events.push_back(*event);
    }
    return found;
  }
  for (auto event = events_.rbegin(); event != events_.rend() && found.events.size() < query.limit; ++event) {
    if (matches(**event)) found.events.push_back(*event);
  }
  std::reverse(found.events.begin(), found.events.end());
  return found;
}

}  // namespace ops::meta
