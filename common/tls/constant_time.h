#pragma once

#include <string_view>

namespace ops {

/// Whether two secrets are equal. The time that the comparison takes depends only on their lengths, so a client that measures
/// it cannot find a secret byte by byte.
bool is_equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace ops
