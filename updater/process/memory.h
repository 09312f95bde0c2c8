#pragma once

// Work that needs as much memory as a release or a reply of ops-meta decides.

#include <new>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr char kOutOfMemory[] = "out of memory: the updater cannot allocate what this step needs";

/// Returns the Result of `work`, or the error kOutOfMemory if `work` throws std::bad_alloc. Without it, the exception would
/// leave the thread and end the daemon.
template <typename Work>
auto or_out_of_memory(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory};
  }
}

}  // namespace ops::updater
