#!/bin/sh
# deps.sh GROUP...: see that everything the groups need is installed, and print what is there.
#
# On Debian and Ubuntu, as root, what is missing is installed by apt-get. Elsewhere the command
# that installs it is named, and the exit status is 1. A group written ?GROUP may stay missing.
# DEPS=no never installs anything. When nothing is missing this only looks, and is quick.

set -u
: "${CC:=cc}" "${PKG_CONFIG:=pkg-config}" "${DEPS:=auto}"
tools=$(dirname "$0")

# group            wanted                  apt                 dnf                 apk               pacman          brew
table="
build              cmd:${CC%% *}           gcc,libc6-dev       gcc,glibc-devel     gcc,musl-dev      gcc             gcc
build              cmd:${PKG_CONFIG%% *}   pkg-config          pkgconf             pkgconf           pkgconf         pkgconf
build              pkg:jansson             libjansson-dev      jansson-devel       jansson-dev       jansson         jansson
build              pkg:sqlite3             libsqlite3-dev      sqlite-devel        sqlite-dev        sqlite          sqlite
http               pkg:libmicrohttpd       libmicrohttpd-dev   libmicrohttpd-devel libmicrohttpd-dev libmicrohttpd   libmicrohttpd
http               pkg:gnutls              libgnutls28-dev     gnutls-devel        gnutls-dev        gnutls          gnutls
program            pkg:yaml-0.1            libyaml-dev         libyaml-devel       yaml-dev          libyaml         libyaml
program            pkg:libcurl             libcurl4-gnutls-dev libcurl-devel       curl-dev          curl            curl
alldata            header:leveldb/c.h      libleveldb-dev      leveldb-devel       leveldb-dev       leveldb         leveldb
alldata-http       pkg:libcurl             libcurl4-gnutls-dev libcurl-devel       curl-dev          curl            curl
alldata-nats       pkg:libnats             libnats-dev         -                   nats.c-dev        nats.c          cnats
server-nats        cmd:nats-server         nats-server         nats-server         nats-server       nats-server     nats-server
alldata-cluster    cmd:ip                  iproute2            iproute             iproute2          iproute2        -
alldata-cluster    cmd:nsenter             util-linux          util-linux          util-linux-misc   util-linux      -
driver-postgresql  pkg:libpq               libpq-dev           libpq-devel         libpq-dev         postgresql-libs libpq
server-postgresql  server:postgresql       postgresql          postgresql-server,postgresql-contrib postgresql postgresql postgresql
server-postgresql  cmd:bash                bash                bash                bash              bash            bash
server-postgresql  cmd:setpriv             util-linux          util-linux          setpriv           util-linux      util-linux
server-postgresql  cmd:ps                  procps              procps-ng           procps            procps-ng       -
driver-redis       pkg:hiredis             libhiredis-dev      hiredis-devel       hiredis-dev       hiredis         hiredis
server-redis       cmd:redis-server        redis-server        redis               redis             redis           redis
server-redis       cmd:redis-cli           redis-tools         redis               redis             redis           redis
server-redis       cmd:bash                bash                bash                bash              bash            bash
server-redis       cmd:ps                  procps              procps-ng           procps            procps-ng       -
run                cmd:bash                bash                bash                bash              bash            bash
run                cmd:setsid              util-linux          util-linux          util-linux-misc   util-linux      util-linux
run                cmd:ps                  procps              procps-ng           procps            procps-ng       -
test               pkg:check               check               check-devel         check-dev         check           check
test               pkg:libcurl             libcurl4-gnutls-dev libcurl-devel       curl-dev          curl            curl
test               cmd:bash                bash                bash                bash              bash            bash
test               cmd:ps                  procps              procps-ng           procps            procps-ng       -
test               pkg:zlib                zlib1g-dev          zlib-devel          zlib-dev          zlib            zlib
test               pkg:json-c              libjson-c-dev       json-c-devel        json-c-dev        json-c          json-c
manual             cmd:mandoc              mandoc              mandoc              mandoc            mandoc          mandoc
compilers          cmd:g++                 g++                 gcc-c++             g++               gcc             gcc
compilers          cmd:clang               clang               clang               clang             clang           llvm
abi                cmd:abidw               abigail-tools       libabigail          -                 -               -
bindings           cmd:bindgen             bindgen             bindgen-cli         rust-bindgen      rust-bindgen    bindgen
bindings           py:cffi                 python3-cffi        python3-cffi        py3-cffi          python-cffi     cffi
examples           cmd:curl                curl                curl                curl              curl            curl
examples           pkg:libuv               libuv1-dev          libuv-devel         libuv-dev         libuv           libuv
examples           pkg:glib-2.0            libglib2.0-dev      glib2-devel         glib-dev          glib2           glib
examples           pkg:libsystemd          libsystemd-dev      systemd-devel       -                 systemd-libs    -
embeddings         server:postgres.h       postgresql-server-dev-all postgresql-server-devel postgresql-dev postgresql postgresql
configure          cmd:autoconf            autoconf            autoconf            autoconf          autoconf        autoconf
valgrind           cmd:valgrind            valgrind            valgrind            valgrind          valgrind        valgrind
fuzz               cmd:clang               clang               clang               clang             clang           llvm
fuzz               fuzzer:clang            libclang-rt-dev     compiler-rt         compiler-rt       compiler-rt     llvm
"

