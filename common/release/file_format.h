#pragma once

// Names the format of a file that should be a .tar.gz and is not.

#include <string>
#include <string_view>

namespace ops {

/// Bytes of a file's beginning that format_of wants to see, if there are so many.
inline constexpr size_t kFormatHead = 512;

bool is_gzip(std::string_view head);

/// "an .xz file", "a .tar without compression"; "" when the format is not known here.
std::string format_of(std::string_view head);

}  // namespace ops
