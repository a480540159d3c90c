#!/bin/sh
# deps.sh GROUP...: see that everything the groups need is installed, and print what is there.
#
# On Debian and Ubuntu, as root, what is missing is installed by apt-get. Elsewhere the command
# that installs it is named, and the exit status is 1. A group written ?GROUP may stay missing.
# DEPS=no never installs anything. Nothing but looking is done when nothing is missing.

set -u
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}" "${DEPS:=auto}"
tools=$(dirname "$0")

# group              wanted             apt                dnf                 apk                pacman          brew
table='
build                cmd:$CC            gcc,libc6-dev      gcc,glibc-devel     gcc,musl-dev       gcc             gcc
build                cmd:$PKG_CONFIG    pkg-config         pkgconf             pkgconf            pkgconf         pkgconf
build                pkg:jansson        libjansson-dev     jansson-devel       jansson-dev        jansson         jansson
build                pkg:sqlite3        libsqlite3-dev     sqlite-devel        sqlite-dev         sqlite          sqlite
http                 pkg:libmicrohttpd  libmicrohttpd-dev  libmicrohttpd-devel libmicrohttpd-dev  libmicrohttpd   libmicrohttpd
http                 pkg:gnutls         libgnutls28-dev    gnutls-devel        gnutls-dev         gnutls          gnutls
program              pkg:yaml-0.1       libyaml-dev        libyaml-devel       yaml-dev           libyaml         libyaml
program              pkg:libcurl        libcurl4-gnutls-dev libcurl-devel      curl-dev           curl            curl
driver-postgresql    pkg:libpq          libpq-dev          libpq-devel         libpq-dev          postgresql-libs libpq
server-postgresql    run:postgresql     postgresql         postgresql-server,postgresql-contrib postgresql postgresql   postgresql
test                 pkg:check          check              check-devel         check-dev          check           check
test                 pkg:libcurl        libcurl4-gnutls-dev libcurl-devel      curl-dev           curl            curl
compilers            cmd:g++            g++                gcc-c++             g++                gcc             gcc
compilers            cmd:clang          clang              clang               clang              clang           llvm
clang                cmd:clang          clang              clang,compiler-rt   clang,compiler-rt  clang,compiler-rt llvm
configure            cmd:autoconf       autoconf           autoconf            autoconf           autoconf        autoconf
valgrind             cmd:valgrind       valgrind           valgrind            valgrind           valgrind        valgrind
'

present() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    pkg:*) "$PKG_CONFIG" --exists "${1#pkg:}" 2>/dev/null ;;
    run:postgresql) "$tools/pg-bindir.sh" >/dev/null 2>&1 ;;
    esac
}

# Set missing_must and missing_may to lines of the table, have to the groups that are complete.
look() {
    missing_must= missing_may= have=
    for group in "$@"; do
        name=${group#\?} complete=yes
        while read -r g wanted packages; do
            [ "$g" = "$name" ] || continue
            case $wanted in
            'cmd:$CC') wanted=cmd:$CC ;;
            'cmd:$PKG_CONFIG') wanted=cmd:$PKG_CONFIG ;;
            esac
            present "$wanted" && continue
            complete=no
            case $group in
            \?*) missing_may="$missing_may$wanted $packages
" ;;
            *) missing_must="$missing_must$wanted $packages
" ;;
            esac
        done <<EOT
$table
EOT
        [ $complete = no ] || have="$have $name"
    done
}

# The packages of lines of the table, for package manager number $1 (apt dnf apk pacman brew).
packages() { printf '%s' "$missing_must$missing_may" | awk -v n="$1" '{ print $(n + 1) }' | tr ',' '\n' | sort -u | tr '\n' ' '; }

command_line() {
    as_root=
    [ "$(id -u)" = 0 ] || as_root='sudo '
    if command -v apt-get >/dev/null; then echo "${as_root}apt-get install --no-install-recommends $(packages 1)"
    elif command -v dnf >/dev/null; then echo "${as_root}dnf install $(packages 2)"
    elif command -v apk >/dev/null; then echo "${as_root}apk add $(packages 3)"
    elif command -v pacman >/dev/null; then echo "${as_root}pacman -S --needed $(packages 4)"
    elif command -v brew >/dev/null; then echo "brew install $(packages 5)"
    else echo "install, by the names of Debian: $(packages 1)"
    fi
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    echo "installing: $*" >&2
    {
        apt-get update -q
        case " $* " in
        *' postgresql '*) without_main_cluster "$@" ;;
        *) apt-get install -q -y --no-install-recommends "$@" ;;
        esac
    } >&2 </dev/null
}

# Debian makes and starts a cluster when a server is installed. Nobody asked for one here.
without_main_cluster() {
    conf=/etc/postgresql-common/createcluster.conf
    apt-get install -q -y --no-install-recommends postgresql-common || return
    saved=$(mktemp) && cp -p "$conf" "$saved" || return
    printf '\ncreate_main_cluster = false\n' >>"$conf"
    apt-get install -q -y --no-install-recommends "$@"
    status=$?
    cp -p "$saved" "$conf" && rm -f "$saved"
    return $status
}

look "$@"
if [ -n "$missing_must$missing_may" ] && [ "$DEPS" != no ] && [ "$(id -u)" = 0 ] &&
    command -v apt-get >/dev/null; then
    apt_install $(packages 1) || echo "apt-get failed" >&2
    look "$@"
fi
if [ -n "$missing_must$missing_may" ]; then
    echo "missing: $(printf '%s' "$missing_must$missing_may" | awk '{ print substr($1, 5) }' | tr '\n' ' ')" >&2
    echo "  $(command_line)" >&2
fi
[ -z "$missing_must" ] || exit 1
echo "# present:$have"
