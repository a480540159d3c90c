#!/bin/sh
# A room includes only what stands below it, and a driver or the program only public headers.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

# only FOLDER ROOM...: its files include no internal header but those of these rooms.
only() {
    folder=$1
    shift
    allowed=$(echo "$@" | tr ' ' '|')
    check "$folder includes only: $*" sh -c "
        ! grep -HnE '^ *# *include *\"' '$folder'/*.[ch] | grep -vE '\"(($allowed)/)[a-z0-9_]+\.h\"'"
}

only lib/base base
only lib/model base model
only lib/driver base model driver
only lib/store base model store
only lib/event base model driver store event
only lib/action base model driver store event action
only lib/agent base model driver store event action agent
only lib/conformance base model driver agent conformance
only lib/web base web
[ ! -d lib/http ] || only lib/http base web http
only lib/libcurl libcurl
[ ! -d lib/alldata-http ] || only lib/alldata-http base libcurl web alldata/wire alldata-http
[ ! -d lib/alldata-nats ] || only lib/alldata-nats base alldata-nats
only lib/alldata base alldata alldata/gossip alldata/wire
only lib/alldata/gossip base alldata/gossip
only lib/alldata/wire base alldata/wire
only lib/alldata/coordinator base alldata alldata/wire alldata/coordinator
only lib/alldata/repair base alldata alldata/wire alldata/repair
only lib/alldata/node base alldata alldata/gossip alldata/wire alldata/repair alldata/node

for folder in drivers/* src/*; do
    [ -d "$folder" ] || continue
    check "$folder includes no room of lib" \
        sh -c "! grep -nE '^ *# *include *\"[^\"]*/' '$folder'/*.[ch]"
done
for folder in drivers/*; do
    [ -d "$folder" ] || continue
    check "$folder knows the driver's side only" \
        sh -c "! grep -nE 'replicante/(agent|http|model|alloc)\.h' '$folder'/*.[ch]"
done
# The core library brings no more than this into a host.
check "the core library needs only jansson and SQLite" sh -c "
    ! readelf -d '$BUILD/lib/libreplicante-agent.so' | grep NEEDED |
        grep -vE '\[(libjansson|libsqlite3|libc|libpthread|libdl|libm|lib[a-z]*san|ld-linux[^]]*|libgcc_s)\.'"

summary
