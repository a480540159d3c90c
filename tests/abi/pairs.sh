#!/bin/sh
# Old and new drivers with old and new hosts. What is old is frozen in v1/. What is new is the
# library of today, and one of a release to come: the same library, and the driver in later/, are
# compiled against headers in which everything has grown that may grow.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

later=$tmp/later
compile() {
    $CC -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -Wno-missing-field-initializers \
        ${SANITIZE:+-fsanitize=$SANITIZE} "$@"
}
compile_driver() { compile -fPIC -shared -fvisibility=hidden "$@"; }

grow() {
    mkdir -p "$later/include/replicante" "$later/include/alldata"
    for header in include/*/*.h; do
        awk -f tests/abi/grow.awk tests/abi/grows "$header" >"$later/$header" || return
    done
    [ "$(cat "$later"/include/*/*.h | grep -c grown)" = "$(grep -c . tests/abi/grows)" ]
}

libs=replicante-agent
[ ! -e "$BUILD/lib/libreplicante-agent-http.so" ] || libs="$libs replicante-agent-http"
make_later() {
    "$MAKE" -s -j2 DEPS=no SANITIZE="${SANITIZE:-}" BUILD="$later" CFLAGS='-O0 -g -w' \
        REPLI_CPPFLAGS="-D_GNU_SOURCE -I$later/include" \
        $(for lib in $libs; do echo "$later/lib/lib$lib.so"; done) </dev/null
}

check "the headers grow" grow
check "the library compiles with them" make_later
check "the driver of v1 compiles" compile_driver -o "$tmp/driver_v1.so" tests/abi/v1/driver.c
check "the host of v1 compiles" compile -o "$tmp/host" tests/abi/v1/host.c -ldl
check "the program of v1 compiles" compile -pthread -o "$tmp/program" tests/abi/v1/program.c \
    -L"$BUILD/lib" $(for lib in $libs; do echo "-l$lib"; done) \
    $([ "$libs" = replicante-agent ] || echo -DWITH_HTTP)
check "the driver of later compiles" compile_driver -I"$later/include" -o "$tmp/driver_later.so" \
    tests/abi/later/driver.c

# prints EXPECTED COMMAND...
prints() {
    wanted=$1
    shift
    "$@" >"$tmp/printed" && same "$wanted" "$tmp/printed"
}

# pair DRIVER HOST KNOWN COMMAND...: run it and compare what it prints. The driver of later says
# whether it knows its host's table, that of v1 or of later, wholly.
pair() {
    driver=$1 host=$2 known=$3
    shift 3
    [ "$driver" = v1 ] && text='of v1' || text="of later for $known"
    [ "$libs" != replicante-agent ] && http='^$' || http='^http\|^listens'
    sed "s/of v1/$text/" "tests/abi/v1/$(basename "$1").out" | grep -v "$http" >"$tmp/expected"
    check "$driver driver, $(basename "$1") of v1, $host library" prints "$tmp/expected" "$@"
}

for driver in v1 later; do
    so=$tmp/driver_$driver.so
    pair $driver v1 v1 "$tmp/host" "$so" $driver '{"port":7}' '{"to":3}'
    export LD_LIBRARY_PATH="$BUILD/lib"
    pair $driver "today's" v1 "$tmp/program" "$so" "$tmp/$driver-today.db"
    export LD_LIBRARY_PATH="$later/lib"
    pair $driver later later "$tmp/program" "$so" "$tmp/$driver-later.db"
    unset LD_LIBRARY_PATH
done

mkdir "$tmp/store"
printf cluster-1 >"$tmp/store/cluster"
printf four >"$tmp/store/one.shard"
printf '%s\n' 'status 6 ' 'cluster cluster-1' 'shard one 1 4' 'outcome 3 ' >"$tmp/expected"
check "drivers/template of today, host of v1" prints "$tmp/expected" sh -c '"$@" | grep -E \
    "^(status|cluster|shard|outcome)"' sh "$tmp/host" "$BUILD/drivers/driver_template.so" template \
    "{\"directory\":\"$tmp/store\"}" '{"cluster_id":"cluster-1"}'

summary
