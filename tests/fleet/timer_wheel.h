#pragma once

// A timer wheel: a million timers at 8 bytes each, with a resolution of 1 ms.

#include <cstdint>
#include <vector>

namespace ops::fleet {

/// Holds at most one timer for each id below `size`.
class TimerWheel {
 public:
  explicit TimerWheel(uint32_t size) : heads_(kSlots, kNone), next_(size, kNone), at_(size) {}

  /// Sets the timer of an id that has none. `time` is in milliseconds, on the clock of advance(). A time in the past expires at
  /// the next advance().
  void set(uint32_t id, int64_t time);

  /// Calls due(id, time) for each timer that expires up to `now`, in the order of their times. due() may set the timer again.
  template <typename Due>
  void advance(int64_t now, const Due& due) {
    while (passed_ < now) {
      ++passed_;
      uint32_t id = heads_[slot(passed_)];
      heads_[slot(passed_)] = kNone;
      while (id != kNone) {
        const uint32_t next = next_[id];
        if (at_[id] <= passed_) {
          due(id, at_[id]);
        } else {
          link(id);  // expires in a later turn of the wheel
        }
        id = next;
      }
    }
  }

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  static constexpr size_t kSlots = 1 << 19;  // of 1 ms: one turn takes nine minutes

  static size_t slot(int64_t time) { return static_cast<size_t>(time) % kSlots; }
  void link(uint32_t id) {
    uint32_t& head = heads_[slot(at_[id])];
    next_[id] = head;
    head = id;
  }

  std::vector<uint32_t> heads_;  // by slot: the first id of its list
  std::vector<uint32_t> next_;   // by id: the next id of the list
  std::vector<uint32_t> at_;     // by id: the time of its timer
  int64_t passed_ = -1;          // the last processed millisecond
};

inline void TimerWheel::set(uint32_t id, int64_t time) {
  at_[id] = static_cast<uint32_t>(time > passed_ ? time : passed_ + 1);
  link(id);
}

}  // namespace ops::fleet
