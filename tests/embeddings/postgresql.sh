#!/usr/bin/env bash
# The agent inside PostgreSQL: examples/postgresql-worker, built from what is installed, in a primary
# and its standby. run.sh timeout: 600

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

PG_BINDIR=$("$TOP/tools/pg-bindir.sh") || exit
pg_config() { "$PG_BINDIR/pg_config" "$@"; }
if [ ! -e "$(pg_config --includedir-server 2>/dev/null)/postgres.h" ]; then
    echo "skipped: the headers of PostgreSQL's server are not installed"
    exit
fi
. "$TOP/tests/examples/lib.sh"
. "$TOP/tests/embeddings/lib.sh"

# Servers run as an account of their own, which may have no access to where the tree is.
chmod 755 "$tmp"
mkdir "$tmp/lib" && cp -P "$libdir"/*.so* "$tmp/lib/"
export LD_LIBRARY_PATH="$tmp/lib:$LD_LIBRARY_PATH"
pg="$TOP/tests/clusters/pg.sh"
check "README.md has the same command" says_how "$TOP/examples/postgresql-worker/worker.c"
for form in shared static; do
    trap '"$pg" down "$tmp/$form-cluster" 2>/dev/null; rm -rf "$tmp"' EXIT
    dir=$tmp/$form-cluster
    check "$form: builds as worker.c says" \
        build_example $form "$TOP/examples/postgresql-worker/worker.c" || break
    library=$tmp/$form/replicante_worker.so
    [ $form = shared ] || check "$form: needs no library of ours" links_static "$library"
    check "$form: a primary and its standby" "$pg" up "$dir"
    . "$dir/env"
    sql() { "$pg" sql "$dir" "$@"; }
    postmaster() { head -n 1 "$dir/n$1/data/postmaster.pid"; }
    child() { ps -o pid=,args= --ppid "$(postmaster "$1")" | sed -n "s/^ *\([0-9]*\) .*$2.*/\1/p"; }
    worker() { child "$1" 'replicante agent'; }

    # On the primary over TCP, on the standby over a UNIX socket.
    primary=http://127.0.0.1:$PORT standby=unix:$dir/n2/agent.sock
    for n in 1 2; do
        cat >>"$dir/n$n/data/local.conf" <<EOT
dynamic_library_path = '$tmp/$form:\$libdir'
shared_preload_libraries = 'replicante_worker'
replicante.node_id = 'pg-$n'
replicante.database = '$dir/n$n/agent.db'
$([ $n = 1 ] && echo "replicante.listen = '${primary#http://}'" ||
            echo "replicante.socket = '${standby#unix:}'")
$([ $n = 1 ] && echo "replicante.observe_interval = '1h'")
EOT
        "$pg" stop "$dir" $n
        check "$form: server $n starts with it" "$pg" start "$dir" $n || break 2
    done

    check "$form: /info/node" until_gives HEALTHY ask "$primary" node
    check "$form: /info/node of the standby" until_gives HEALTHY ask "$standby" node
    check "$form: the version" gives "$(sql 1 'SHOW server_version')" ask "$primary" node
    system=$(sql 1 'SELECT system_identifier FROM pg_control_system()')
    check "$form: /info/store" gives "$system" ask "$primary" store
    check "$form: /info/shards" gives Primary ask "$primary" shards
    check "$form: /info/shards of the standby" until_gives Secondary ask "$standby" shards
    sql 1 'CREATE TABLE t AS SELECT generate_series(1, 1000)'
    offset() { sql "$1" "SELECT $2 - '0/0'::pg_lsn"; }
    same_offset() { gives "$(offset "$2" "$3") bytes" ask "$1" shards --fresh; }
    check "$form: the primary's offset" \
        until_gives '' same_offset "$primary" 1 'pg_current_wal_flush_lsn()'
    check "$form: the standby's offset" \
        until_gives '' same_offset "$standby" 2 'pg_last_wal_replay_lsn()'

    # The server's handlers in a worker are some of those that it has in one with a session.
    caught() { echo $((16#$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status"))); }
    catches_less() { [ $(($(caught "$1") & ~$(caught "$2"))) = 0 ]; }
    one=$(worker 1)
    check "$form: no thread of ours" [ "$(threads_of "$one")" = postgres ]
    check "$form: and no signal handler of ours" \
        catches_less "$one" "$(child 1 'logical replication launcher')"
    check "$form: the agent is in the worker" holds "$one" agent.db
    check "$form: and not in the postmaster" holds_none "$(postmaster 1)" agent.db

    checkpoint() { sql 1 'SELECT checkpoint_lsn FROM pg_control_checkpoint()'; }
    before=$(checkpoint)
    id=$(schedule "$primary" postgresql.org/checkpoint)
    check "$form: the checkpoint is done" until_gives DONE ask "$primary" action "$id"
    check "$form: and was made" [ "$before" != "$(checkpoint)" ]
    id=$(schedule "$standby" postgresql.org/checkpoint)
    check "$form: a standby says whom to ask" until_gives 'ask its primary' \
        ask "$standby" action "$id"

    # An error of the server's, which is a longjmp.
    chmod 000 "$dir/n1/data/global/pg_control"
    check "$form: an error becomes a status" until_gives 'pg_control' ask "$primary" node --fresh
    chmod 600 "$dir/n1/data/global/pg_control"
    check "$form: which ends with its cause" until_gives HEALTHY ask "$primary" node --fresh
    check "$form: in the same worker" [ "$(worker 1)" = "$one" ]

    observed() { ask "$primary" node | grep observed_at; }
    before=$(observed)
    sql 1 "ALTER SYSTEM SET replicante.observe_interval = '100ms'"
    sql 1 'SELECT pg_reload_conf()' >/dev/null
    check "$form: SIGHUP ends an hour between two observations" \
        until_gives_no "$before" observed

    # Work of the agent's is in a process of its own; here is a lot of it, and the worker dies.
    id=$(schedule "$primary" agent.replicante.io/test.loop '{"target": 1000}')
    check "$form: a long action" until_gives RUNNING ask "$primary" action "$id"
    check "$form: queries are answered" gives 1 sql 1 'SELECT 1'
    kill -KILL "$(worker 1)"
    check "$form: is done after kill -9" until_gives DONE ask "$primary" action "$id"
    check "$form: in another worker" [ "$(worker 1)" != "$one" ]
    check "$form: the server has recovered" until_gives 1 sql 1 'SELECT 1'

    # An immediate stop leaves the socket, which is in nobody's way.
    "$pg" crash "$dir" 2
    check "$form: a crash leaves the socket" [ -S "${standby#unix:}" ]
    check "$form: the standby starts after it" "$pg" start "$dir" 2
    check "$form: and is asked over it" until_gives Secondary ask "$standby" shards

    "$pg" stop "$dir" 1
    check "$form: a stop leaves the database" [ -s "$dir/n1/agent.db" ]
    check "$form: and nothing else" gives_no agent left_behind "$dir/n1"
    check "$form: the standby has no primary" until_gives 'does not stream' \
        ask "$standby" node --fresh
    check "$form: promotion" gives t sql 2 'SELECT pg_promote()'
    check "$form: makes a Primary" until_gives Primary ask "$standby" shards
    id=$(schedule "$standby" postgresql.org/checkpoint)
    check "$form: which makes checkpoints" until_gives DONE ask "$standby" action "$id"
    "$pg" stop "$dir" 2
    check "$form: a stop leaves no socket" gives_no agent left_behind "$dir/n2"
    check "$form: ends" "$pg" down "$dir"
done
summary
