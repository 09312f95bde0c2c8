#!/usr/bin/env bash
# release.sh VERSION [-s SECRET_KEY]: makes a release of this checkout: checks the version and CHANGELOG.md, runs all tests, packs, signs
# each file with minisign, and prints what to tag. It changes no source, and pushes and tags nothing.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

die() {
    echo "release: $*" >&2
    exit 1
}

[[ $# -eq 1 || ($# -eq 3 && $2 == -s) ]] || { echo "usage: ./control release VERSION [-s SECRET_KEY]" >&2; exit 2; }
readonly version=$1 key=${3:-$HOME/.minisign/minisign.key}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "the version \"$version\" must be like 1.1.0"
declared=$(sed -n 's/^project(ops VERSION \([^ ]*\).*/\1/p' CMakeLists.txt)
[[ $declared == "$version" ]] || die "CMakeLists.txt has version $declared: set it to $version there and commit it"
notes=$(awk -v version="$version" '/^## / { shown = $2 == version } shown && !/^## /' CHANGELOG.md)
[[ $notes == *[a-z]* ]] || die "CHANGELOG.md has no text below \"## $version\""
changes=$(git status --porcelain --untracked-files=no)
[[ -z $changes ]] || die "the checkout has uncommitted changes: commit them first"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || die "the tag v$version exists already: choose another version"
[[ -r $key ]] || die "cannot read the secret key $key: make one with minisign -G, or name it with -s"
command -v minisign >/dev/null || die "minisign is missing: apt install minisign"

./control test
./control pack
printed=$(build/ops-meta -v | head -n 1)
[[ $printed == "$version" ]] || die "build/ops-meta is version $printed, not $version"
files=(build/ops-*"-$version.tar.gz" build/ops-*"_${version}_"*.deb)
minisign -S -s "$key" -m "${files[@]}"

printf '\nRelease %s:\n' "$version"
for file in "${files[@]}"; do printf '    %s  with .sha256 and .minisig\n' "$file"; done
printf '%s\n' "" "To tag and publish it:" "    git tag -a v$version -m \"ops-meta and ops-updater $version\" $(git rev-parse --short=12 HEAD)" \
    "    git push origin v$version"
