#!/usr/bin/env bash
# dev.sh VERB [WORD...]: builds, tests, measures and packs both daemons. ./control runs it in a checkout; hosts do not have it.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'

In a checkout of the sources:
  build      build both daemons in build/, after installing missing packages with apt
  test [CTEST_OPTION...]
             build and run all tests
  test tidy  run clang-tidy on all sources; `test` runs it only on the sources that differ from main
  test crash [GTEST_OPTION...]
             run the fault tests at every system call of an update
  test fuzz [SECONDS]
             run each fuzzer for 60 s, or SECONDS
  test soak [GTEST_OPTION...]
             run 100 upgrades, 100 rollbacks, 10,000 rounds and a download of 5 minutes
  test rollout [GTEST_OPTION...]
             roll out good and bad releases to 1,000,000 simulated hosts, about 90 minutes. OPS_ROLLOUT_HOSTS=N sets the
             number of hosts, OPS_ROLLOUT_INTERVAL=S the seconds between heartbeats (default: 300)
  test suites [SUITE...]
             run the demo, README's commands and all tests in bare systems of Debian 12 and 13, as root and as an ordinary
             user, about an hour. It needs root and debootstrap
  bench [heartbeats] [tarballs] [idle] [--rounds N] [--seconds S]
             measure both daemons, and nginx for comparison
  bench admission [--hosts N]
             measure the rollout decision for one heartbeat, among 1,000,000 hosts
  bench tls [--seconds S]
             measure heartbeats over TLS, with resumed sessions and with full handshakes
  bench scale [--hosts N] [--seconds S]
             fill an ops-meta with 1,000,000 hosts, then list, download, stall and restart: about 30 minutes
  demo       run both daemons here, deploy a small agent and upgrade it
  demo stop  stop the demo
  pack       build the two tarballs and the two Debian packages for hosts, each with a .sha256
  release VERSION [-s SECRET_KEY]
             check the version and CHANGELOG.md, run all tests, pack, sign each file with minisign, and print what to tag
  clean      remove build/

build and test take --sanitize address,undefined or --sanitize thread, and then use build/address-undefined or build/thread.
TEXT
}

say() { echo "$*"; }
die() {
    echo "$*" >&2
    exit 1
}
usage_error() {
    echo "$*" >&2
    exit 2
}

# One version of clang, clang-format and clang-tidy everywhere: other versions format and warn differently.
readonly llvm=19
readonly build_packages=(cmake ninja-build g++ dpkg-dev pkgconf libssl-dev libc-ares-dev zlib1g-dev libzstd-dev nlohmann-json3-dev
    libspdlog-dev libfmt-dev libarchive-dev libacl1-dev)
readonly test_packages=("${build_packages[@]}" libgtest-dev shellcheck "clang-format-$llvm" file curl git minisign openssl strace
    e2fsprogs chromium chromium-driver lintian)
readonly fuzz_packages=("${build_packages[@]}" "clang-$llvm" "libclang-rt-$llvm-dev")
readonly bench_packages=("${test_packages[@]}" libpcre2-8-0) # nginx needs libpcre2
readonly demo_packages=("${build_packages[@]}" curl)

# as_root COMMAND...: runs it as root, with sudo if necessary; fails when neither is possible.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        return 1
    fi
}

# need PACKAGE...: installs the missing packages. When all are installed, it uses no network.
need() {
    local missing=() package
    type dpkg-query apt-get >/dev/null 2>&1 || die "apt-get is missing, so packages cannot be installed. Install by hand:" \
        "cmake 3.25, ninja, g++ 12, pkgconf, static OpenSSL, c-ares, zlib, libarchive, libacl and libcurl, and nlohmann-json, spdlog and" \
        "GoogleTest; then: cmake -G Ninja -B build -DCMAKE_PREFIX_PATH=FOLDER && ninja -C build"
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    as_root true || die "packages are missing; run as root: apt-get update && apt-get install -y ${missing[*]}"
    say "Installing with apt: ${missing[*]}"
    mkdir -p build
    as_root apt-get -q update >build/apt.log 2>&1 || say "apt-get update failed (see build/apt.log); trying with the old package lists"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" 2>&1 |
        tee -a build/apt.log | apt_progress || {
        tail -n 15 build/apt.log >&2
        die "apt-get could not install ${missing[*]}; see build/apt.log"
    }
}

