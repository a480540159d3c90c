#!/bin/sh
# An agent beside a host that uses json-c and an SQLite of its own, linked in every way that there is.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

if ! $PKG_CONFIG --exists json-c; then
    echo "skipped: there is no json-c"
    exit 0
fi
json_c=$($PKG_CONFIG --libs-only-L json-c)
dependencies="$($PKG_CONFIG --libs jansson sqlite3) -pthread -ldl"
sanitize=${SANITIZE:+-fsanitize=$SANITIZE}
ours_shared="-L$BUILD/lib -Wl,-rpath,$BUILD/lib -lreplicante-agent"
ours_static="$BUILD/lib/libreplicante-agent.a"

$CC $sanitize -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -Iinclude \
    $($PKG_CONFIG --cflags json-c sqlite3) -c -o "$tmp/host.o" tests/embed/hosts/neighbour.c ||
    failed=1

# host WAYS LIBRARIES...
host() {
    ways=$1
    shift
    check "links: $ways" $CC $sanitize -o "$tmp/host" "$tmp/host.o" $json_c "$@"
    for mode in '' single-thread; do
        rm -rf "$tmp/dir" && mkdir "$tmp/dir"
        check "works: $ways $mode" "$tmp/host" "$BUILD/drivers/driver_fake.so" "$tmp/dir" $mode
    done
}

host "all shared, json-c first" -ljson-c $ours_shared -lsqlite3
host "all shared, json-c last" $ours_shared -lsqlite3 -ljson-c
host "ours static, json-c first" -ljson-c $ours_static $dependencies
archive() { $CC -print-file-name="$1"; }
if [ -e "$(archive libjson-c.a)" ]; then
    host "ours static, json-c, too" -Wl,-Bstatic -ljson-c -Wl,-Bdynamic $ours_static $dependencies
    host "ours shared, json-c static" $ours_shared -Wl,-Bstatic -ljson-c -Wl,-Bdynamic -lsqlite3
else
    echo "skipped: json-c as an archive"
fi
if [ -e "$(archive libsqlite3.a)" ]; then
    host "ours shared, SQLite in the host" -ljson-c $ours_shared "$(archive libsqlite3.a)" -lm
    host "ours static, SQLite in the host" -ljson-c $ours_static "$(archive libsqlite3.a)" \
        $($PKG_CONFIG --libs jansson) -pthread -ldl -lm
else
    echo "skipped: SQLite as an archive"
fi

# Static archives and shared dependencies share one name space, and nobody can tell which is meant.
$PKG_CONFIG --variable=libdir json-c >"$tmp/libdir"
nm -D --defined-only "$(cat "$tmp/libdir")/libjson-c.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    sort -u >"$tmp/theirs"
nm --undefined-only "$BUILD"/lib/libreplicante-*.a | awk 'NF == 2 { print $2 }' | sort -u >"$tmp/used"
check "json-c exports something" test -s "$tmp/theirs"
check "nothing that is used is called like a function of json-c" \
    sh -c "! comm -12 '$tmp/theirs' '$tmp/used' | grep ."

summary
