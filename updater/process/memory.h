#pragma once

// Work that needs as much memory as a release or a reply of ops-meta decides.

#include <malloc.h>

#include <new>

#include "common/base/result.h"

namespace ops::updater {

/// The error of a step for which an allocation failed. Gives all freed memory back to the kernel, because the updater cannot
/// start a script either while it has all the memory that it may have.
inline Error out_of_memory() {
  ::malloc_trim(0);
  return Error{"out of memory: the updater cannot allocate what this step needs"};
}

/// Returns the Result of `work`, or the error out_of_memory() if `work` throws std::bad_alloc. Without it, the exception would
/// leave the thread and end the daemon.
template <typename Work>
auto or_out_of_memory(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

}  // namespace ops::updater
