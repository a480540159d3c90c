#!/usr/bin/env bash
# The agent inside redis-server: examples/redis-module, built from what is installed, in a primary
# and its replica.
# run.sh timeout: 600, run.sh takes: 40

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

major=$(redis-server --version 2>/dev/null | sed -n 's/.* v=\([0-9]*\)\..*/\1/p')
if [ "${major:-0}" -lt 7 ]; then
    echo "skipped: there is no redis-server of version 7 or newer"
    exit
fi
. "$TOP/tests/examples/lib.sh"
. "$TOP/tests/embeddings/lib.sh"

redis="$TOP/tests/clusters/redis.sh"
check "README.md has the same command" says_how "$TOP/examples/redis-module/module.c"
for form in shared static; do
    trap '"$redis" down "$tmp/$form-cluster" 2>/dev/null; rm -rf "$tmp"' EXIT
    dir=$tmp/$form-cluster
    check "$form: builds as module.c says" \
        build_example $form "$TOP/examples/redis-module/module.c" || break
    module=$tmp/$form/replicante.so
    [ $form = shared ] || check "$form: needs no library of ours" links_static "$module"
    check "$form: a primary, its replica and a bare server" env SPARES=1 "$redis" up "$dir"
    . "$dir/env"
    cli() { "$redis" cli "$dir" "$@"; }
    pid_of() { cat "$dir/n$1/pid"; }
    info() { cli "$1" info "$2" | tr -d '\r'; }

    # On the primary over TCP, on the replica over a UNIX socket.
    primary=http://127.0.0.1:$((PORT + 90)) replica=unix:$dir/n2/agent.sock
    for n in 1 2; do
        # The replica saves whenever something changed.
        printf '%s\n' 'enable-module-command local' 'busy-reply-threshold 100' \
            "$([ $n = 1 ] || echo 'save 1 1')" \
            "loadmodule $module node-id r-$n cluster-id demo database $dir/n$n/agent.db$(
                [ $n = 1 ] && echo " http ${primary#http://}" || echo " socket ${replica#unix:}"
            )" >>"$dir/n$n/redis.conf"
        "$redis" stop "$dir" $n
        check "$form: server $n starts with it" "$redis" start "$dir" $n || break 2
    done

    check "$form: /info/node" until_gives HEALTHY ask "$primary" node --fresh
    check "$form: /info/node of the replica" until_gives HEALTHY ask "$replica" node --fresh
    check "$form: the version" gives "redis $(info 1 server | sed -n 's/^redis_version://p')" \
        ask "$primary" node
    check "$form: /info/store" gives demo ask "$primary" store
    check "$form: its run" gives "$(info 1 server | sed -n 's/^run_id://p')" ask "$primary" store
    check "$form: /info/shards" gives Primary ask "$primary" shards
    check "$form: /info/shards of the replica" gives Secondary ask "$replica" shards
    cli 1 set key value >/dev/null
    offset() { info 1 replication | sed -n 's/^master_repl_offset://p'; }
    same_offset() { gives "$(offset) bytes" ask "$1" shards; }
    check "$form: the primary's offset" until_gives '' same_offset "$primary"
    check "$form: the replica's offset" until_gives '' same_offset "$replica"

    threads_of "$(pid_of 3)" >"$tmp/bare"
    threads_of "$(pid_of 1)" >"$tmp/threads"
    check "$form: no thread of ours" same "$tmp/bare" "$tmp/threads"
    signals_of "$(pid_of 3)" >"$tmp/bare"
    signals_of "$(pid_of 1)" >"$tmp/signals"
    check "$form: signals are the server's business" same "$tmp/bare" "$tmp/signals"

    # A child that writes slowly.
    cli 1 debug populate 300 >/dev/null
    saving() { [ "$(info 1 persistence | grep -c '^rdb_bgsave_in_progress:1')" = 1 ]; }
    slow() { cli 1 config set rdb-key-save-delay 50000 >/dev/null; }
    quick() { cli 1 config set rdb-key-save-delay 0 >/dev/null; }
    slow
    id=$(schedule "$primary" redis.io/save)
    check "$form: the server forks to save" until_true saving
    check "$form: beside a child the agent observes" gives HEALTHY ask "$primary" node --fresh
    check "$form: and schedules" schedule "$primary" agent.replicante.io/test.success
    check "$form: and commands are answered" gives PONG cli 1 ping
    # The child has the connection, too: without a shutdown its end would not be seen.
    request='GET /api/unstable/info/node HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n'
    timeout 60 bash -c "exec 3<>/dev/tcp/127.0.0.1/${primary##*:} && printf '$request' >&3 && cat <&3" \
        >"$tmp/answer"
    check "$form: a connection ends while the child has it" [ $? = 0 ]
    check "$form: answered once" [ "$(grep -c '^HTTP/1.1 200' "$tmp/answer")" = 1 ]
    check "$form: the child is still there" saving
    quick
    check "$form: the save is done" until_gives DONE ask "$primary" action "$id"
    check "$form: begun once" [ "$(grep -c 'Background saving started' "$dir/n1/log")" = 1 ]
    check "$form: what was scheduled meanwhile, too" until_gives test.success \
        ask "$primary" actions --finished

    cli 1 bgrewriteaof >/dev/null
    check "$form: the append only file is rewritten" until_true \
        grep -q 'Background AOF rewrite finished successfully' "$dir/n1/log"
    check "$form: the replica saved by itself" until_true \
        grep -q 'Background saving terminated with success' "$dir/n2/log"
    check "$form: no agent noticed" gives HEALTHY ask "$primary" node --fresh
    check "$form: neither of them" gives HEALTHY ask "$replica" node --fresh

    # A server that dies while it saves.
    slow
    id=$(schedule "$primary" redis.io/save)
    check "$form: saves again" until_gives RUNNING ask "$primary" action "$id"
    check "$form: in a child" until_true saving
    orphan=$(ps -o pid= --ppid "$(pid_of 1)")
    "$redis" crash "$dir" 1
    check "$form: starts after kill -9" "$redis" start "$dir" 1
    check "$form: and the agent with it" gives r-1 ask "$primary" node
    check "$form: beside the child of the one before" kill -KILL $orphan
    check "$form: the action goes on and is done" until_gives DONE ask "$primary" action "$id"
    check "$form: by this run of the server" gives \
        "$(info 1 server | sed -n 's/^run_id://p')" ask "$primary" action "$id"

    # A script that does not end: the server runs its loop within it.
    timeout 60 "$redis" cli "$dir" 1 eval 'while true do end' 0 >/dev/null 2>&1 &
    busy=$!
    check "$form: a busy server is Unhealthy" until_gives 'a script keeps' \
        ask "$primary" node --fresh
    id=$(schedule "$primary" redis.io/save)
    cli 1 script kill >/dev/null
    wait $busy
    check "$form: and Healthy again" until_gives HEALTHY ask "$primary" node --fresh
    check "$form: the save waited for the script" until_gives DONE ask "$primary" action "$id"

    # Work of the agent's is between commands, not before them.
    id=$(schedule "$primary" agent.replicante.io/test.loop '{"target": 300}')
    check "$form: a thousand commands beside an action" \
        [ "$(cli 1 -r 1000 ping | grep -c PONG)" = 1000 ]
    check "$form: which is done as well" until_gives DONE ask "$primary" action "$id"

    check "$form: unloads" gives OK cli 1 module unload replicante
    check "$form: and has closed everything" holds_none "$(pid_of 1)" agent.db
    check "$form: the server goes on" gives PONG cli 1 ping
    check "$form: loads again" gives OK cli 1 module load "$module" node-id r-1 cluster-id demo \
        database "$dir/n1/agent.db" http "${primary#http://}"
    check "$form: and remembers" gives "$id" ask "$primary" actions --finished
    check "$form: arguments are checked" gives 'an argument is missing: "cluster-id"' \
        timeout 60 redis-server --port 0 --unixsocket "$tmp/none" --loadmodule "$module" node-id r-3

    cli 2 replicaof no one >/dev/null
    check "$form: a promoted replica" until_gives Primary ask "$replica" shards

    "$redis" stop "$dir" 2
    check "$form: a shutdown leaves the database" [ -s "$dir/n2/agent.db" ]
    check "$form: and nothing else" gives_no agent left_behind "$dir/n2"
    check "$form: ends" "$redis" down "$dir"
done
summary
