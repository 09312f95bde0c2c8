#!/usr/bin/env bash
# deb.sh NAME VERSION ARCH TIME PROGRAM CURL OUT: makes OUT/NAME_VERSION_ARCH.deb with PROGRAM, and a .sha256 beside it. CURL is the
# folder with the source of curl, for its licence. TIME, in seconds since 1970, is the time of all files: one commit gives the same
# bytes. It needs dpkg-deb, and no debhelper. OPS_MAINTAINER sets the field Maintainer.
#
# The package has the program and control in /usr/lib/NAME, /usr/sbin/NAME, which runs control, the config in /etc/NAME and
# the state in /var/lib/NAME. `NAME start` and the unit run the program with -d /var/lib/NAME.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
readonly name=$1 version=$2 arch=$3 time=$4 program=$5 curl=$6 out=$7
readonly maintainer=${OPS_MAINTAINER:-ops-meta maintainers <ops-meta@lists.invalid>}
readonly root=$out/deb/$name lib=/usr/lib/$name doc=/usr/share/doc/$name

die() {
    echo "deb: $*" >&2
    exit 1
}

case $name in
    ops-meta)
        summary="assigns agents to hosts and serves their releases"
        text=" ops-meta has one config file, which names the agents of all hosts and their
 versions. It rolls a new version out, a few hosts at a time, and halts it when
 hosts fail."
        depends="systemd | systemd-standalone-sysusers | systemd-sysusers, init-system-helpers (>= 1.54~)" recommends="curl"
        ;;
    ops-updater)
        summary="installs and runs the agents that ops-meta assigns"
        text=" ops-updater asks ops-meta which agents this host should run and in which
 version. It downloads, verifies, unpacks, stops and starts them, and goes back
 to the release before when a new one fails."
        depends="init-system-helpers (>= 1.54~)" recommends="ca-certificates"
        ;;
    *) die "unknown package $name" ;;
esac

# put MODE SOURCE TARGET: copies a file into the package.
put() { install -D -m "$1" "$2" "$root$3"; }

# fill FILE: prints it with the values of this package.
fill() {
    sed -e "s|@NAME@|$name|g; s|@IDENTIFIER@|${name//-/_}|g; s|@VERSION@|$version|g; s|@ARCH@|$arch|g" \
        -e "s|@MAINTAINER@|$maintainer|" \
        -e "s/@DEPENDS@/$depends/; s/@RECOMMENDS@/$recommends/; s/@SUMMARY@/$summary/" \
        -e "/@TEXT@/{s/.*//;r /dev/stdin
d}" "$1" <<<"$text"
}

# write MODE TARGET: copies stdin into the package.
write() {
    mkdir -p "$(dirname "$root$2")"
    cat >"$root$2"
    chmod "$1" "$root$2"
}

# unit: the tarball's unit with the folders of the package.
unit() {
    sed -e "/^#.*\/opt\//d; /^#   /d; /^# Then: /d" \
        -e "s|^WorkingDirectory=.*|WorkingDirectory=/var/lib/$name|" \
        -e "s|^ExecStart=.*|EnvironmentFile=-/etc/default/$name\nExecStart=$lib/$name -d /var/lib/$name -c /etc/$name/cfg.json \$OPS_OPTIONS|" \
        -e "s|^ReadWritePaths=.*|StateDirectory=$name/var\nLogsDirectory=$name|; s|can read its folder, write to var/|can read its folders, write to its var/|" \
        "cmake/$name.service"
}

# manual: a man page with the help of control.
manual() {
    local day
    day=$(date -u -d "@$time" +%F)
    printf '.TH %s 8 %s "%s %s" "System administration"\n' "${name^^}" "$day" "$name" "$version"
    printf '.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n.I VERB\n[\\fIWORD\\fR ...]\n.SH DESCRIPTION\n' "$name" "$summary" "$name"
    printf '%s\n' "${text//$'\n' /$'\n'}"
    printf '.PP\nsystemd runs the daemon. %s controls it.\n.SH VERBS\n.nf\n' "$name"
    "$root$lib/help" | tail -n +3 | sed 's/\\/\\e/g; s/^[.'\'']/\\\&&/; s/-/\\-/g'
    printf '.fi\n.SH FILES\n'
    printf '.TP\n.I %s\n%s\n' "/etc/$name/cfg.json" "the config; $doc/${name#ops-}/README.md.gz describes each key" \
        "/etc/default/$name" "options of the daemon, such as a log file" \
        "/var/lib/$name" "$([[ $name == ops-meta ]] && echo "the releases in tarball/, and the state in var/" || echo "a folder for each agent, and the state in var/")"
    printf '.SH SEE ALSO\n.BR journalctl (1),\n.BR systemctl (1)\n'
}

