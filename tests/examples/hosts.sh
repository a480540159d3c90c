#!/bin/bash
# The hosts in examples/ are built as each says, from what is installed alone, with shared and with
# static libraries of ours, and do what they are there to show. run.sh timeout: 600

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/examples/lib.sh"
have curl || { echo "skipped: curl is not installed" && summary && exit; }

# host.c loads a driver; the one to copy is built for it, also from what is installed alone.
smallest() {
    store=$tmp/$1/store
    mkdir -p "$store" && echo demo >"$store/cluster" && : >"$store/a.shard"
    (cd "$tmp/$1" && ./host "$tmp/driver_template.so" "{\"directory\": \"$store\"}") >"$tmp/out" 2>&1
    status=$?
    cat "$tmp/out"
    [ "$status" = 0 ] && grep -q '"node_id":"node-1"' "$tmp/out" &&
        grep -q '"node_status":"HEALTHY"' "$tmp/out" && grep -q '^scheduled [0-9a-f-]\{36\}$' "$tmp/out"
}

# What every host that serves the API has to show; $1: FORM, $2: NAME.
scenario() {
    mkdir -p "$tmp/$1/$2.d"
    start_host "$1" "$2" "$tmp/$1/$2.d"
    check "$2, $1: listens" url_is_there || return
    check "$2, $1: shows that its action is done" \
        wait_for '^DONE [0-9a-f-]\{36\}: the counter is 5$' "$tmp/out" "$host"
    check "$2, $1: tells of the node" until_true says /api/unstable/info/node '"HEALTHY"'
    check "$2, $1: is the primary" until_true status_is /role/primary 200
    id=$(post '{"kind": "example.com/add", "args": {"by": 37}}')
    check "$2, $1: takes an action" [ -n "$id" ]
    check "$2, $1: does it" until_true says "/api/unstable/action/$id" '"phase":"DONE"'
    check "$2, $1: the store has changed" \
        until_true says '/api/unstable/info/shards?max_age=0' '"value":42'
    check "$2, $1: refuses what is not an action" status_is /api/unstable/action/none 404
    case $2 in
    loop-*) check "$2, $1: has no thread of ours" no_thread_of_ours ;;
    esac
    check "$2, $1: ends on SIGTERM" end_host
}

check "the driver to copy builds from what is installed" $CC -std=c11 -Wall -Wextra -Werror -fPIC \
    -shared -fvisibility=hidden -Wl,-z,defs -Wl,-z,nodelete \
    $(PKG_CONFIG_PATH=$tmp/pc-shared $PKG_CONFIG --cflags replicante-agent-driver) \
    -o "$tmp/driver_template.so" drivers/template/*.c

names='host threads own-server loop-poll loop-lent loop-libuv loop-glib loop-sd-event'
for form in shared static; do
    for name in $names; do
        lacks=$(lacking "$TOP/examples/$name.c")
        [ -z "$lacks" ] || { echo "skipped $name: no $lacks" && continue; }
        check "$name builds, $form" build_example $form "$TOP/examples/$name.c" || continue
        [ $form = shared ] || check "$name links our archives" links_static "$tmp/static/$name"
        case $name in
        host) check "host, $form: shows the node" smallest $form ;;
        *) scenario $form $name ;;
        esac
    done
done

summary
