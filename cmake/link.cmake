# How our targets are linked: wholly static, glibc included, or dynamic with sanitizers (the two don't mix).
set(OPS_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, address,undefined or thread")

add_library(ops_link INTERFACE)
# The standard library checks its bounds, and unused functions of the static libraries are dropped.
target_compile_options(ops_link INTERFACE -D_GLIBCXX_ASSERTIONS -ffunction-sections -fdata-sections)
target_link_options(ops_link INTERFACE -Wl,--gc-sections)
# No path of this machine gets into a binary, by an assertion's __FILE__ or as debug information: the same sources give the same
# bytes wherever they lie. The last map that fits counts.
target_compile_options(ops_link INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
  -ffile-prefix-map=${ops_deps}=deps)

if(OPS_SANITIZE)
  # -O1 compiles twice as fast here, and keeps backtraces readable.
  target_compile_options(ops_link INTERFACE -O1 -fsanitize=${OPS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ops_link INTERFACE -fsanitize=${OPS_SANITIZE})
  if(OPS_SANITIZE MATCHES undefined)
    # To look at a vptr it opens a pipe, which a host without descriptors refuses: then every object is of a wrong type.
    target_compile_options(ops_link INTERFACE -fno-sanitize=vptr)
  endif()
else()
  # Both daemons talk to the network: the cheap protections are on.
  target_compile_options(ops_link INTERFACE -fstack-protector-strong
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)  # wants -O
  target_link_options(ops_link INTERFACE -static)
  set_property(GLOBAL PROPERTY RULE_LAUNCH_LINK "bash '${CMAKE_CURRENT_LIST_DIR}/quiet-link.sh'")
endif()
