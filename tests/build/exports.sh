#!/bin/sh
# Headers, export maps, shared and static libraries name the same functions; a driver exports its
# entry function and nothing else.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit
LC_ALL=C
export LC_ALL

# declared HEADER...: functions declared REPLI_API.
declared() {
    without_comments "$@" | grep -v '^ *#' | tr '\n;' ' \n' | sed -n 's/.*REPLI_API[^(]*[ *]\([a-z]*_[a-z0-9_]*\)(.*/\1/p' | sort
}
mapped() { sed -n 's/^ *\([a-z]*_[a-z0-9_]*\);$/\1/p' "$1" | sort; }
# Later releases add nodes of their own, such as REPLICANTE_AGENT_0_2.
node_order() { awk '/\{/ { last = "" } /^ *[a-z]*_/ { if ($1 < last) exit 1; last = $1 }' "$1"; }
defined() { nm --defined-only "$@" | awk 'NF == 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort; }

# library NAME NODE MAP HEADER...
library() {
    name=$1 node=$2 map=$3
    shift 3
    declared "$@" >"$tmp/declared"
    mapped "$map" >"$tmp/mapped"
    check "$map: each node is sorted" node_order "$map"
    check "$map has what the headers declare" same "$tmp/declared" "$tmp/mapped"
    defined -D "$BUILD/lib/$name.so" >"$tmp/shared"
    check "$name.so exports the map" same "$tmp/mapped" "$tmp/shared"
    defined -g "$BUILD/lib/$name.a" >"$tmp/static"
    check "$name.a exports the map" same "$tmp/mapped" "$tmp/static"
    check "$name.so: every name has a version" \
        sh -c "! nm -D --defined-only '$BUILD/lib/$name.so' | grep ' T ' | grep -v '@@${node}_0\(_[0-9]*\)*$'"
    check "$name.so: soname" \
        sh -c "readelf -d '$BUILD/lib/$name.so' | grep -q 'soname: \[$name\.so\.0\]'"
}

core_headers=$(ls include/replicante/*.h | grep -v '/http\.h$')
library libreplicante-agent REPLICANTE_AGENT lib/replicante-agent.map $core_headers
[ ! -e "$BUILD/lib/libreplicante-agent-http.so" ] ||
    library libreplicante-agent-http REPLICANTE_AGENT lib/http/replicante-agent-http.map \
        include/replicante/http.h
[ ! -e "$BUILD/lib/liballdata.so" ] ||
    library liballdata ALLDATA lib/alldata/alldata.map \
        $(ls include/alldata/*.h | grep -v '/\(nats\|http\)\.h$')
[ ! -e "$BUILD/lib/liballdata-http.so" ] ||
    library liballdata-http ALLDATA lib/alldata-http/alldata-http.map include/alldata/http.h
[ ! -e "$BUILD/lib/liballdata-nats.so" ] ||
    library liballdata-nats ALLDATA lib/alldata-nats/alldata-nats.map include/alldata/nats.h

for so in "$BUILD"/drivers/driver_*.so; do
    [ -e "$so" ] || continue
    driver=$(basename "$so" .so)
    echo "repli_${driver}_entry" >"$tmp/entry"
    defined -D "$so" >"$tmp/exported"
    check "$driver exports only its entry function" same "$tmp/entry" "$tmp/exported"
    check "$driver uses nothing of ours" sh -c \
        "! nm -D --undefined-only '$so' | grep ' repli_' && ! readelf -d '$so' | grep 'NEEDED.*replicante'"
    check "$driver stays loaded" sh -c "readelf -d '$so' | grep -q NODELETE"
done

summary
