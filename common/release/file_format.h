#pragma once

// Recognizes the format of a file by its first bytes, for the error message about a file that is not a .tar.gz.

#include <string>
#include <string_view>

namespace ops {

/// The number of first bytes that format_of examines.
inline constexpr size_t kFormatHead = 512;

bool is_gzip(std::string_view head);

/// Like "an .xz file" or "a .tar without compression"; "" for an unknown format.
std::string format_of(std::string_view head);

}  // namespace ops
