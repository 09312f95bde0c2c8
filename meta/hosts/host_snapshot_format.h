#pragma once

// The parts of the format of host_snapshot.h that its writer and its reader share.

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "meta/hosts/host_table.h"

namespace ops::meta::host_snapshot {

static_assert(std::endian::native == std::endian::little);

inline constexpr std::string_view kMagic = "OPSHOSTS";
inline constexpr uint32_t kFormat = 3;
inline constexpr uint32_t kFormatWithoutHealth = 2;
inline constexpr size_t kFormatAt = kMagic.size();
inline constexpr size_t kSavedAtAt = kFormatAt + sizeof(uint32_t);
inline constexpr size_t kHostsAt = kSavedAtAt + sizeof(uint64_t);
inline constexpr size_t kChecksumSize = sizeof(uint64_t);

template <typename Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

template <typename Number>
Number number_at(std::string_view bytes, size_t at) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

inline uint64_t to_seconds(HostTable::TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<uint64_t>(std::max<int64_t>(seconds, 0));
}

inline HostTable::TimePoint to_time(uint64_t seconds) {
  return HostTable::TimePoint(std::chrono::seconds(std::min<uint64_t>(seconds, UINT32_MAX)));
}

}  // namespace ops::meta::host_snapshot
