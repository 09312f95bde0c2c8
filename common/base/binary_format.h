#pragma once

// The parts of our binary files: numbers as LEB128 (seven bits a byte, the lowest first), signed numbers as zigzag in LEB128,
// and a checksum. meta/hosts/host_snapshot.h and meta/reports/samples_file.h describe the files.

#include <cstdint>
#include <string>
#include <string_view>

namespace ops {

/// 64-bit FNV-1a. It detects damage, not forgery: any user with write access to the file can write a matching checksum.
inline constexpr uint64_t kFnvStart = 0xcbf29ce484222325;
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t sum = kFnvStart) {
  for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  return sum;
}

constexpr uint64_t zigzag(int64_t value) { return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63); }
constexpr int64_t unzigzag(uint64_t value) { return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1)); }

inline void append_leb128(std::string& to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

/// Removes a number from the front of `bytes`. Sets `is_bad` and returns 0 if there is none.
inline uint64_t take_leb128(std::string_view& bytes, bool& is_bad) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  is_bad = true;
  return 0;
}

}  // namespace ops
