#!/usr/bin/env bash
# dev.sh VERB: builds, tests, measures and packs both daemons. ./control calls it in a checkout; it lies on no box.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'TEXT'

In a checkout:
  build      build both daemons to build/, installing what is missing with apt
  test       build and run all tests; more arguments go to ctest
  test crash build, and break an update at every single system call, which takes a while; more arguments go to GoogleTest
  test fuzz [SECONDS]
             build the fuzzers with clang, and let each look for input that breaks a parser, for a minute or so many seconds
  test soak  build, and run 100 upgrades, 100 rollbacks, 10,000 rounds and a download of 5 minutes
  test rollout
             build, and roll releases out to a million simulated hosts, good ones and bad: an hour and a half, or
             OPS_ROLLOUT_HOSTS=N hosts, every OPS_ROLLOUT_INTERVAL=S seconds instead of 300; more arguments go to GoogleTest
  bench      measure both daemons, ops-meta next to nginx: bench [heartbeats] [tarballs] [idle] [--rounds N] [--seconds S]
  bench admission
             measure what it costs to decide whether a host may change to a version, among a million hosts; --hosts N
  bench tls  measure heartbeats over TLS, with sessions resumed and with full handshakes; --seconds S
  bench scale
             fill an ops-meta with a million hosts, then list, download, stall, restart: half an hour; --hosts N --seconds S for less
  demo       run both daemons on this machine, deploying a small agent; demo stop ends it
  pack       make the two tarballs to put on boxes, the same bytes wherever it is done, and a .sha256 of each
  clean      remove build/

build and test take --sanitize address,undefined or --sanitize thread, and then work in build/address-undefined or build/thread.
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

# One version of clang-format and clang for all suites: another version formats the same sources in another way.
readonly llvm=19
readonly build_packages=(cmake ninja-build g++ dpkg-dev pkgconf libssl-dev zlib1g-dev libzstd-dev nlohmann-json3-dev
    libspdlog-dev libfmt-dev libarchive-dev libacl1-dev)
readonly test_packages=("${build_packages[@]}" libgtest-dev shellcheck "clang-format-$llvm" file curl git minisign openssl
    chromium chromium-driver)
readonly fuzz_packages=("${build_packages[@]}" "clang-$llvm" "libclang-rt-$llvm-dev")
readonly bench_packages=("${test_packages[@]}" libpcre2-8-0) # which nginx wants
readonly demo_packages=("${build_packages[@]}" curl)

# as_root COMMAND...: runs it as root; fails when that can't be.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        return 1
    fi
}

# need PACKAGE...: installs those that are missing. Without any, it does nothing and touches no network.
need() {
    local missing=() package
    type dpkg-query apt-get >/dev/null 2>&1 || die "no apt here, so install by hand: cmake 3.25, ninja, g++ 12, pkgconf," \
        "and static OpenSSL, zlib, libarchive, libacl, libcurl, and nlohmann-json, spdlog, cpp-httplib 0.18, GoogleTest; then" \
        "cmake -G Ninja -B build -DCMAKE_PREFIX_PATH=WHERE && ninja -C build"
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    as_root true || die "some packages are missing; as root: apt-get update && apt-get install -y ${missing[*]}"
    say "Installing with apt: ${missing[*]}"
    mkdir -p build
    as_root apt-get -q update >build/apt.log 2>&1 || say "apt-get update failed; going on with what apt knows"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" 2>&1 |
        tee -a build/apt.log | apt_progress || {
        tail -n 15 build/apt.log >&2
        die "apt can't install all of: ${missing[*]}"
    }
}

# apt_progress: reads the output of apt-get install, and prints how much it fetches and a line for each 25 packages.
apt_progress() {
    awk '
        / newly installed, / { for (i = 1; i <= NF; ++i) if ($i == "newly") total = $(i - 1) }
        /^Need to get / { print "  " $0; fflush() }
        /^Get:/ && ++fetched % 25 == 0 { printf "  %d of %d packages are fetched\n", fetched, total; fflush() }
        /^Unpacking / && ++unpacked % 25 == 0 { printf "  %d of %d packages are unpacked\n", unpacked, total; fflush() }'
}

