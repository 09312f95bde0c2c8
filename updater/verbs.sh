# shellcheck shell=bash
# verbs.sh: the verbs of ./control that only ops-updater has: try, hold, unhold and retry. control sources it in ops-updater's
# folder, and provides `verb`, `me` and `daemon` and the functions say, die, usage_error, expect_words, absolute, serving_pid
# and send.

# need_agent AGENT: sets `agent`. A misspelt name must not create a folder.
need_agent() {
    agent=${1%/} # shell completion appends the slash
    [[ $agent =~ ^[A-Za-z0-9][A-Za-z0-9._+-]*$ && $agent != var ]] ||
        usage_error "\"$agent\" is no agent name: $verb needs the name of an agent's folder in $PWD"
    [[ -d $agent ]] || die "there is no agent $agent in $PWD"
}

# SIGHUP makes the updater look at all agents. An updater that does not run looks when it starts.
look_now() {
    local pid
    if pid=$(serving_pid); then send HUP "$pid"; fi
}

hold() { # AGENT [REASON...]
    local agent
    need_agent "$1"
    shift
    printf '%s\n' "${*:-by hand, no reason given}" >"$agent/.hold.new"
    [[ ! -d $agent/.hold ]] || rm -rf "$agent/.hold"
    mv "$agent/.hold.new" "$agent/.hold"
    look_now
    say "$agent is held; $me unhold $agent ends the hold"
}

unhold() { # AGENT
    local agent
    need_agent "$1"
    rm -rf "$agent/.hold"
    look_now
    say "$agent is no longer held"
}

retry() { # AGENT
    local agent
    need_agent "$1"
    [[ -e $agent/.retry ]] || : >"$agent/.retry"
    look_now
    say "$agent: ops-updater clears the latched failure and all pauses, and tries again"
}

run_own_verb() {
    case $verb in
        try) expect_words 1 99 "$@" && exec "${daemon[@]}" --try "$(absolute "$1")" "${@:2}" ;;
        hold) expect_words 1 9999 "$@" && hold "$@" ;;
        unhold | retry) expect_words 1 1 "$@" && "$verb" "$1" ;;
    esac
}