# apt_progress: reads the output of apt-get install; prints the download size and a line for each 25 packages.
apt_progress() {
    awk '
        / newly installed, / { for (i = 1; i <= NF; ++i) if ($i == "newly") total = $(i - 1) }
        /^Need to get / { print "  " $0; fflush() }
        /^Get:/ && ++fetched % 25 == 0 { printf "  %d of %d packages fetched\n", fetched, total; fflush() }
        /^Unpacking / && ++unpacked % 25 == 0 { printf "  %d of %d packages unpacked\n", unpacked, total; fflush() }'
}

# parse_sanitize WORD...: sets `sanitize`, `folder` and, to all other words, `rest`.
parse_sanitize() {
    sanitize="" folder=build rest=()
    while [[ $# -gt 0 ]]; do
        if [[ $1 != --sanitize ]]; then
            rest+=("$1")
            shift
            continue
        fi
        case ${2:-} in
            address,undefined | thread) sanitize=$2 folder=build/${2//,/-} ;;
            *) usage_error "--sanitize needs address,undefined or thread" ;;
        esac
        shift 2
    done
}

configure() {
    cmake -G Ninja -S . -B "$folder" -DOPS_DEPS_DIR="$PWD/build/deps" -DOPS_SANITIZE="$sanitize" "$@"
}

build() {
    local name
    parse_sanitize "$@"
    [[ ${#rest[@]} -eq 0 ]] || usage_error "build does not take \"${rest[0]}\"; see ./control build --help"
    need "${build_packages[@]}"
    build_daemons
    for name in ops-meta ops-updater; do
        say "$folder/$name  $(($(stat -c %s "$folder/$name") / 1000000)) MB, debug symbols included"
    done
}

build_daemons() {
    [[ -f $folder/build.ninja ]] || configure
    cmake --build "$folder" --target ops-meta ops-updater
}

# fetch_program FOLDER FILE PACKAGE...: gets build/deps/FOLDER/FILE from the first of these Debian packages that contains it. It
# unpacks the package, and the libraries that this machine lacks, and does not install them, so that no service starts.
fetch_program() {
    local at=$PWD/build/deps/$1 log=$PWD/build/deps/$1.log file=$2
    shift 2
    [[ ! -x $at/$file ]] || return 0
    say "Fetching $file from the Debian package $* (once)"
    mkdir -p "$PWD/build/deps"
    : >"$log"
    unpack_first "$@" || { as_root apt-get -q update >>"$log" 2>&1 && unpack_first "$@"; } ||
        die "cannot get $file from the Debian packages $* (see $log): $(tail -n 1 "$log")"
}

# unpack_first PACKAGE...: unpacks to $at the first package that can be downloaded and contains $file.
unpack_first() {
    local package library
    for package in "$@"; do
        rm -rf "$at"
        mkdir -p "$at"
        (cd "$at" && apt-get -q -o APT::Sandbox::User=root download "$package" &&
            for library in $(missing_libraries "$package"); do apt-get -q -o APT::Sandbox::User=root download "$library" || :; done &&
            for deb in *.deb; do dpkg -x "$deb" . || exit; done && rm -f ./*.deb) >>"$log" 2>&1 || continue
        [[ ! -x $at/$file ]] || return 0
        echo "$package does not contain $file" >>"$log"
    done
    return 1
}

# missing_libraries PACKAGE: the libraries that the package depends on and that are not installed.
missing_libraries() {
    local library
    apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$1" |
        grep -E '^lib[^:]*[0-9](t64)?$' | while read -r library; do
        dpkg-query -W -f '${db:Status-Status}' "$library" 2>/dev/null | grep -qx installed || echo "$library"
    done
}

configure_tests() {
    if [[ -f $folder/build.ninja ]]; then configure -DOPS_TESTS=ON >/dev/null; else configure -DOPS_TESTS=ON; fi
}

# fuzz_one PROGRAM SECONDS: new inputs go to build/fuzz/corpus, inputs that fail to build/fuzz/found.
fuzz_one() {
    local name=${1##*/fuzz_} log at=build/fuzz
    log=$at/$name.log
    mkdir -p "$at/corpus/$name" "$at/found"
    "$1" -max_total_time="$2" -timeout=10 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$at/found/$name-" \
        "$at/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 || {
        grep -vE '^(#[0-9]|INFO|NEW)' "$log" | tail -n 40 >&2
        die "fuzz_$name failed, see $log. To repeat: $1 $at/found/FILE"
    }
    awk -v name="$name" '
        /^INFO: Loaded/ { for (i = 1; i <= NF; ++i) if ($i ~ /^\([0-9]+$/) all = substr($i, 2) }
        / cov: / { for (i = 1; i < NF; ++i) if ($i == "cov:") covered = $(i + 1) }
        /average_exec_per_sec/ { speed = $2 }
        /number_of_executed_units/ { runs = $2 }
        END { printf "%-18s %10d executions %7d a second, %5d of %d edges\n", name, runs, speed, covered, all }' "$log"
}

fuzz() {
    local program seconds=${1:-60} running=0 broken=0
    [[ $seconds =~ ^[0-9]+$ ]] || usage_error "test fuzz needs a whole number of seconds, not \"$seconds\""
    need "${fuzz_packages[@]}"
    [[ -f build/fuzz/build.ninja ]] || folder=build/fuzz sanitize=fuzzer-no-link,address,undefined \
        configure -DCMAKE_CXX_COMPILER="clang++-$llvm" -DOPS_FUZZ=ON
    cmake --build build/fuzz
    for program in build/fuzz/tests/fuzz/fuzz_*; do
        if [[ ! -x $program || -d $program ]]; then continue; fi
        if ((running == $(nproc))); then
            wait -n || broken=1
            running=$((running - 1))
        fi
        fuzz_one "$program" "$seconds" &
        running=$((running + 1))
    done
    for (( ; running > 0; --running)); do wait -n || broken=1; done
    return "$broken"
}

run_tests() {
    if [[ ${1:-} == fuzz ]]; then
        fuzz "${@:2}"
        return
    fi
    [[ ${1:-} != suites ]] || exec cmake/suites.sh "${@:2}"
    parse_sanitize "$@"
    if [[ ${rest[0]:-} == tidy ]]; then
        need "${build_packages[@]}" libgtest-dev git "clang-tidy-$llvm"
        configure_tests
        exec tests/tidy --all "$folder"
    fi
    need "${test_packages[@]}"
    # This package is big, so it is installed only when there is a source to check.
    [[ -z $(tests/tidy --list) ]] || need "clang-tidy-$llvm"
    # tests/e2e/real_agent_test.cc deploys this agent of another project.
    fetch_program node-exporter usr/bin/prometheus-node-exporter prometheus-node-exporter
    # promtool checks the metrics of both daemons.
    fetch_program prometheus usr/bin/promtool promtool prometheus
    # tests/e2e/proxy_test.cc puts these in front of ops-meta.
    fetch_program nginx usr/sbin/nginx nginx
    fetch_program haproxy usr/sbin/haproxy haproxy
    configure_tests
    cmake --build "$folder"
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    case ${rest[0]:-} in
        crash) OPS_SWEEP=${OPS_SWEEP:-full} exec "$folder/tests/crash_tests" "${rest[@]:1}" ;;
        soak) OPS_SOAK=full exec "$folder/tests/e2e_tests" --gtest_filter='Soak.*:Update.ThatDownloads*' "${rest[@]:1}" ;;
        rollout)
            export OPS_ROLLOUT_HOSTS=${OPS_ROLLOUT_HOSTS:-1000000} OPS_ROLLOUT_INTERVAL=${OPS_ROLLOUT_INTERVAL:-300}
            "$folder/tests/fleet_tests" --gtest_filter='SimulatedRollout.*'
            exec "$folder/tests/rollout_tests" "${rest[@]:1}"
            ;;
    esac
    run_ctest "${rest[@]}"
}

# run_ctest [CTEST_OPTION...]: runs the tests, 4 at a time. A slow machine can miss a test's deadline while other tests run. So
# up to 5 failed tests run a second time, one at a time. In a build with sanitizers a failure is final: races show rarely.
run_ctest() {
    local code=0 failed=() list=$folder/Testing/Temporary/LastTestsFailed.log
    ctest --test-dir "$folder" --output-on-failure --parallel 4 "$@" || code=$?
    if [[ $code -eq 8 && -z $sanitize ]]; then mapfile -t failed < <(sed 's/^[0-9]*://' "$list"); fi
    [[ ${#failed[@]} -gt 0 && ${#failed[@]} -le 5 ]] || return "$code"
    say "Failed; these tests run again, one at a time: ${failed[*]}"
    ctest --test-dir "$folder" --output-on-failure --rerun-failed
    say "Failed beside other tests and passed alone: ${failed[*]}"
}

bench() {
    parse_sanitize
    need "${bench_packages[@]}"
    fetch_program nginx usr/sbin/nginx nginx
    configure_tests >/dev/null
    cmake --build "$folder" --target ops-meta ops-updater bench
    exec "$folder/tests/bench" --nginx "$PWD/build/deps/nginx/usr/sbin/nginx" "$@"
}

# curl_source: the folder with the source of curl that the last build used.
curl_source() {
    local prefix
    prefix=$(sed -n 's/^CURL_DIR:[^=]*=//p' build/CMakeCache.txt)
    echo "${prefix%/prefix/*}/source/curl"
}

pack() {
    need "${build_packages[@]}"
    parse_sanitize
    build_daemons
    local version time name at arch
    read -r version < <(build/ops-meta -v)
    arch=$(dpkg --print-architecture)
    time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)}
    for name in ops-meta ops-updater; do
        at=build/pack/$name
        rm -rf "$at"
        mkdir -p "$at"
        strip -o "$at/$name" "build/$name"
        cp control "$at/control"
        cp "cmake/$name.service" "$at/"
        if [[ $name == ops-meta ]]; then cp cfg.example.json meta/{verbs.sh,alerts.yml,grafana-dashboard.json} "$at/"; else cp updater/{cfg.example.json,verbs.sh} "$at/"; fi
        chmod 644 "$at"/*
        chmod 755 "$at/$name" "$at/control"
        # One commit gives the same bytes on all machines with the same Debian release and updates.
        (cd "$at" && tar --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - -- *) |
            gzip -9n >"build/$name-$version.tar.gz"
        (cd build && sha256sum "$name-$version.tar.gz" >"$name-$version.tar.gz.sha256")
        say "build/$name-$version.tar.gz  $(($(stat -c %s "$at/$name") / 1000)) kB stripped"
        cmake/deb.sh "$name" "$version" "$arch" "$time" "$at/$name" "$(curl_source)" build
        say "build/${name}_${version}_$arch.deb"
    done
}

# no_words VERB WORD...: refuses all words.
no_words() { [[ $# -eq 1 ]] || usage_error "$1 does not take \"$2\"; see ./control $1 --help"; }

verb=${1:-help}
[[ $# -eq 0 ]] || shift
case $verb in
    build) build "$@" ;;
    test) run_tests "$@" ;;
    bench) bench "$@" ;;
    pack) no_words pack "$@" && pack ;;
    release) exec cmake/release.sh "$@" ;;
    clean) no_words clean "$@" && rm -rf build ;;
    version)
        no_words version "$@"
        sed -n 's/^project(ops VERSION \([^ ]*\).*/\1, a checkout of the sources/p' CMakeLists.txt
        ;;
    demo)
        [[ ${1:-} == stop ]] || no_words demo "$@"
        [[ ${1:-} != stop ]] || no_words "demo stop" "${@:2}"
        # shellcheck source-path=SCRIPTDIR source=demo.sh
        . cmake/demo.sh
        demo_"${1:-start}"
        ;;
    help) usage ;;
    *) usage_error "unknown verb \"$verb\"; ./control help lists the verbs" ;;
esac
