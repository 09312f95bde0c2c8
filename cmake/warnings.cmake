# Warnings are errors, in our own targets only: third-party headers come in as system headers.
add_library(ops_warnings INTERFACE)
target_compile_options(ops_warnings INTERFACE
  -Werror -Wall -Wextra -Wpedantic
  -Wshadow                 # a name that hides another
  -Wconversion             # a number that may not fit where it goes (byte counts, times)
  -Wold-style-cast         # (int)x says nothing of what it does
  -Wnon-virtual-dtor
  -Woverloaded-virtual     # httplib is extended by overriding: a signature that doesn't match must not pass
  -Wextra-semi
  -Wcast-qual
  -Wformat=2
  -Wmissing-declarations   # a function no header declares belongs in an unnamed namespace
  -Wno-missing-field-initializers)  # every member of ours has its default

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ops_warnings INTERFACE
    -Wlogical-op -Wduplicated-cond -Wduplicated-branches  # clang has none of them
    -Wno-restrict)  # gcc 12 sees an overlapping memcpy in `"text" + std::string` at -O2 (gcc bug 105651)
  if(OPS_SANITIZE)
    # With sanitizers on, gcc loses track of what is initialised and warns of what is not so; and -Wtsan is about fences
    # inside the standard library.
    target_compile_options(ops_warnings INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
  endif()
else()
  target_compile_options(ops_warnings INTERFACE -Wno-sign-conversion)  # clang counts it to -Wconversion, gcc does not in C++
endif()
