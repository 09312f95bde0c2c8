#include "common/base/number_text.h"

#include "common/base/text.h"

namespace ops {

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

std::string counted(uint64_t number, std::string_view noun) { return cat(grouped(number), " ", noun, number == 1 ? "" : "s"); }

}  // namespace ops
