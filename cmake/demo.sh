# shellcheck shell=bash
# demo.sh: `./control demo` and `./control demo stop`. cmake/dev.sh sources it, and provides say, need, parse_sanitize and
# build_daemons.

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
    echo "The daemons may still run; ./control demo stop stops them." >&2
    exit 1
}

# Stops the updater before the agent: it would start the agent again.
demo_stop() {
    local agent
    [[ -d $demo ]] || { say "no demo runs here"; return; }
    if [[ -x $demo/ops-updater/control ]]; then "$demo/ops-updater/control" stop; fi
    for agent in "$demo"/ops-updater/demo-agent/*/control; do
        [[ -x $agent && $("$agent" status) == started ]] || continue
        "$agent" stop
        say "demo-agent stopped"
    done
    if [[ -x $demo/ops-meta/control ]]; then "$demo/ops-meta/control" stop; fi
}

# demo_publish VERSION: puts the agent's tarball and checksum below ops-meta's tarballDir.
demo_publish() {
    local at=$demo/ops-meta/tarball/demo-agent name=demo-agent-$1.tar.gz
    mkdir -p "$at"
    tar -C tests/support/demo-agent -czf "$at/$name" agent control
    (cd "$at" && md5sum "$name" >"$name.md5")
}

demo_meta_config() { # VERSION PORT
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

demo_updater_config() { # META_PORT PORT
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

# demo_await URL VERSION: waits until ops-meta lists the agent as started in this version.
demo_await() {
    local status="" deadline=$((SECONDS + 60))
    until [[ $status == *" $2 started "* ]]; do
        [[ $SECONDS -lt $deadline ]] || demo_fail "demo-agent $2 was not started within 60 s"
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
    cp meta/verbs.sh "$demo/ops-meta/"
    cp updater/verbs.sh "$demo/ops-updater/"
    meta=$(free_port)
    updater=$(free_port "$meta")
    demo_updater_config "$meta" "$updater" >"$demo/ops-updater/cfg.json"
    status=http://127.0.0.1:$meta/status/text/demo-agent

    say ""
    say "1. Publishing two versions of demo-agent in $demo/ops-meta/tarball/"
    demo_publish 1.0.0
    demo_publish 2.0.0
    say "2. Starting ops-meta, whose cfg.json names demo-agent 1.0.0, and ops-updater, which sends a heartbeat every second"
    demo_meta_config 1.0.0 "$meta" >"$demo/ops-meta/cfg.json"
    for name in ops-meta ops-updater; do
        "$demo/$name/control" start | sed 's/^/      /' || demo_fail "$name did not start"
    done
    say "3. Waiting until ops-updater has downloaded, verified, unpacked and started 1.0.0 (host, version, status, time):"
    demo_await "$status" 1.0.0
    say "4. Changing the version in $demo/ops-meta/cfg.json to 2.0.0, and reloading it"
    demo_meta_config 2.0.0 "$meta" >"$demo/ops-meta/cfg.json"
    "$demo/ops-meta/control" reload >/dev/null || demo_fail "ops-meta did not reload its config"
    say "5. Waiting until 2.0.0 has replaced 1.0.0:"
    demo_await "$status" 2.0.0
    cat <<TEXT

Both daemons still run. Look at:
  $status  each host's version and status
  http://127.0.0.1:$meta/status/json/demo-agent  the same, for programs
  http://127.0.0.1:$meta/health                  ok
  http://127.0.0.1:$meta/demo-agent/             the tarballs
  http://127.0.0.1:$updater/agents                  the state of each agent on this host
  $demo/ops-updater/demo-agent/            the files that the updater installed
  $demo/ops-meta/control tail              follow the log; ops-updater has the same verb
To stop the demo: ./control demo stop
TEXT
}
