#pragma once

// Why a release cannot be taken.

#include <optional>
#include <string>
#include <utility>

#include "common/base/result.h"

namespace ops {

/// What an error is about: the release (trying again is of no use before it changes) or this host, now.
enum class ReleaseFault { release, host };

struct ReleaseError {
  ReleaseFault fault;
  Error error;
};

/// nullopt is success.
using ReleaseOutcome = std::optional<ReleaseError>;

inline ReleaseOutcome release_fault(std::string message) { return ReleaseError{ReleaseFault::release, {std::move(message)}}; }
inline ReleaseOutcome host_fault(std::string message) { return ReleaseError{ReleaseFault::host, {std::move(message)}}; }

}  // namespace ops
