#pragma once

// Programs that run in a mount namespace of their own: a test mounts there without a trace on the machine.

#include <string>
#include <vector>

namespace ops::tests {

/// The words of a command without its program: append a program and its arguments. The program runs in a new mount namespace,
/// after `prepare`, lines for sh with "set -e". `unshare_options` add further namespaces, like {"--pid", "--fork"}. Needs root,
/// or a machine that permits user namespaces; elsewhere the command prints what it lacks and exits with 1. In a chroot, it
/// works only if the mounts of the chroot are private: else a mount would be seen outside.
std::vector<std::string> own_mounts(const std::string& prepare = "", const std::vector<std::string>& unshare_options = {});

}  // namespace ops::tests
