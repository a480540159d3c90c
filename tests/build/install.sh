#!/bin/sh
# What is installed is complete: from it alone, through pkg-config, a driver and a host are built;
# tests/examples tries the rest of what can be built. What is uninstalled is gone.
# run.sh timeout: 900, run.sh takes: 35

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

root=$tmp/root
stage="$tmp/a stage"
make_it() { "$MAKE" -s -j2 DEPS=no SANITIZE= BUILD="$tmp/build" prefix="$root" "$@" </dev/null; }
files() { (cd "$1" && find . ! -type d | sort); }

check "make install DESTDIR=" make_it install DESTDIR="$stage"
check "DESTDIR is respected" [ ! -e "$root" ]
files "$stage$root" >"$tmp/staged"
check "nothing is installed outside prefix" \
    sh -c "[ \$(find '$stage' ! -type d | wc -l) = \$(wc -l <'$tmp/staged') ]"
check "make install" make_it install
files "$root" >"$tmp/installed"
check "the same files either way" same "$tmp/staged" "$tmp/installed"
if [ "${REPLI_HTTP:-yes}" != no ]; then
    check "the program runs where it is installed" "$root/bin/repliagent" --version
fi

PKG_CONFIG_PATH=$root/lib/pkgconfig
export PKG_CONFIG_PATH
pc() { $PKG_CONFIG "$@"; }
here() { (cd "$tmp" && "$@"); }

check "replicante-agent-driver has a driverdir" \
    [ "$(pc --variable=driverdir replicante-agent-driver)" = "$root/lib/replicante/drivers" ]
check "replicante-agent-driver links nothing" [ -z "$(pc --libs replicante-agent-driver)" ]
mkdir "$tmp/template" && cp drivers/template/*.[ch] "$tmp/template/" 2>/dev/null
check "drivers/template builds from the installed headers" here "$CC" -std=c11 -Wall -Wextra \
    -Werror -fPIC -shared -fvisibility=hidden -Wl,-z,defs -Wl,-z,nodelete \
    $(pc --cflags replicante-agent-driver) -o "$tmp/driver_template.so" "$tmp"/template/*.c

check "examples/host.c builds from where it is installed" here "$CC" -Wall -Wextra -Werror \
    "$TOP/examples/host.c" $(pc --cflags --libs replicante-agent) -o "$tmp/host"

check "make uninstall" make_it uninstall
check "uninstall leaves no file" sh -c "! find '$root' ! -type d | grep ."
check "uninstall leaves no folder of ours" sh -c "! find '$root' -name 'replicante*' | grep ."
make_it uninstall DESTDIR="$stage"
check "uninstall respects DESTDIR" sh -c "! find '$stage' ! -type d | grep ."

summary
