#include "common/protocol/phase.h"

#include <gtest/gtest.h>

namespace ops::tests {
namespace {

TEST(Phase, OfItsWordIsThePhaseItself) {
  for (const Phase phase : kPhases) EXPECT_EQ(to_phase(to_word(phase)), phase) << to_word(phase);
}

TEST(Phase, HasTheWordsOfTheProtocol) {
  std::string words;
  for (const Phase phase : kPhases) words.append(to_word(phase)).append(" ");
  EXPECT_EQ(words, "waiting downloading verifying unpacking switching probation failed rolled-back held other ");
  EXPECT_EQ(to_word(Phase::idle), "");
}

TEST(Phase, OfAnUnknownWordIsOther) {
  for (const char* word : {"", "dancing", "Failed", "rolled_back", " held"}) EXPECT_EQ(to_phase(word), Phase::other) << word;
}

TEST(Phase, HasFailedWhenFailedOrRolledBack) {
  for (const Phase phase : kPhases) {
    EXPECT_EQ(has_failed(phase), phase == Phase::failed || phase == Phase::rolled_back) << to_word(phase);
  }
}

}  // namespace
}  // namespace ops::tests
