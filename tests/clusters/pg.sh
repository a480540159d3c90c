#!/usr/bin/env bash
# A PostgreSQL primary (node 1) and streaming standbys (nodes 2 and up), each with a replication slot
# nodeN. Verbs and variables: common.sh. One more: pg.sh sql DIR N STATEMENT, as superuser.
#
# PG_BINDIR is where the server programs are; otherwise the newest version that is installed is
# used. PG_ACCOUNT is the account that servers run as if this script is run by root.

. "$(dirname "$0")/common.sh"
PG_ACCOUNT=${PG_ACCOUNT:-postgres}

bindir() {
    "$(dirname "$0")/../../tools/pg-bindir.sh"
}
# The file may be left over and its number belong to somebody else by now: the server's working
# directory is its data directory.
pid() {
    local data=$DIR/n$1/data main
    [ -s "$data/postmaster.pid" ] || return 0
    main=$(head -n 1 "$data/postmaster.pid")
    [ "$(readlink "/proc/$main/cwd")" != "$data" ] || echo "$main"
}
run() { as "$PG_ACCOUNT" "$@"; }
write() { run tee "$1" >/dev/null; }

# conf N: what differs from initdb's settings and is the node's own.
conf() {
    cat <<EOT
listen_addresses = '$HOST'
port = $((PORT + $1))
unix_socket_directories = '$DIR/n$1'
cluster_name = 'scratch'
wal_log_hints = on
wal_keep_size = 64MB
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
shared_buffers = 16MB
max_connections = 30
fsync = off
EOT
}

start() {
    run "$PG_BINDIR/pg_ctl" start -s -w -t 30 -D "$DIR/n$1/data" -l "$DIR/n$1/log" ||
        die "node $1 did not start, see $DIR/n$1/log"
}
# SIGTERM would wait for clients; SIGINT does not; SIGQUIT leaves recovery for the next start.
stop() { end "$1" INT; }
crash() { end "$1" QUIT; }
sql() {
    run "$PG_BINDIR/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$DIR/n$1" -p $((PORT + $1)) \
        -U postgres -d postgres -c "$2"
}

# The accounts as replicante-postgresql(7) has them: one that observes, one that acts, one that
# replication uses, one that pg_rewind uses.
accounts() {
    local major
    major=$(cat "$DIR/n1/data/PG_VERSION")
    cat <<EOT
CREATE ROLE agent LOGIN PASSWORD 'agentpw';
GRANT pg_monitor TO agent;
CREATE ROLE actor LOGIN REPLICATION PASSWORD 'actorpw';
GRANT pg_signal_backend TO actor;
GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO actor;
GRANT EXECUTE ON FUNCTION pg_reload_conf() TO actor;
CREATE ROLE repl LOGIN REPLICATION PASSWORD 'replpw';
CREATE ROLE rewinder LOGIN PASSWORD 'rewinderpw';
GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean) TO rewinder;
GRANT EXECUTE ON FUNCTION pg_stat_file(text, boolean) TO rewinder;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text) TO rewinder;
GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO rewinder;
EOT
    [ "$major" -lt 15 ] || echo "GRANT pg_checkpoint TO rewinder;"
}

standby() {
    run "$PG_BINDIR/pg_basebackup" -D "$DIR/n$1/data" -R -X stream -c fast -C -S "node$1" \
        -d "host=$HOST port=$((PORT + 1)) user=repl password=replpw application_name=node$1"
    conf "$1" | write "$DIR/n$1/data/local.conf"
    start "$1"
}
streams() {
    [ "$(sql 1 "SELECT count(*) FROM pg_stat_replication
                WHERE application_name = 'node$1' AND state = 'streaming'")" = 1 ]
}

up() {
    NODES=${NODES:-2} SPARES=${SPARES:-0}
    PORT=${PORT:-$(free_ports $((NODES + SPARES + 1)))}
    PG_BINDIR=$(bindir)
    {
        echo "NODES=$NODES SPARES=$SPARES PORT=$PORT HOST=$HOST PG_BINDIR=$PG_BINDIR"
        for node in $(seq $((NODES + SPARES))); do
            echo "PORT$node=$((PORT + node)) SOCK$node=$DIR/n$node DATA$node=$DIR/n$node/data"
        done
        echo "USER_SUPER=postgres"
        echo "USER_AGENT=agent PASS_AGENT=agentpw USER_ACTOR=actor PASS_ACTOR=actorpw"
        echo "USER_REPL=repl PASS_REPL=replpw USER_REWIND=rewinder PASS_REWIND=rewinderpw"
    } | tr ' ' '\n' >"$DIR/env"
    for node in $(seq $((NODES + SPARES))); do mkdir "$DIR/n$node"; done
    own "$PG_ACCOUNT" "$DIR"/n*

    run "$PG_BINDIR/initdb" -D "$DIR/n1/data" -U postgres -E UTF8 --locale=C -k -A trust -N \
        >"$DIR/initdb.log" 2>&1
    # The superuser over the socket only, everybody else over TCP with a password.
    printf '%s\n' 'local all postgres trust' 'host all all 127.0.0.1/32 scram-sha-256' \
        'host replication all 127.0.0.1/32 scram-sha-256' | write "$DIR/n1/data/pg_hba.conf"
    conf 1 | write "$DIR/n1/data/local.conf"
    printf '%s\n' "password_encryption = 'scram-sha-256'" "include 'local.conf'" |
        run tee -a "$DIR/n1/data/postgresql.conf" >/dev/null
    start 1
    sql 1 "$(accounts)"
    for node in $(seq 2 "$NODES"); do standby "$node"; done
    for node in $(seq 2 "$NODES"); do
        wait_for 20 streams "$node" || die "node $node does not stream"
    done
}

if [ "${1:-}" = sql ]; then
    old_dir "$2"
    sql "$3" "$4"
else
    main "$@"
fi
