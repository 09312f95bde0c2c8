#pragma once

#include <string>

namespace ops::meta {

/// Orders versions like Debian: "~" sorts before everything, even the end of the version, so that 1.0~rc1 is older than 1.0.
bool is_older(const std::string& version, const std::string& than);

}  // namespace ops::meta
