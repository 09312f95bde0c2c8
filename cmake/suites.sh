#!/usr/bin/env bash
# suites.sh [SUITE...]: tries README.md in bare Debian systems, by default in bookworm and in trixie.
#
# For each suite it installs a minimal system with debootstrap in build/suites/SUITE, clones this checkout into it, and runs
#   demo         ./control demo
#   walkthrough  tests/walkthrough: README's commands for real hosts
#   test         ./control test
#   user         ./control demo, test and pack as an ordinary user, in a folder with a blank in its name, without .git
# in process and mount namespaces of its own, so that all processes end with it. The network is shared: ports 2000 and 2001 must be
# free. Packages come from the mirror that apt on this machine uses. Needs root, debootstrap and 8 GB of disk for each suite.
# The exit code is 1 if a step failed; build/suites/SUITE-STEP.log has its output.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
readonly at=$PWD/build/suites
status=0

# sources SUITE: the apt sources of this machine, for another suite.
sources() {
    local own
    own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    # shellcheck disable=SC2016 # apt expands these
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' | grep -F "$own" | sort -u |
        while read -r uri release; do echo "deb $uri ${release/"$own"/$1} main"; done
}

# install SUITE: a new minimal system in $at/SUITE, with a clone of this checkout in /root/ops and a copy in the home of `user`.
install() {
    local root=$at/$1
    rm -rf --one-file-system "$root"
    mkdir -p "$at"
    debootstrap --variant=minbase "$1" "$root" "$(sources "$1" | grep -m 1 " $1 main" | cut -d' ' -f2)" >"$at/$1-install.log" 2>&1 || {
        tail -n 5 "$at/$1-install.log" >&2
        echo "debootstrap cannot install $1, see $at/$1-install.log" >&2
        exit 1
    }
    sources "$1" >"$root/etc/apt/sources.list"
    git clone -q . "$root/root/ops"
    chroot "$root" useradd --create-home user
    mkdir "$root/home/user/my dir"
    git archive --prefix=ops/ HEAD | tar -x -C "$root/home/user/my dir"
    chroot "$root" chown -R user: /home/user
}

# run SUITE STEP COMMAND: runs a shell command in the suite's system, and prints its exit code and its time.
run() {
    local root=$at/$1 begin=$SECONDS code=0
    # shellcheck disable=SC2016 # the inner shell expands these
    unshare --mount --pid --fork --kill-child sh -c '
        mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" && mount -t proc proc "$0/proc" &&
            exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 sh -c "$1"' \
        "$root" "$3" >"$at/$1-$2.log" 2>&1 </dev/null || code=$?
    [[ $code -eq 0 ]] || status=1
    printf '%-10s %-12s exit code %d after %d s\n' "$1" "$2" "$code" "$((SECONDS - begin))"
}

[[ $EUID -eq 0 ]] || { echo "test suites needs root: it installs systems with debootstrap" >&2; exit 1; }
type debootstrap >/dev/null 2>&1 || { echo "debootstrap is missing; run: apt-get install debootstrap" >&2; exit 1; }
[[ $# -gt 0 ]] || set -- bookworm trixie
for suite in "$@"; do
    install "$suite"
    run "$suite" demo 'cd /root/ops && ./control demo && ./control demo stop'
    run "$suite" walkthrough 'cd /root/ops && tests/walkthrough'
    run "$suite" test 'cd /root/ops && ./control test'
    run "$suite" user 'exec su user -c "cd ~/my\ dir/ops && ./control demo && ./control demo stop && ./control test && ./control pack"'
done
exit "$status"
