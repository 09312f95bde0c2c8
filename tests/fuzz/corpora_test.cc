// Every input of the corpora, and prefixes of it, keep all properties. The corpora include the inputs that a fuzzer found
// faults with.

#include <gtest/gtest.h>

#include "tests/fuzz/targets.h"
#include "tests/support/temp_dir.h"

namespace ops::tests {
namespace {

class Corpus : public testing::TestWithParam<fuzz::Target> {};

TEST_P(Corpus, KeepsAllProperties) {
  const std::string folder = std::string(OPS_SOURCE_DIR) + "/tests/fuzz/corpus/" + GetParam().name;
  const auto files = list(folder);
  EXPECT_FALSE(files.empty()) << folder;
  for (const std::string& file : files) {
    const std::string bytes = read_file(folder + "/" + file);
    const size_t step = bytes.size() / 200 + 1;
    for (size_t size = 0; size < bytes.size(); size += step) GetParam().run(std::string_view(bytes).substr(0, size));
    GetParam().run(bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Corpus, testing::ValuesIn(fuzz::targets()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace ops::tests