# Not every package of clang brings libFuzzer and the sanitizers.
links_fuzzer() {
    echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return n > 0 && *d == 0; }' |
        "$1" -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null
}

present() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    py:*) python3 -c "import ${1#py:}" 2>/dev/null || /usr/bin/python3 -c "import ${1#py:}" 2>/dev/null ;;
    pkg:*) $PKG_CONFIG --exists "${1#pkg:}" 2>/dev/null ;;
    header:*) echo "#include <${1#header:}>" | $CC ${CPPFLAGS:-} -E -x c - >/dev/null 2>&1 ;;
    fuzzer:*) links_fuzzer "${1#fuzzer:}" ;;
    server:postgresql) "$tools/pg-bindir.sh" >/dev/null 2>&1 ;;
    server:postgres.h) [ -e "$("$("$tools/pg-bindir.sh" 2>/dev/null)/pg_config" --includedir-server 2>/dev/null)/postgres.h" ] ;;
    esac
}

# Sets missing to the lines of the table that are wanted and not there, required to those of them
# that must be, complete to the names of the groups that lack nothing.
look() {
    missing='' required='' complete=''
    for group in "$@"; do
        lacks=''
        while read -r name wanted packages; do
            [ "$name" = "${group#\?}" ] || continue
            present "$wanted" || lacks="$lacks$wanted $packages
"
        done <<EOT
$table
EOT
        missing=$missing$lacks
        [ -n "$lacks" ] || complete="$complete ${group#\?}"
        [ "$group" != "${group#\?}" ] || required=$required$lacks
    done
}

# The packages of all that is missing, as manager number $1 (1 apt ... 5 brew) names them.
packages() {
    printf '%s' "$missing" | awk -v n="$1" '{ print $(n + 1) }' | tr ',' '\n' | grep -v '^-' | sort -u | tr '\n' ' '
}

install_command() {
    sudo=''
    [ "$(id -u)" = 0 ] || sudo='sudo '
    if command -v apt-get; then echo "${sudo}apt-get install --no-install-recommends $(packages 1)"
    elif command -v dnf; then echo "${sudo}dnf install $(packages 2)"
    elif command -v apk; then echo "${sudo}apk add $(packages 3)"
    elif command -v pacman; then echo "${sudo}pacman -S --needed $(packages 4)"
    elif command -v brew; then echo "brew install $(packages 5)"
    else echo "install, by their names in Debian: $(packages 1)"
    fi | tail -n 1
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "$@" >&2 </dev/null
}

# Installing a server on Debian also starts it, and creates a cluster of PostgreSQL. Nobody asked for
# one here.
apt_quietly() {
    policy=/usr/sbin/policy-rc.d conf=/etc/postgresql-common/createcluster.conf saved=''
    made_policy=''
    trap '[ -z "$made_policy" ] || rm -f "$policy"
        [ -z "$saved" ] || { cp -p "$saved" "$conf"; rm -f "$saved"; }' EXIT
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && made_policy=1 && chmod 755 "$policy" || return
    fi
    case " $* " in
    *' postgresql '*)
        apt install postgresql-common && saved=$(mktemp) && cp -p "$conf" "$saved" || return
        printf '\ncreate_main_cluster = false\n' >>"$conf"
        ;;
    esac
    apt install "$@"
}

# What this release of the system lacks must not keep the rest out.
available() {
    for package in "$@"; do
        ! apt-cache show "$package" >/dev/null 2>&1 || printf '%s ' "$package"
    done
}

look "$@"
if [ -n "$missing" ] && [ "$DEPS" != no ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $(packages 1)" >&2
    apt update
    wanted=$(available $(packages 1))
    (apt_quietly $wanted)
    look "$@"
fi
if [ -n "$missing" ]; then
    echo "missing: $(printf '%s' "$missing" | sed 's/^[a-z]*:\([^ ]*\).*/\1/' | tr '\n' ' ')" >&2
    echo "  $(install_command)" >&2
fi
[ -z "$required" ] || exit 1
echo "# present:$complete"
