#!/usr/bin/env bash
# fetch-debian-source.sh FOLDER PACKAGE...
#
# Unpacks Debian source packages to FOLDER/PACKAGE, with Debian's patches applied, from the mirror that this machine's apt uses.
# It does not change the machine's apt state: it makes a private one in FOLDER/apt, with the machine's `deb` entries as `deb-src`
# entries of $suite. apt checks signatures and checksums as usual.
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
    command -v "$tool" >/dev/null || die "$tool is missing, so the sources of ${packages[*]} cannot be fetched:" \
        "install the package dpkg-dev, or give cmake a folder that contains them built: -DCMAKE_PREFIX_PATH=FOLDER"
done
[[ -r $keyring ]] || die "$keyring is missing: apt-get install debian-archive-keyring"

# Prints the machine's entries for $suite: "http://mirror/debian bookworm" becomes "http://mirror/debian trixie". Entries of other
# releases are left out. `apt-get update --print-uris` lists them for both formats of sources, also before the first update.
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
[[ -s $state/sources.list ]] || die "the apt sources of this machine have no entry for Debian $codename, so there is no mirror to fetch from:" \
    "add one to /etc/apt/sources.list.d, or give cmake a folder with built libraries: -DCMAKE_PREFIX_PATH=FOLDER"

# apt reads this file after the machine's configuration: proxies stay in effect, hooks after an update do not run.
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
# Another vendor's repository may use Debian's release names. Debian's key has not signed it, so apt refuses it here.
apt_get update >"$log" 2>&1 || true

# candidates PACKAGE: prints "VERSION ENTRY" lines, newest version first. A mirror may list a version that it does not have, or list
# it in two entries of which one works. So each entry is a candidate of its own.
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

# fetch PACKAGE: dpkg-source -q hides the warning that it cannot check the maintainer's signature without the developers' keyring.
# apt has already checked the files against the signed list of sources.
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
        die "cannot download the source of $package ($suite) from this machine's Debian mirror:" \
            "check the network and the mirror in apt's sources, then run cmake again"
    }
    [[ -z $missed || $missed == "$found" ]] ||
        echo "$package: the mirror lists $missed but does not have it; using $found"
    dpkg-source -q --no-copy -x -- *.dsc "$folder/$package" >"$log" 2>&1 || {
        cat "$log" >&2
        die "dpkg-source cannot unpack the source of $package $found: its output is above"
    }
    cd "$folder"
    rm -rf "${folder:?}/$package.download"
    echo "$package $found (Debian $suite)"
}

for package in "${packages[@]}"; do
    fetch "$package"
done
rm -rf "$state"
