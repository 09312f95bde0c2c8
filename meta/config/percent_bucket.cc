#include "meta/config/percent_bucket.h"

#include <cmath>

namespace ops::meta {

uint32_t bucket_of(std::string_view agent, std::string_view hostname) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](char byte) { hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3; };
  for (const char byte : agent) add(byte);
  add('\0');
  for (const char byte : hostname) add(byte);
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return static_cast<uint32_t>((hash ^ (hash >> 31)) % 10'000);
}

bool is_in_share(std::string_view agent, std::string_view hostname, double percent) {
  return bucket_of(agent, hostname) < std::lround(percent * 100);
}

}  // namespace ops::meta
