#include "tests/support/measure.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>

namespace ops::tests {

long rss_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  long kb = 0;
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> kb;
  }
  return kb;
}

void expect_flat(long growth_kb) {
  if (!kSanitized) {
    EXPECT_LT(growth_kb, 8 << 10);
  }
}

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace ops::tests
