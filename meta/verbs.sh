# shellcheck shell=bash
# verbs.sh: the verbs of ./control that only ops-meta has: publish, plan, apply, wait, explain, watch, log, halt, resume and
# promote; and the question before a reload or restart. control sources it in ops-meta's folder, and provides `app`, `verb`,
# `config` and the functions say, die, usage_error, refuse_word, expect_words, absolute, need_config and serving_pid, and the arrays
# and names in control's head.

readonly refused=3 timed_out=4 no_answer=69 # exit codes; 69 stays inside this file

# ---- publish ----

# durable_move FILE FOLDER: after a power failure FOLDER holds all of FILE or nothing of it.
durable_move() {
    sync "$1"
    mv -fT -- "$1" "$2/${1##*/}"
    sync "$2"
}

check_names() { # AGENT VERSION
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$ ]] ||
        usage_error "agent name \"$1\" is not of the form [A-Za-z0-9][A-Za-z0-9._+-]{0,127}"
    [[ $2 =~ ^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$ ]] ||
        usage_error "version \"$2\" is not of the form [A-Za-z0-9][A-Za-z0-9._+~-]{0,127}"
}

# parse_publish WORD...: sets agent, version, tarball, key ("" without -s) and arch ("" without -a).
parse_publish() {
    local words=()
    key="" arch=""
    while [[ $# -gt 0 ]]; do
        case $1 in
            -s)
                [[ $# -ge 2 ]] || usage_error "-s needs the file of a minisign secret key"
                key=$(absolute "$2")
                shift
                ;;
            -a)
                [[ ${2:-} == amd64 || ${2:-} == arm64 ]] || usage_error "-a needs amd64 or arm64"
                arch=$2
                shift
                ;;
            -*) refuse_word "$1" ;;
            *) words+=("$1") ;;
        esac
        shift
    done
    expect_words 3 3 "${words[@]}"
    agent=${words[0]} version=${words[1]} tarball=$(absolute "${words[2]}")
    check_names "$agent" "$version"
    [[ -f $tarball && -r $tarball ]] || die "cannot read $tarball: it must be a file that user $(id -un) can read"
    [[ -n $key ]] || return 0
    # Hosts apply the same rule (updater/model/layout.h).
    if [[ $agent == *-[0-9]* || $agent == *-v[0-9]* || ($version == [!0-9]*-* && $version != v[0-9]*) ]]; then
        die "the file name $agent-$version is ambiguous: it may mean another agent, so hosts refuse its signature." \
            "Begin the version with a digit, and use no digit after a \"-\" in the agent's name"
    fi
    type minisign >/dev/null 2>&1 || die "minisign is missing, and -s needs it: apt install minisign"
}