# copyright: the licences of the daemon and of everything that is linked into it.
copyright() {
    local package file
    printf '%s %s\n\n' "$name" "$version"
    echo "License: Apache-2.0, see /usr/share/common-licenses/Apache-2.0"
    printf '\nThe program is static. It contains parts of these libraries, each under its own licence.\n'
    while read -r package; do
        file=/usr/share/doc/$package/copyright
        [[ -r $file ]] || die "$file is missing, which has the licence of a linked library: reinstall $package"
        printf '\n==== %s ====\n\n' "${package%%:*}"
        cat "$file"
    done < <(linked_packages)
    if [[ $name == ops-updater ]]; then
        printf '\n==== curl ====\n\n'
        cat "$curl/debian/copyright"
    fi
}

# linked_packages: the Debian packages of the linked libraries.
linked_packages() {
    printf '%s\n' libssl-dev libarchive-dev libc-ares-dev libacl1-dev zlib1g-dev libzstd-dev nlohmann-json3-dev libspdlog-dev \
        libfmt-dev libc6-dev
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' 'libstdc++-*-dev' | awk '$2 == "installed" { print $1 }' | sort -V | tail -n 1
}

changelog() {
    printf '%s (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' "$name" "$version" \
        "$maintainer" "$(LC_ALL=C date -u -R -d "@$time")"
}

rm -rf "$root"
put 755 "$program" "$lib/$name"
put 755 control "$lib/control"
put 644 "${name#ops-}/verbs.sh" "$lib/verbs.sh"
printf '# Where this package has the parts of %s. control reads it.\nreadonly packaged=%s home=/var/lib/%s config=/etc/%s/cfg.json\n' \
    "$name" "$name" "$name" "$name" | write 644 "$lib/package.sh"
printf '#!/bin/sh\nexec %s/control "$@"\n' "$lib" | write 755 "/usr/sbin/$name"
# control's help, for the man page, before /var/lib exists.
sed "s|^    cd -- \"\$home\"||" control | write 755 "$lib/help"
manual | gzip -9n | write 644 "/usr/share/man/man8/$name.8.gz"
rm "$root$lib/help"
if [[ $name == ops-meta ]]; then
    put 644 cmake/deb/ops-meta.cfg.json /etc/ops-meta/cfg.json
    put 644 cfg.example.json "$doc/examples/cfg.json"
    put 644 meta/alerts.yml "$doc/examples/alerts.yml"
    put 644 meta/grafana-dashboard.json "$doc/examples/grafana-dashboard.json"
    echo 'u ops-meta - "ops-meta" /var/lib/ops-meta' | write 644 /usr/lib/sysusers.d/ops-meta.conf
    mkdir -p "$root/var/lib/ops-meta/tarball"
else
    put 600 updater/cfg.example.json /etc/ops-updater/cfg.json
    mkdir -p "$root/var/lib/ops-updater"
fi
fill cmake/deb/default | write 644 "/etc/default/$name"
unit | write 644 "/usr/lib/systemd/system/$name.service"
fill cmake/deb/completion.bash | write 644 "/usr/share/bash-completion/completions/$name"
fill cmake/deb/lintian-overrides | write 644 "/usr/share/lintian/overrides/$name"
copyright | write 644 "$doc/copyright"
for chapter in README.md meta/README.md updater/README.md common/README.md; do
    gzip -9nc "$chapter" | write 644 "$doc/$chapter.gz"
done
gzip -9nc CHANGELOG.md | write 644 "$doc/NEWS.md.gz"
changelog | gzip -9n | write 644 "$doc/changelog.gz"

size=$(du -sk --apparent-size "$root" | cut -f1)
printf '/etc/%s/cfg.json\n/etc/default/%s\n' "$name" "$name" | write 644 /DEBIAN/conffiles
fill cmake/deb/control.in | sed "s/@SIZE@/$size/" | write 644 /DEBIAN/control
for script in postinst prerm postrm; do fill "cmake/deb/$script" | write 755 "/DEBIAN/$script"; done
(cd "$root" && find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) | write 644 /DEBIAN/md5sums

package=${name}_${version}_$arch.deb
find "$root" -exec touch -h -d "@$time" {} +
find "$root" -type d -exec chmod 755 {} +
SOURCE_DATE_EPOCH=$time dpkg-deb --root-owner-group -Zxz --build "$root" "$out/$package" >/dev/null
(cd "$out" && sha256sum "$package" >"$package.sha256")
rm -rf "$root"
