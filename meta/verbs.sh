# shellcheck shell=bash
# verbs.sh: the verbs of ./control that only ops-meta has: publish, plan, explain, watch, halt and resume. control sources it in
# ops-meta's folder, and provides `app`, `verb`, `config` and the functions say, die, usage_error, expect_words, absolute,
# need_config and serving_pid.

# ---- publish ----

# durable_move FILE FOLDER: after a power failure FOLDER holds all of FILE or nothing of it.
durable_move() {
    sync "$1"
    mv -fT -- "$1" "$2/${1##*/}"
    sync "$2"
}

check_names() { # AGENT VERSION
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$ ]] ||
        usage_error "invalid agent name \"$1\": it must match [A-Za-z0-9][A-Za-z0-9._+-]{0,127}"
    [[ $2 =~ ^[A-Za-z0-9][A-Za-z0-9._+~-]{0,127}$ ]] ||
        usage_error "invalid version \"$2\": it must match [A-Za-z0-9][A-Za-z0-9._+~-]{0,127}"
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
            -*) usage_error "publish does not take \"$1\"; see ./control publish --help" ;;
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
    "./$app" --check-release "$staging/$1" || die "$tarball is not published"
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
    place=("./$app" -c "$config" --place-of "$agent" ${arch:+--arch "$arch"})
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

# ask TARGET CURL_ARGUMENT...: prints ops-meta's reply. For a status other than 200, dies with the reply as the message. It
# connects to var/app.sock, which needs no certificate and no token.
ask() {
    command -v curl >/dev/null || die "curl is missing, and $verb needs it: apt install curl"
    serving_pid >/dev/null || die "$app is not running"
    local target=$1 reply status
    shift
    reply=$(curl -sS --unix-socket var/app.sock -w '%{http_code}' "$@" "http://ops-meta$target") ||
        die "$app did not answer on $PWD/var/app.sock; see ./control tail"
    status=${reply: -3}
    reply=${reply%???}
    [[ $status == 200 ]] || die "${reply%$'\n'}"
    printf '%s' "$reply"
}

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

# On a terminal, redraws bars every 2 s. To a pipe, writes lines every 10 s.
watch() {
    local text
    if [[ ! -t 1 ]]; then
        while text=$(ask '/status/summary?format=text'); do
            printf '%(%F %T)T  %s\n' -1 "$text"
            sleep 10
        done
        exit 1
    fi
    printf '\e[2J'
    while text=$(ask '/status/summary?format=bars'); do
        printf '\e[H%(%F %T)T  %s\e[K\n\e[J' -1 "${text//$'\n'/$'\e[K\n'}"
        sleep 2
    done
    exit 1
}

meta_verb() {
    case $verb in
        publish) publish "$@" ;;
        plan) expect_words 0 1 "$@" && plan "$@" ;;
        explain) expect_words 1 1 "$@" && ask "/explain/$(url_encode "$1")" ;;
        watch) expect_words 0 0 "$@" && watch ;;
        halt | resume) expect_words 2 2 "$@" && order "$verb" "$@" ;;
    esac
}