# check_and_sign FILE: checks FILE in $staging, and puts its .md5 and, with -s, its .minisig beside it.
check_and_sign() {
    "${daemon[@]}" --check-release "$staging/$1" || die "$tarball is not published"
    (cd "$staging" && md5sum -- "$1" >"$1.md5")
    if [[ -n $key ]]; then
        minisign -S -s "$key" -m "$staging/$1" >/dev/null || die "minisign cannot sign with $key: $tarball is not published"
        grep -qF $'\t'"file:$1"$'\t' "$staging/$1.minisig" ||
            die "minisign's trusted comment does not name $1, so hosts would refuse the signature; try a newer minisign"
    fi
    chmod 644 "$staging"/*
}

# make_folder FOLDER ROOT: creates FOLDER; dies when a link leads it out of ROOT, where ops-meta does not serve it.
make_folder() {
    [[ $(realpath -m -- "$1")/ == "$(realpath -m -- "$2")"/* ]] ||
        die "$1 leads out of tarballDir by a link, so ops-meta would not serve it: remove the link"
    mkdir -p -- "$1"
}

publish() {
    local agent version tarball key arch file root folder sums state place staging result digest
    parse_publish "$@"
    need_config
    place=("${daemon[@]}" -c "$config" --place-of "$agent" ${arch:+--arch "$arch"})
    { read -r root && read -r folder && read -r sums && read -r state; } < <("${place[@]}") || exit 1
    result="is $state"
    file=$agent-$version.tar.gz

    umask 022
    make_folder "$folder" "$root"
    make_folder "$sums" "$root"
    exec 8<"$folder"
    flock 8                           # one publish at a time in this folder
    rm -rf -- "$folder"/.publish.?????? # left by a publish that was killed
    staging=$(mktemp -d "$folder/.publish.XXXXXX")
    # shellcheck disable=SC2064 # expand now: the variable is local
    trap "rm -rf -- $(printf %q "$staging")" EXIT
    cp -- "$tarball" "$staging/$file"
    if [[ -e $folder/$file ]]; then
        cmp -s -- "$staging/$file" "$folder/$file" ||
            die "$agent $version is already $state with other content, which hosts may have: use another version"
        result="was already $state with this content"
    elif [[ -z $key ]]; then
        rm -f -- "$folder/$file.minisig" # left by a publish that was killed
    fi
    check_and_sign "$file"
    read -r digest _ <"$staging/$file.md5"

    # The tarball comes last: a host that finds it also finds its checksum and signature.
    durable_move "$staging/$file.md5" "$sums"
    [[ -z $key ]] || durable_move "$staging/$file.minisig" "$folder"
    [[ -e $folder/$file ]] || durable_move "$staging/$file" "$folder"
    say "$agent $version $result${key:+, signed}: $folder/$file"
    "${place[@]}" --release "$version" --md5 "$digest" ${key:+--signed}
}

# ---- requests to the running ops-meta ----

# try_ask TARGET CURL_ARGUMENT...: prints ops-meta's reply. Fails with the reply on stderr for a status other than 200, and with
# $no_answer when ops-meta does not answer. It connects to var/app.sock, which needs no certificate and no token.
try_ask() {
    command -v curl >/dev/null || { echo "curl is missing, and $verb needs it: apt install curl" >&2; return 1; }
    serving_pid >/dev/null || { echo "$app is not running" >&2; return "$no_answer"; }
    local target=$1 reply status
    shift
    reply=$(curl -sS --unix-socket var/app.sock -w '%{http_code}' "$@" "http://ops-meta$target") || {
        echo "$app did not answer on $PWD/var/app.sock; see $me tail" >&2
        return "$no_answer"
    }
    status=${reply: -3}
    reply=${reply%???}
    [[ $status == 200 ]] || { printf '%s\n' "${reply%$'\n'}" >&2; return 1; }
    printf '%s' "$reply"
}

ask() { try_ask "$@" || exit 1; } # TARGET CURL_ARGUMENT...

# Percent-encodes all bytes that are not unreserved in RFC 3986.
url_encode() {
    local LC_ALL=C text=$1 i c
    for ((i = 0; i < ${#text}; ++i)); do
        c=${text:i:1}
        if [[ $c == [A-Za-z0-9._~-] ]]; then printf '%s' "$c"; else printf '%%%02X' "'$c"; fi
    done
}

plan() { # [FILE]
    local file=$config
    [[ $# -eq 0 ]] || file=$(absolute "$1")
    [[ -r $file && ! -d $file ]] || die "cannot read $file: it must be a config file that user $(id -un) can read"
    ask /plan --data-binary "@$file"
}

order() { # halt|resume AGENT VERSION
    ask "/rollout/$1?agent=$(url_encode "$2")&version=$(url_encode "$3")" -X POST
}

# ---- changes of cfg.json ----

# confirm_change FILE [--yes]: prints what FILE changes on hosts. Returns when it may be applied; else exits with $refused. Sets
# `rollouts` to "AGENT VERSION HOSTS" of each rollout that begins. Without an answer of ops-meta it says so, and returns:
# an operator must be able to restart an ops-meta that hangs.
confirm_change() {
    local file=$1 yes=${2:-} reply key value verdict="" losing=0 hosts=0 sum answer=""
    rollouts=()
    sum=$(md5sum <"$file")
    if ! reply=$(try_ask '/plan?format=counts' --max-time 60 --data-binary "@$file" 2>&1); then
        echo "There is no plan of the changes: $reply" >&2
        return
    fi
    while read -r key value && [[ -n $key ]]; do
        case $key in
            verdict) verdict=$value ;;
            losing) losing=$value ;;
            hosts) hosts=$value ;;
            rollout) rollouts+=("$value") ;;
        esac
    done <<<"$reply"
    if [[ -z $verdict ]]; then
        echo "There is no plan of the changes: the running ops-meta is older than this $me" >&2
        return
    fi
    say "${reply#*$'\n\n'}"
    [[ $verdict != go && $yes != --yes ]] || return 0
    if [[ -t 0 ]]; then
        read -r -p "Apply? [y/N] " answer || echo >&2
        if [[ $answer == [yY] || $answer == [yY][eE][sS] ]]; then
            [[ $(md5sum <"$file") == "$sum" ]] || die "$file has changed since the question: run $me $verb again"
            return 0
        fi
        echo "Nothing is applied." >&2
        exit "$refused"
    fi
    [[ $verdict == refuse ]] || return 0
    echo "Nothing is applied: this stops or drops an agent, or goes back to an older version, on $losing of $hosts hosts." \
        "If you mean it, run: $me $verb ${apply_file:+$apply_file }--yes" >&2
    exit "$refused"
}

# reload_now: makes ops-meta read cfg.json, and waits until it has. False when it does not answer.
reload_now() {
    local reply code=0
    reply=$(try_ask /config/reload 2>&1) || code=$?
    [[ $code -eq 0 ]] || return 1
    [[ $reply == '{"msg":"success"'* ]] || die "$app does not use $config: $reply"
    say "$app has reloaded $config"
}

# Replaces cfg.json by a rename, so that a kill at any moment leaves it whole.
apply() { # FILE [--yes]
    local file target staging sum release agent version hosts
    file=$(absolute "$1")
    readonly apply_file=$1
    [[ -r $file && -f $file ]] || die "cannot read $file: it must be a config file that user $(id -un) can read"
    need_config
    target=$(realpath -- "$config")
    serving_pid >/dev/null || die "$app is not running, so there is no plan: cp the file to $config, and $me start"
    exec 8>>var/apply.lock
    flock --timeout 10 8 || die "another $me apply is running in this folder"
    rm -f -- "$target".apply.?????? # left by an apply that was killed
    staging=$(mktemp "$target.apply.XXXXXX")
    # shellcheck disable=SC2064 # expand now: the variable is local
    trap "rm -f -- $(printf %q "$staging")" EXIT
    sum=$(md5sum <"$target")
    cat -- "$file" >"$staging"
    "${daemon[@]}" -t -c "$file" || exit 1
    cmp -s -- "$file" "$staging" || die "$file has changed meanwhile: run $me apply again"
    confirm_change "$staging" "${2:-}"
    [[ $(md5sum <"$target") == "$sum" ]] || die "$config has changed meanwhile: nothing is applied"
    chown --reference="$target" -- "$staging" || die "cannot give $staging the owner of $config: run $me as its owner or root"
    chmod --reference="$target" -- "$staging"
    sync "$staging"
    mv -fT -- "$staging" "$target"
    sync "$(dirname -- "$target")"
    reload_now || die "$config is in place, but $app did not answer: run $me reload"
    for release in "${rollouts[@]}"; do
        read -r agent version hosts <<<"$release"
        [[ $hosts -eq 1 ]] && hosts+=" host" || hosts+=" hosts"
        say "The rollout of $agent $version begins on $hosts; to follow it: $me wait $agent $version"
    done
}

# ---- two ops-metas ----

# take_agents: gives cfg.json the agents of the last leader, if it has others: a promotion must not change hosts.
take_agents() {
    local merged target staging
    merged=$("${daemon[@]}" -c "$config" --promoted-config) || exit 1
    [[ -n $merged ]] || return 0
    target=$(realpath -- "$config")
    staging=$(mktemp "$target.apply.XXXXXX")
    # shellcheck disable=SC2064 # expand now: the variable is local
    trap "rm -f -- $(printf %q "$staging")" EXIT
    printf '%s\n' "$merged" >"$staging"
    cp -p -- "$target" "$target.before-promote"
    chown --reference="$target" -- "$staging" || die "cannot give $staging the owner of $config: run $me as its owner or root"
    chmod --reference="$target" -- "$staging"
    sync "$staging"
    mv -fT -- "$staging" "$target"
    sync "$(dirname -- "$target")"
    say "$config has the agents of the last leader now; the file before is $config.before-promote"
}

pair() { curl -sS --max-time 10 --unix-socket var/app.sock -w '%{http_code}' "$@" 2>&1; } # CURL_ARGUMENT...

promote() { # [--force] [--old-state]
    local word query="" reply tries=3 deadline=$((SECONDS + 120))
    for word in "$@"; do
        case $word in
            --force) query+="force=1&" ;;
            --old-state) query+="old=1&" ;;
            *) refuse_word "$word" ;;
        esac
    done
    try_ask /standby/role >/dev/null 2>&1 ||
        die "not promoted: $app does not run, or its cfg.json has no \"standby\": see \"When one ops-meta is not enough\"" \
            "in meta/README.md"
    reply=$(pair -X POST "http://ops-meta/standby/promote?$query") || die "$reply"
    while :; do
        case ${reply: -3} in
            200) break ;;
            202) ;;
            409)
                [[ $reply == *"promote replaces them"* && $((tries -= 1)) -gt 0 ]] || die "${reply%????}"
                take_agents
                reply=$(pair -X POST "http://ops-meta/standby/promote?$query") || true
                continue
                ;;
            *) [[ $SECONDS -lt $deadline ]] || die "$app did not answer: see $me status and $me tail" ;;
        esac
        sleep 0.2
        reply=$(pair http://ops-meta/standby/promotion) || true # ops-meta closes its socket for a moment
    done
    say "promoted: $app leads. No host changes its version in the warm-up; $me watch shows it"
}

# ---- progress ----

# parse_wait WORD...: sets agent, version, seconds, share and json.
parse_wait() {
    local words=()
    seconds=7200 share="" json=""
    while [[ $# -gt 0 ]]; do
        case $1 in
            --timeout)
                [[ ${2:-} =~ ^([0-9]{1,7})([smh]?)$ ]] || usage_error "--timeout needs a time like 90s, 30m or 2h"
                seconds=$((10#${BASH_REMATCH[1]}))
                case ${BASH_REMATCH[2]} in m) seconds=$((60 * seconds)) ;; h) seconds=$((3600 * seconds)) ;; esac
                shift
                ;;
            --hosts)
                [[ ${2:-} =~ ^([1-9][0-9]?|100)%?$ ]] || usage_error "--hosts needs a share of the hosts, from 1% to 100%"
                share=${BASH_REMATCH[1]}
                shift
                ;;
            --json) json=1 ;;
            -*) refuse_word "$1" ;;
            *) words+=("$1") ;;
        esac
        shift
    done
    expect_words 1 2 "${words[@]}"
    agent=${words[0]} version=${words[1]:-}
}

# print_state TEXT: prints a new text with the time, but only every 10 s (2 s on a terminal), unless `is_last` is set.
print_state() {
    local pause=10
    [[ ! -t 1 ]] || pause=2
    [[ -n $is_last || ($1 != "$printed" && $SECONDS -ge $next) ]] || return 0
    [[ -n $json ]] || printf '%(%F %T %z)T  %s\n' -1 "$1"
    printed=$1 next=$((SECONDS + pause))
}

# Goes on while ops-meta restarts.
wait_for_rollout() {
    local agent version seconds share json reply state query code is_last="" printed="" next=0 deadline
    parse_wait "$@"
    query="/status/rollout?agent=$(url_encode "$agent")&version=$(url_encode "$version")&hosts=$share"
    deadline=$((SECONDS + seconds))
    while :; do
        code=0 state=running
        reply=$(try_ask "$query" --max-time 30 2>&1) || code=$?
        [[ $code -eq 0 || $code -eq $no_answer ]] || die "$reply"
        if [[ $code -eq 0 ]]; then state=${reply%%$'\n'*} reply=${reply#*$'\n'}; fi
        code=0
        case $state in
            done) is_last=1 ;;
            halted | failed) is_last=1 code=$refused ;;
            unassigned) die "$reply" ;;
            *) [[ $SECONDS -lt $deadline ]] || is_last=1 code=$timed_out ;;
        esac
        print_state "$reply"
        if [[ -n $is_last ]]; then
            if [[ -n $json ]]; then ask "$query&format=json" --max-time 30; echo; fi
            [[ $code -ne $timed_out ]] || echo "The rollout is not done after $seconds s." >&2
            exit "$code"
        fi
        sleep 1
    done
}

# fold_line WIDTH LINE: prints LINE in lines of at most WIDTH characters, broken between words and indented after the first.
fold_line() {
    local rest=$2 part
    while [[ ${#rest} -gt $1 ]]; do
        part=${rest:0:$1+1}
        part=${part% *}
        [[ -n ${part// /} && ${#part} -le $1 ]] || part=${rest:0:$1}
        printf '%s\n' "$part"
        rest=${rest:${#part}}
        rest="      ${rest# }"
    done
    printf '%s\n' "$rest"
}

# draw TEXT: draws it at the top of the terminal, folded to its width and cut at its height.
draw() {
    local size rows=24 columns=80 line lines=()
    { size=$(stty size <&3 2>/dev/null) || true; } 3>&1
    [[ ! $size =~ ^([0-9]+)\ ([0-9]+)$ || ${BASH_REMATCH[1]} -lt 3 || ${BASH_REMATCH[2]} -lt 20 ]] ||
        rows=${BASH_REMATCH[1]} columns=${BASH_REMATCH[2]}
    mapfile -t lines < <(while IFS= read -r line; do fold_line "$columns" "$line"; done <<<"$1")
    if [[ ${#lines[@]} -ge $rows ]]; then lines=("${lines[@]:0:rows-2}" "…"); fi
    printf '\e[H'
    printf '%s\e[K\n' "${lines[@]}"
    printf '\e[J'
}

# On a terminal, redraws bars every 2 s. To a pipe, writes lines every 10 s. Goes on while ops-meta restarts.
watch() {
    local text pause=10 format=text time
    [[ ! -t 1 ]] || pause=2 format=bars
    text=$(ask "/status/summary?format=$format") || exit 1
    [[ ! -t 1 ]] || printf '\e[2J'
    while :; do
        printf -v time '%(%F %T %z)T' -1
        if [[ -t 1 ]]; then draw "$time  $text"; else printf '%s  %s\n' "$time" "$text"; fi
        sleep "$pause"
        text=$(try_ask "/status/summary?format=$format" --max-time 30 2>&1) || true
    done
}

# show_log [AGENT] [--follow]: prints events; with --follow until interrupted, also while ops-meta restarts.
show_log() {
    local words=() word follow="" query reply next
    for word in "$@"; do
        case $word in
            --follow | -f) follow=1 ;;
            -*) refuse_word "$word" ;;
            *) words+=("$word") ;;
        esac
    done
    expect_words 0 1 "${words[@]}"
    query="/events?format=log&agent=$(url_encode "${words[0]:-}")&limit="
    reply=$(ask "$query$([[ -n $follow ]] && echo 20 || echo 10000)") || exit 1
    [[ -n $follow || $reply == *$'\n'* ]] || echo "There is no event${words[0]:+ of agent ${words[0]}}." >&2
    while :; do
        next=${reply%%$'\n'*}
        [[ $reply != *$'\n'* ]] || say "${reply#*$'\n'}"
        [[ -n $follow ]] || return 0
        sleep 2
        reply=$(try_ask "${query}10000&since=$next" --max-time 30 2>/dev/null) || reply=$next
    done
}

run_own_verb() {
    case $verb in
        publish) publish "$@" ;;
        plan) expect_words 0 1 "$@" && plan "$@" ;;
        apply)
            expect_words 1 2 "$@"
            [[ $# -eq 1 || $2 == --yes ]] || refuse_word "$2"
            apply "$@"
            ;;
        wait) wait_for_rollout "$@" ;;
        explain) expect_words 1 1 "$@" && ask "/explain/$(url_encode "$1")" ;;
        watch) expect_words 0 0 "$@" && watch ;;
        log) show_log "$@" ;;
        halt | resume) expect_words 2 2 "$@" && order "$verb" "$@" ;;
        promote) promote "$@" ;;
    esac
}
