// The entry point that libFuzzer calls, for one target.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  ops::fuzz::OPS_FUZZ_TARGET({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
