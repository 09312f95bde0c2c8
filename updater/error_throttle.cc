#include "updater/error_throttle.h"

#include <cctype>

#include "common/base/log.h"

namespace ops::updater {

namespace {

constexpr auto kComplainAgain = std::chrono::hours(1);

}  // namespace

void ErrorThrottle::warn(const std::string& topic, const std::string& error) {
  std::string gist = error;
  std::erase_if(gist, [](unsigned char c) { return std::isdigit(c); });
  const auto now = Clock::now();
  auto& [last, when] = last_[topic];
  if (last == gist && now - when < kComplainAgain) return;
  last = std::move(gist);
  when = now;
  log::warning(error);
}

}  // namespace ops::updater