# parse_sanitize ARGUMENT...: sets `sanitize`, `folder`, and `rest` to what is left.
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
            *) usage_error "--sanitize takes address,undefined or thread" ;;
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
    [[ ${#rest[@]} -eq 0 ]] || usage_error "build takes no ${rest[0]}"
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

# fetch_program FOLDER FILE PACKAGE...: build/deps/FOLDER/FILE out of the first of these Debian packages that holds it. The
# package is unpacked and not installed, so that no service starts.
fetch_program() {
    local at=$PWD/build/deps/$1 log=$PWD/build/deps/$1.log file=$2
    shift 2
    [[ ! -x $at/$file ]] || return 0
    say "Fetching $file of Debian's $* (once)"
    mkdir -p "$PWD/build/deps"
    : >"$log"
    unpack_first "$@" || { as_root apt-get -q update >>"$log" 2>&1 && unpack_first "$@"; } ||
        die "no $file in Debian's $*: $(tail -n 1 "$log")"
}

# unpack_first PACKAGE...: to $at, the first one that can be downloaded and holds $file.
unpack_first() {
    local package
    for package in "$@"; do
        rm -rf "$at"
        mkdir -p "$at"
        (cd "$at" && apt-get -q -o APT::Sandbox::User=root download "$package" && dpkg -x ./*.deb . && rm -f ./*.deb) >>"$log" 2>&1 ||
            continue
        [[ ! -x $at/$file ]] || return 0
        echo "$package holds no $file" >>"$log"
    done
    return 1
}

configure_tests() {
    if [[ -f $folder/build.ninja ]]; then
        configure -DOPS_TESTS=ON >/dev/null
    else
        configure -DOPS_TESTS=ON
    fi
}

# fuzz_one PROGRAM SECONDS: what it finds is added to a corpus of its own.
fuzz_one() {
    local name=${1##*/fuzz_} log at=build/fuzz
    log=$at/$name.log
    mkdir -p "$at/corpus/$name" "$at/found"
    "$1" -max_total_time="$2" -timeout=10 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$at/found/$name-" \
        "$at/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 || {
        grep -vE '^(#[0-9]|INFO|NEW)' "$log" | tail -n 40 >&2
        die "fuzz_$name broke, see $log; the input is in $at/found/, and $1 FILE repeats it"
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
    [[ $seconds =~ ^[0-9]+$ ]] || usage_error "test fuzz takes a number of seconds"
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
    parse_sanitize "$@"
    need "${test_packages[@]}"
    # An agent of another project, which an end-to-end test deploys.
    fetch_program node-exporter usr/bin/prometheus-node-exporter prometheus-node-exporter
    # The judge of both daemons' metrics.
    fetch_program prometheus usr/bin/promtool promtool prometheus
    configure_tests
    cmake --build "$folder"
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
    if [[ ${rest[0]:-} == crash ]]; then
        OPS_SWEEP=${OPS_SWEEP:-full} exec "$folder/tests/crash_tests" "${rest[@]:1}"
    fi
    if [[ ${rest[0]:-} == soak ]]; then
        OPS_SOAK=full exec "$folder/tests/e2e_tests" --gtest_filter='Soak.*:Update.ThatDownloads*' "${rest[@]:1}"
    fi
    if [[ ${rest[0]:-} == rollout ]]; then
        export OPS_ROLLOUT_HOSTS=${OPS_ROLLOUT_HOSTS:-1000000} OPS_ROLLOUT_INTERVAL=${OPS_ROLLOUT_INTERVAL:-300}
        exec "$folder/tests/rollout_tests" "${rest[@]:1}"
    fi
    exec ctest --test-dir "$folder" --output-on-failure --parallel 4 "${rest[@]}"
}

bench() {
    parse_sanitize
    need "${bench_packages[@]}"
    fetch_program nginx usr/sbin/nginx nginx
    configure_tests >/dev/null
    cmake --build "$folder" --target ops-meta ops-updater bench
    exec "$folder/tests/bench" --nginx "$PWD/build/deps/nginx/usr/sbin/nginx" "$@"
}

pack() {
    need "${build_packages[@]}"
    parse_sanitize
    build_daemons
    local version time name at
    read -r version < <(build/ops-meta -v)
    time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)}
    for name in ops-meta ops-updater; do
        at=build/pack/$name
        rm -rf "$at"
        mkdir -p "$at"
        strip -o "$at/$name" "build/$name"
        cp control "$at/control"
        cp "cmake/$name.service" "$at/"
        if [[ $name == ops-meta ]]; then cp cfg.example.json "$at/"; else cp updater/cfg.example.json "$at/"; fi
        chmod 755 "$at/$name" "$at/control"
        chmod 644 "$at/$name.service" "$at/cfg.example.json"
        # One commit gives the same bytes, on every machine of one Debian release.
        (cd "$at" && tar --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - -- *) |
            gzip -9n >"build/$name-$version.tar.gz"
        (cd build && sha256sum "$name-$version.tar.gz" >"$name-$version.tar.gz.sha256")
        say "build/$name-$version.tar.gz  $(($(stat -c %s "$at/$name") / 1000)) kB stripped"
    done
}

# ---- the demo ----

readonly demo=build/demo

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        [[ $port != "${1:-}" ]] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    done
    echo "$port"
}

demo_fail() {
    local name
    echo "demo: $*" >&2
    for name in ops-meta ops-updater; do
        echo "--- $demo/$name/var/app.log" >&2
        tail -n 15 "$demo/$name/var/app.log" >&2 || true
    done
    echo "The daemons are left as they are; ./control demo stop stops them." >&2
    exit 1
}

# Each is stopped by its own control: the updater first, or it would start the agent anew.
demo_stop() {
    local agent
    [[ -d $demo ]] || { say "no demo here"; return; }
    if [[ -x $demo/ops-updater/control ]]; then "$demo/ops-updater/control" stop; fi
    for agent in "$demo"/ops-updater/demo-agent/*/control; do
        [[ -x $agent && $("$agent" status) == started ]] || continue
        "$agent" stop
        say "demo-agent stopped"
    done
    if [[ -x $demo/ops-meta/control ]]; then "$demo/ops-meta/control" stop; fi
}

# demo_publish VERSION: puts the agent's tarball and its checksum where ops-meta serves them.
demo_publish() {
    local at=$demo/ops-meta/tarball/demo-agent name=demo-agent-$1.tar.gz
    mkdir -p "$at"
    tar -C tests/support/demo-agent -czf "$at/$name" agent control
    (cd "$at" && md5sum "$name" >"$name.md5")
}

demo_meta_config() {
    cat <<JSON
{
    "debug": true,
    "tarballDir": "./tarball",
    "http": {"enabled": true, "listen": "127.0.0.1:$2"},
    "agents": [
        {
            "default": {
                "name": "demo-agent",
                "version": "$1",
                "tarball": "http://127.0.0.1:$2/demo-agent",
                "md5": "",
                "cmd": "start"
            },
            "others": []
        }
    ]
}
JSON
}

demo_updater_config() {
    cat <<JSON
{
    "debug": true,
    "hostname": "demo-host",
    "server": "127.0.0.1:$1",
    "interval": 1,
    "probation": 2,
    "http": {"enabled": true, "listen": "127.0.0.1:$2"}
}
JSON
}

# demo_await URL VERSION: until ops-meta says that the agent runs in this version.
demo_await() {
    local status="" deadline=$((SECONDS + 60))
    until [[ $status == *" $2 started "* ]]; do
        [[ $SECONDS -lt $deadline ]] || demo_fail "version $2 of the agent did not arrive within a minute"
        sleep 0.1
        status=$(curl -sS --max-time 2 "$1" 2>/dev/null) || true
    done
    say "      $status"
}

demo_start() {
    local name meta updater status
    need "${demo_packages[@]}"
    parse_sanitize
    build_daemons
    [[ ! -d $demo ]] || demo_stop
    rm -rf "$demo"
    for name in ops-meta ops-updater; do
        mkdir -p "$demo/$name"
        cp "build/$name" control "$demo/$name/"
    done
    meta=$(free_port)
    updater=$(free_port "$meta")
    demo_updater_config "$meta" "$updater" >"$demo/ops-updater/cfg.json"
    status=http://127.0.0.1:$meta/status/text/demo-agent

    say ""
    say "1. Publishing two versions of demo-agent in $demo/ops-meta/tarball/"
    demo_publish 1.0.0
    demo_publish 2.0.0
    say "2. Starting ops-meta, whose cfg.json asks for demo-agent 1.0.0, and ops-updater, which asks ops-meta every second"
    demo_meta_config 1.0.0 "$meta" >"$demo/ops-meta/cfg.json"
    for name in ops-meta ops-updater; do
        "$demo/$name/control" start | sed 's/^/      /' || demo_fail "$name does not start"
    done
    say "3. Waiting until version 1.0.0 has been fetched, checked, unpacked and started (host, version, status, time):"
    demo_await "$status" 1.0.0
    say "4. Changing the version in $demo/ops-meta/cfg.json to 2.0.0, and reloading it"
    demo_meta_config 2.0.0 "$meta" >"$demo/ops-meta/cfg.json"
    "$demo/ops-meta/control" reload >/dev/null 2>&1 || demo_fail "ops-meta does not reload its config"
    say "5. Waiting until version 2.0.0 has replaced it:"
    demo_await "$status" 2.0.0
    cat <<TEXT

It works, and is left running. To look at:
  $status  who runs what
  http://127.0.0.1:$meta/status/json/demo-agent  the same, for programs
  http://127.0.0.1:$meta/health                  ok
  http://127.0.0.1:$meta/demo-agent/             the tarballs
  http://127.0.0.1:$updater/agents                  what the updater knows of its agents
  $demo/ops-updater/demo-agent/            what it put on the disk
  $demo/ops-meta/control tail              a log; ops-updater has the same
To stop it: ./control demo stop
TEXT
}

verb=${1:-help}
[[ $# -eq 0 ]] || shift
case $verb in
    build) build "$@" ;;
    test) run_tests "$@" ;;
    bench) bench "$@" ;;
    pack) pack ;;
    clean) rm -rf build ;;
    version) sed -n 's/^project(ops VERSION \([^ ]*\).*/\1, a checkout of the sources/p' CMakeLists.txt ;;
    demo)
        case ${1:-start} in
            start) demo_start ;;
            stop) demo_stop ;;
            *) usage_error "demo, or demo stop" ;;
        esac
        ;;
    help) usage ;;
    *) usage_error "no verb $verb; ./control help lists them" ;;
esac
