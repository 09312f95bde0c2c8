#!/usr/bin/env bash
# fetch-debian-source.sh FOLDER PACKAGE...
#
# Unpacks the Debian source packages into FOLDER/PACKAGE (with Debian's patches applied), from whatever mirror this machine
# already uses. The machine's own apt state is not touched: FOLDER/apt holds a private one, whose sources are the machine's
# `deb` entries turned into `deb-src` of $suite. apt checks the signatures and the checksums as it does anywhere.
set -euo pipefail

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    echo "fetch-debian-source: $*" >&2
    exit 1
}

[[ $# -ge 2 ]] || die "usage: fetch-debian-source.sh FOLDER PACKAGE..."
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
packages=("$@")

for tool in apt-get apt-cache dpkg-source; do
    command -v "$tool" >/dev/null || die "$tool is missing, so the sources of ${packages[*]} can't be had;" \
        "give cmake a prefix that has them: -DCMAKE_PREFIX_PATH=FOLDER"
done
[[ -r $keyring ]] || die "$keyring is missing: apt-get install debian-archive-keyring"

# The machine's entries, for example "http://mirror/debian bookworm", as "http://mirror/debian trixie". Other releases give nothing.
# apt names them in the URIs that an update would read, however they are written down, and also before the first update.
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-$suite}")
entries() {
    local uri release
    apt-get update --print-uris | sed -n "s|^'\(.*\)/dists/\([^/]*\)/InRelease'.*|\1 \2|p" |
        while read -r uri release; do
            case $release in
                "$codename" | stable | oldstable) echo "$uri $suite" ;;
                "$codename-security" | stable-security | oldstable-security) echo "$uri $suite-security" ;;
                "$codename-updates" | stable-updates | oldstable-updates) echo "$uri $suite-updates" ;;
            esac
        done | sort -u
}

state=$folder/apt
rm -rf "$state"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
entries | sed "s|.*|deb-src [signed-by=$keyring] & main|" >"$state/sources.list"
split --lines=1 "$state/sources.list" "$state/entry."
[[ -s $state/sources.list ]] || die "apt on this machine has no entry of Debian $codename to fetch sources with"

# -c is read after the machine's own configuration, so that its proxies stay and its hooks on an update don't run.
cat >"$state/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "/dev/null";
Dir::Cache "$state/cache";
Dir::Etc::sourcelist "$state/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
CONF

apt_get() { apt-get -c "$state/apt.conf" -q "$@"; }

log=$state/log
# Another vendor's repository may call its releases as Debian does. It fails here, as Debian's key has not signed it, and is left out.
apt_get update >"$log" 2>&1 || true

# "VERSION ENTRY" lines, newest version first. A mirror may list what it doesn't have (yet, or any more), and may list one version in
# two places, of which one works: so each entry is asked, and tried, on its own.
candidates() {
    local list version
    for list in "$state"/entry.*; do
        apt-cache -c "$state/apt.conf" -o Dir::Etc::sourcelist="$list" showsrc --only-source "$1" 2>/dev/null |
            sed -n "s|^Version: \(.*\)|\1 $list|p"
    done | newest_first
}
newest_first() {
    local lines=() line i
    while read -r line; do
        for ((i = 0; i < ${#lines[@]}; i++)); do
            dpkg --compare-versions "${line% *}" gt "${lines[i]% *}" && break
        done
        lines=("${lines[@]:0:i}" "$line" "${lines[@]:i}")
    done
    [[ ${#lines[@]} -eq 0 ]] || printf '%s\n' "${lines[@]}"
}

# dpkg-source can't check the maintainer's signature on the .dsc without the developers' keyring, and warns; -q hides that.
# What it unpacks has been checked already: apt got it through the signed list of sources.
fetch() {
    local package=$1 version list found="" missed=""
    rm -rf "${folder:?}/$package" "${folder:?}/$package.download"
    mkdir "$folder/$package.download"
    cd "$folder/$package.download"
    while read -r version list; do
        if apt_get -o Dir::Etc::sourcelist="$list" source --download-only "$package=$version" >"$log" 2>&1; then
            found=$version
            break
        fi
        missed=$version
        rm -f -- *
    done < <(candidates "$package")
    [[ -n $found ]] || {
        grep -E '^(E|W):' "$log" | head -n 5 >&2 || true
        die "no source of $package could be downloaded from this machine's Debian mirror ($suite)"
    }
    [[ -z $missed || $missed == "$found" ]] ||
        echo "$package: the mirror lists $missed but doesn't have it; taking $found"
    dpkg-source -q --no-copy -x -- *.dsc "$folder/$package" >"$log" 2>&1 || {
        cat "$log" >&2
        die "can't unpack the source of $package $found"
    }
    cd "$folder"
    rm -rf "${folder:?}/$package.download"
    echo "$package $found (Debian $suite)"
}

for package in "${packages[@]}"; do
    fetch "$package"
done
rm -rf "$state"
