#pragma once

// Work whose need of memory a release or a reply decides.

#include <new>

#include "common/base/result.h"

namespace ops::updater {

inline constexpr char kOutOfMemory[] = "the updater cannot get the memory that this takes";

/// What `work` returns, a Result; the error above when memory runs out in it. Out of a thread, the exception would end the
/// daemon.
template <typename Work>
auto or_out_of_memory(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{kOutOfMemory};
  }
}

}  // namespace ops::updater
