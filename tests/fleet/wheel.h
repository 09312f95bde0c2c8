#pragma once

// Who is due when: a million alarms at 8 bytes each.

#include <cstdint>
#include <vector>

namespace ops::fleet {

class Wheel {
 public:
  explicit Wheel(uint32_t size) : heads_(kSlots, kNobody), next_(size, kNobody), at_(size) {}

  /// `time` is in milliseconds, the same clock as in `advance`; what is past is due at the next advance. Each id has one alarm
  /// at most.
  void set(uint32_t id, int64_t time);

  /// Calls due(id, time) for each alarm up to `now`, in their order of milliseconds. Its alarm is over then, and may be set
  /// anew.
  template <typename Due>
  void advance(int64_t now, const Due& due) {
    while (passed_ < now) {
      ++passed_;
      uint32_t id = heads_[slot(passed_)];
      heads_[slot(passed_)] = kNobody;
      while (id != kNobody) {
        const uint32_t next = next_[id];
        if (at_[id] <= passed_) {
          due(id, at_[id]);
        } else {
          link(id);  // a round of the wheel later
        }
        id = next;
      }
    }
  }

 private:
  static constexpr uint32_t kNobody = ~uint32_t{0};
  static constexpr size_t kSlots = 1 << 19;  // nine minutes

  static size_t slot(int64_t time) { return static_cast<size_t>(time) % kSlots; }
  void link(uint32_t id) {
    uint32_t& head = heads_[slot(at_[id])];
    next_[id] = head;
    head = id;
  }

  std::vector<uint32_t> heads_;
  std::vector<uint32_t> next_;
  std::vector<uint32_t> at_;
  int64_t passed_ = -1;
};

inline void Wheel::set(uint32_t id, int64_t time) {
  at_[id] = static_cast<uint32_t>(time > passed_ ? time : passed_ + 1);
  link(id);
}

}  // namespace ops::fleet
