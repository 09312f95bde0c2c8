# Warnings are errors in our own targets. Third-party headers are system headers, and give no warnings.
add_library(ops_warnings INTERFACE)
target_compile_options(ops_warnings INTERFACE
  -Werror -Wall -Wextra -Wpedantic
  -Wshadow                 # a name that hides an outer one
  -Wconversion             # an implicit conversion that may change a number
  -Wold-style-cast         # (int)x does not say which kind of cast it is
  -Wnon-virtual-dtor
  -Woverloaded-virtual     # a virtual function hidden by an overload
  -Wextra-semi
  -Wcast-qual
  -Wformat=2
  -Wmissing-declarations   # a function without a declaration belongs in an unnamed namespace
  -Wno-missing-field-initializers)  # our members have defaults

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ops_warnings INTERFACE
    -Wlogical-op -Wduplicated-cond -Wduplicated-branches  # gcc only
    -Wno-restrict)  # gcc 12 warns of `"text" + std::string` at -O2 (gcc bug 105651)
  if(OPS_SANITIZE)
    # With sanitizers, gcc warns of initialised variables too. -Wtsan warns of fences in the standard library.
    target_compile_options(ops_warnings INTERFACE -Wno-maybe-uninitialized -Wno-tsan)
  endif()
else()
  target_compile_options(ops_warnings INTERFACE
    -Wno-sign-conversion  # part of -Wconversion in clang, not in gcc
    # clang warns of libstdc++ 12 itself, whose std::stable_sort calls a deprecated function. gcc warns of our own calls.
    -Wno-deprecated-declarations)
endif()
