#include "meta/reports/local_times.h"

#include <ctime>

namespace ops::meta {

namespace {

constexpr size_t kSecondsSize = 2;

std::string local_time(int64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  char text[64];
  if (::localtime_r(&time, &parts) == nullptr) return "-";
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return std::string(text, length);
}

/// The text that all seconds of the minute have in common; "" if there is none.
std::string minute_text(int64_t first_second) {
  std::string first = local_time(first_second);
  std::string last = local_time(first_second + 59);
  if (!first.ends_with("00") || !last.ends_with("59")) return {};
  first.resize(first.size() - kSecondsSize);
  last.resize(last.size() - kSecondsSize);
  return first == last ? first : std::string();
}

}  // namespace

void LocalTimes::append(std::string& to, int64_t seconds) {
  if (seconds < 0 || seconds > INT64_MAX - 60) {
    to += local_time(seconds);
    return;
  }
  const int64_t number = seconds / 60;
  const int64_t second = seconds % 60;
  Minute& minute = minutes_[static_cast<size_t>(number) % minutes_.size()];
  if (minute.number != number) minute = {number, minute_text(number * 60)};
  if (minute.text.empty()) {
    to += local_time(seconds);
    return;
  }
  to += minute.text;
  to += static_cast<char>('0' + second / 10);
  to += static_cast<char>('0' + second % 10);
}

}  // namespace ops::meta
