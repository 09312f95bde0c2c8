#pragma once

// The history of the fleet: what changed, when, and by which operator. /events, `./control log` and the page show it
// (meta/reports/event_list.h).
//
// ops-meta keeps the last 10,000 events in memory and in var/events, one JSON object per line, the newest last:
//
//   {"id":1447000000123456,"time":1447000000,"kind":"begin","agent":"falcon-agent","version":"3.1.3","host":"h1",
//    "text":"falcon-agent 3.1.3: the rollout begins with h1; 0 hosts run it"}
//
//   kind              the event                                                                      agent version host by
//   reload            cfg.json came into force; one event per agent whose entry changed              (1)                 x
//   reload-failed     cfg.json was read again and is bad: the config before stays in force                               x
//   halt-by-hand      ./control halt                                                                 x     x             x
//   resume-by-hand    ./control resume                                                               x     x             x
//   begin             the first host of a rollout got its lease                                      x     x       x
//   halt              a rollout halted by rule                                                       x     x
//   continue          a halted rollout continues                                                     x     x       x
//   end               no host is left that changes to the release, or cfg.json no longer names it    x     x
//   failure           a release failed on a host, for the first time there; 10 hosts per rollout     x     x       x
//
// `id` is the time of the event in microseconds since 1970, raised if needed, so that each id is above the one before, also
// after a restart and a step of the clock. `by` is the user of the client on the owner socket, its address, or "SIGHUP". It is
// missing for a change of cfg.json that ops-meta finds when it starts. (1) Missing when the reload changed no agent's entry.
//
// An event is appended to the file by the main thread, within a second. So a heartbeat never waits for the disk, and a kill
// loses the events of the last second at most. A line that a crash or a full disk cut is ignored when the file is read. When
// the file has twice as many lines as events are kept, a new file with these replaces it by a rename.
//
// Rejected: a thread of its own, because the main thread waits almost always; and a file that is rewritten for each event.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ops::meta {

inline constexpr char kEventsFile[] = "var/events";

enum class EventKind { reload, reload_failed, halt_by_hand, resume_by_hand, begin, halt, resume, end, failure };

/// "reload-failed", "continue"
std::string_view to_word(EventKind kind);
std::optional<EventKind> to_event_kind(std::string_view word);
/// All words, as a list for a message.
std::string event_kinds();

struct Event {
  EventKind kind = EventKind::reload;
  std::string agent = {};
  std::string version = {};
  std::string host = {};
  std::string by = {};
  std::string text = {};
  int64_t time = 0;  // seconds since 1970
  int64_t id = 0;

  bool operator==(const Event&) const = default;
};

/// Appends the event as a JSON object. Members that are empty are left out.
void append_json(std::string& to, const Event& event);

struct EventQuery {
  std::optional<int64_t> since;  // an id
  std::string agent;             // "": all
  std::optional<EventKind> kind;
  size_t limit = 100;
};

struct FoundEvents {
  std::vector<std::shared_ptr<const Event>> events;  // the newest last
  int64_t next = 0;                                  // the `since` of the query for later events
};

/// Thread-safe, but for keep_in() and flush().
class EventLog {
 public:
  static constexpr size_t kMaxEvents = 10'000;
  static constexpr size_t kMaxBytes = 8 << 20;  // of all texts
  static constexpr size_t kMaxText = 2000;      // bytes of one text

  /// `wake` makes the main thread call flush(). To be called before any thread calls add().
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Reads the events in the file, and keeps all further events there. A missing file is empty. To be called before any thread
  /// calls add().
  void keep_in(std::string path);

  /// Sets the id, and the time unless it is set. Cuts the text, and replaces control characters in it. Never waits for the
  /// disk.
  void add(Event event);

  /// Writes new events to the file. If that fails, logs one warning, and the next flush() tries again.
  void flush();

  /// With `since`, the first events after it; otherwise the last ones.
  FoundEvents find(const EventQuery& query) const;

  /// All events.
  std::vector<std::shared_ptr<const Event>> all() const;

 private:
  void append(std::shared_ptr<const Event> event);
  void write(const std::vector<std::shared_ptr<const Event>>& fresh);

  std::function<void()> wake_;

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Event>> events_;  // guarded by mutex_; the oldest first
  size_t bytes_ = 0;                                 // guarded by mutex_; of the texts
  int64_t last_id_ = 0;                              // guarded by mutex_

  // Used by the main thread only:
  std::string path_;  // "" to keep no file
  int64_t written_id_ = 0;
  size_t lines_ = 0;      // in the file
  size_t file_size_ = 0;  // bytes
  bool is_cut_ = false;   // the last line of the file may be incomplete
  bool is_failing_ = false;
};

}  // namespace ops::meta
