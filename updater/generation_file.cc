#include "updater/generation_file.h"

#include <cstddef>

#include "common/base/file.h"
#include "common/base/text.h"

namespace ops::updater {

int64_t saved_generation() {
  constexpr size_t kMaxSize = 64;  // bytes
  const auto text = read_file(kGenerationFile, kMaxSize);
  const auto number = text ? parse_number(trim(*text)) : std::nullopt;
  return number && *number <= INT64_MAX ? static_cast<int64_t>(*number) : 0;
}

Result<void> save_generation(int64_t generation) { return replace_file(kGenerationFile, cat(generation, "\n"), 0600); }

}  // namespace ops::updater
