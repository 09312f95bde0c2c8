#include "updater/error_throttle.h"

#include <cctype>

#include "common/base/log.h"

namespace ops::updater {

namespace {

constexpr auto kLogAgainAfter = std::chrono::hours(1);

}  // namespace

void ErrorThrottle::warn(const std::string& topic, const std::string& error) {
  std::string text = error;
  std::erase_if(text, [](unsigned char c) { return std::isdigit(c); });
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  auto& [last, when] = last_[topic];
  if (last == text && now - when < kLogAgainAfter) return;
  last = std::move(text);
  when = now;
  log::warning(error);
}

}  // namespace ops::updater
