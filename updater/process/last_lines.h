#pragma once

#include <string>
#include <string_view>

namespace ops::updater {

/// The last five lines of a script's output, as one line of at most 300 bytes, for error texts: "reading cfg | port 80 is
/// taken".
std::string last_lines(std::string_view printed);

}  // namespace ops::updater
