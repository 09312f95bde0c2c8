# How our targets are linked: static, including glibc; or dynamic with sanitizers, which do not work in static programs.
set(OPS_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, address,undefined or thread")

add_library(ops_link INTERFACE)
# The standard library checks bounds. The linker drops unused functions of static libraries.
target_compile_options(ops_link INTERFACE -D_GLIBCXX_ASSERTIONS -ffunction-sections -fdata-sections)
target_link_options(ops_link INTERFACE -Wl,--gc-sections)
# Removes this machine's paths from __FILE__ and debug information: the same sources give the same bytes in every folder. The
# last map that matches applies.
target_compile_options(ops_link INTERFACE -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. -ffile-prefix-map=${CMAKE_BINARY_DIR}=build
  -ffile-prefix-map=${ops_deps}=deps)

if(OPS_SANITIZE)
  # -O1 compiles twice as fast as -O2 here, and keeps backtraces readable.
  target_compile_options(ops_link INTERFACE -O1 -fsanitize=${OPS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ops_link INTERFACE -fsanitize=${OPS_SANITIZE})
  if(OPS_SANITIZE MATCHES undefined)
    # The vptr check opens a pipe. In tests without free file descriptors that fails, and the check reports every object.
    target_compile_options(ops_link INTERFACE -fno-sanitize=vptr)
  endif()
else()
  # Cheap protections for daemons that read from the network.
  target_compile_options(ops_link INTERFACE -fstack-protector-strong
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)  # needs optimization
  target_link_options(ops_link INTERFACE -static)
  set_property(GLOBAL PROPERTY RULE_LAUNCH_LINK "bash '${CMAKE_CURRENT_LIST_DIR}/quiet-link.sh'")
endif()
