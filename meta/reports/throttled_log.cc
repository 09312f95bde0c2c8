#include "meta/reports/throttled_log.h"

#include <algorithm>

#include "common/base/log.h"

namespace ops::meta {

namespace {

constexpr std::chrono::hours kPause{1};

/// False if the clock was set back.
bool is_within_an_hour(ThrottledLog::TimePoint then, ThrottledLog::TimePoint now) { return then <= now && now - then < kPause; }

}  // namespace

void ThrottledLog::note(const std::string& subject, TimePoint now, const std::function<std::string()>& text) {
  const std::lock_guard lock(mutex_);
  ++total_;
  auto known = entries_.find(subject);
  if (known == entries_.end()) {
    if (!has_room(now)) return;
    known = entries_.emplace(subject, Entry{}).first;
  } else if (is_within_an_hour(known->second.logged_at, now)) {
    known->second.at = now;
    return;
  }
  known->second = {text(), now, now};
  log::warning(what_, " ", subject, ": ", known->second.text);
}

/// Searches for old entries once an hour at most: subjects beyond the limit cost no search.
bool ThrottledLog::has_room(TimePoint now) {
  if (entries_.size() < kMaxSubjects) return true;
  if (is_within_an_hour(full_since_, now)) return false;
  std::erase_if(entries_, [now](const auto& entry) { return !is_within_an_hour(entry.second.at, now); });
  if (entries_.size() < kMaxSubjects) return true;
  full_since_ = now;
  log::warning(what_, " …: more than ", kMaxSubjects, " of these within an hour; the log names no new one for an hour");
  return false;
}

ThrottledLog::Recent ThrottledLog::recent(TimePoint now) const {
  const std::lock_guard lock(mutex_);
  Recent recent{total_, 0, {}};
  for (const auto& [subject, entry] : entries_) {
    if (is_within_an_hour(entry.at, now)) recent.latest.push_back({subject, entry.text, entry.at});
  }
  recent.subjects = recent.latest.size();
  std::stable_sort(recent.latest.begin(), recent.latest.end(), [](const Note& a, const Note& b) { return a.at > b.at; });
  recent.latest.resize(std::min(recent.latest.size(), kExamples));
  return recent;
}

}  // namespace ops::meta
