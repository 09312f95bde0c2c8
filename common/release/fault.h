#pragma once

// Why a release cannot be used.

#include <optional>
#include <string>
#include <utility>

#include "common/base/result.h"

namespace ops {

/// The cause of an error: the release (a retry is useless until the release changes) or the host (a retry may succeed).
enum class ReleaseFault { release, host };

struct ReleaseError {
  ReleaseFault fault;
  Error error;
};

/// nullopt is success.
using ReleaseOutcome = std::optional<ReleaseError>;

inline ReleaseOutcome release_fault(std::string message) { return ReleaseError{ReleaseFault::release, {std::move(message)}}; }
inline ReleaseOutcome host_fault(std::string message) { return ReleaseError{ReleaseFault::host, {std::move(message)}}; }
inline ReleaseOutcome host_fault(Error error) { return ReleaseError{ReleaseFault::host, std::move(error)}; }

}  // namespace ops
