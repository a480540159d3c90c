#!/bin/sh
# record.sh FILE: put what "make bench" printed, which comes from standard input, between the two
# marks of FILE, under a line that says where and when. MACHINE describes the machine in words, LOAD
# is what it did before.

set -eu
file=$1
: "${PKG_CONFIG:=pkg-config}" "${CC:=cc}"
new=$(mktemp)
trap 'rm -f "$new" "$new.figures"' EXIT
cat >"$new.figures"

memory=$(awk '/^MemTotal:/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
version() { "$PKG_CONFIG" --modversion "$1"; }
{
    sed '/^<!-- figures -->$/q' "$file"
    echo "$(date +%F), revision $(git rev-parse --short HEAD): ${MACHINE:-$(nproc) cores ($cpu), $memory},"
    echo "$(uname -sr), $("$CC" --version | head -n 1), SQLite $(version sqlite3), jansson $(version jansson),"
    echo "libmicrohttpd $(version libmicrohttpd). Load average before: ${LOAD:-not known}."
    echo
    echo '```'
    sed 's/ *$//' "$new.figures"
    echo '```'
    sed -n '/^<!-- end of figures -->$/,$p' "$file"
} >"$new"
cat "$new" >"$file"
