#!/usr/bin/env bash
# quiet-link.sh COMMAND...: runs the linker, and removes glibc's warnings that a static getaddrinfo or dlopen needs the shared
# libraries of glibc. The warnings do not apply: the daemons call neither (common/http/resolver.h). Newer linkers add a note to
# each warning. All other output passes.
"$@" 2>&1 | sed -e '/: in function /{N;/ in statically linked applications requires /d}' \
    -e '/ in statically linked applications requires /d' \
    -e '/note: the message above does not take linker garbage collection into account/d'
exit "${PIPESTATUS[0]}"
