#pragma once

// Numbers in messages for people.

#include <cstdint>
#include <string>
#include <string_view>

namespace ops {

/// "1,000,000"
std::string grouped(uint64_t number);

/// "1 host", "2,000 hosts": the number and its noun, whose plural ends in "s".
std::string counted(uint64_t number, std::string_view noun);

}  // namespace ops
