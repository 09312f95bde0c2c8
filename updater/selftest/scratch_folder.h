#pragma once

#include <string>

#include "common/base/result.h"

namespace ops::updater {

/// Makes a folder in which programs may run: below $TMPDIR or /tmp, or below /var/tmp where the former is mounted noexec (as
/// hardened hosts have it). Prints which folder it does not use. The caller removes the folder.
Result<std::string> make_scratch_folder();

}  // namespace ops::updater
