#!/usr/bin/env bash
# Redis servers: node 1 a primary, nodes 2 and up its replicas, spares primaries without anything.
# CLUSTER=1: a cluster of 3 primaries (PRIMARIES) with their replicas, the spares outside of it.
# Verbs and variables: common.sh. One more: redis.sh cli DIR N COMMAND..., as the default user.
#
# Accounts as replicante-redis(7) has them: agent observes, actor acts.

. "$(dirname "$0")/common.sh"

cli() {
    local node=$1
    shift
    REDISCLI_AUTH=redispw redis-cli -h "$HOST" -p $((PORT + node)) "$@"
}
# The file may be left over and its number belong to somebody else by now: the server's working
# directory is its own.
pid() {
    local main
    [ -s "$DIR/n$1/pid" ] || return 0
    main=$(cat "$DIR/n$1/pid")
    [ "$(readlink "/proc/$main/cwd")" != "$DIR/n$1" ] || echo "$main"
}
accounts() {
    cat <<EOT
user agent on >agentpw -@all +info +client|setname +cluster|info +cluster|nodes +cluster|myshardid
user actor on >actorpw -@all +info +client|setname +config|rewrite +replicaof +failover +flushall +cluster
EOT
}
# The subcommand is not known to servers before 7.2, which would refuse the file.
known_accounts() {
    if redis-server --version | grep -Eq ' v=(6|7\.[01])\.'; then
        accounts | sed 's/ +cluster|myshardid//'
    else
        accounts
    fi
}
conf() {
    cat <<EOT
bind $HOST
port $((PORT + $1))
dir $DIR/n$1
pidfile $DIR/n$1/pid
logfile $DIR/n$1/log
daemonize yes
save ""
appendonly yes
appendfsync no
requirepass redispw
masterauth redispw
enable-debug-command local
repl-ping-replica-period 1
repl-diskless-sync-delay 0
repl-timeout 5
EOT
    known_accounts
    if [ "$CLUSTER" = 1 ]; then
        printf '%s\n' "cluster-enabled yes" "cluster-port $((PORT + 100 + $1))" \
            "cluster-config-file nodes.conf" "cluster-node-timeout 2000"
    elif [ "$1" -gt 1 ] && [ "$1" -le "$NODES" ]; then
        echo "replicaof $HOST $((PORT + 1))"
    fi
}

start() {
    redis-server "$DIR/n$1/redis.conf" >>"$DIR/n$1/out" 2>&1
    wait_for 15 cli "$1" ping || die "node $1 did not start, see $DIR/n$1/log"
}
stop() { end "$1" TERM; }
crash() { end "$1" KILL; }

linked() { cli "$1" info replication | grep -q '^master_link_status:up'; }
knows() { [ "$(cli "$1" cluster nodes | grep -vc handshake)" -ge "$NODES" ]; }
settled() {
    local node
    for node in $(seq "$NODES"); do
        cli "$node" cluster info | tr -d '\r' | grep -qx 'cluster_state:ok' || return 1
        [ "$(cli "$node" cluster nodes | grep -c ' connected')" = "$NODES" ] || return 1
        ! cli "$node" cluster nodes | grep -qE 'handshake|fail' || return 1
    done
}
form() {
    local node from=0 to
    for node in $(seq "$NODES"); do cli "$node" cluster set-config-epoch "$node" >/dev/null; done
    for node in $(seq "$PRIMARIES"); do
        to=$((16384 * node / PRIMARIES - 1))
        cli "$node" cluster addslotsrange "$from" "$to" >/dev/null
        from=$((to + 1))
    done
    for node in $(seq 2 "$NODES"); do
        cli 1 cluster meet "$HOST" $((PORT + node)) $((PORT + 100 + node)) >/dev/null
    done
    for node in $(seq "$NODES"); do
        wait_for 30 knows "$node" || die "node $node did not meet the others"
    done
    for node in $(seq $((PRIMARIES + 1)) "$NODES"); do
        cli "$node" cluster replicate "$(cli $(((node - 1) % PRIMARIES + 1)) cluster myid)" \
            >/dev/null
    done
    for node in $(seq $((PRIMARIES + 1)) "$NODES"); do
        wait_for 30 linked "$node" || die "node $node has no link"
    done
    wait_for 30 settled || die "the cluster did not settle"
}

up() {
    local node
    NODES=${NODES:-2} SPARES=${SPARES:-0} CLUSTER=${CLUSTER:-0} PRIMARIES=${PRIMARIES:-3}
    PORT=${PORT:-$(free_ports $((NODES + SPARES + 101)))}
    {
        echo "NODES=$NODES SPARES=$SPARES CLUSTER=$CLUSTER PRIMARIES=$PRIMARIES"
        echo "PORT=$PORT HOST=$HOST PASS_DEFAULT=redispw"
        for node in $(seq $((NODES + SPARES))); do echo "PORT$node=$((PORT + node))"; done
        echo "USER_AGENT=agent PASS_AGENT=agentpw USER_ACTOR=actor PASS_ACTOR=actorpw"
    } | tr ' ' '\n' >"$DIR/env"
    for node in $(seq $((NODES + SPARES))); do
        mkdir "$DIR/n$node"
        conf "$node" >"$DIR/n$node/redis.conf"
        start "$node"
    done
    if [ "$CLUSTER" = 1 ] && [ "$NODES" -gt 0 ]; then
        form
    elif [ "$CLUSTER" = 0 ]; then
        for node in $(seq 2 "$NODES"); do
            wait_for 20 linked "$node" || die "node $node has no link"
        done
    fi
}

if [ "${1:-}" = cli ]; then
    old_dir "$2"
    shift 2
    cli "$@"
else
    main "$@"
fi
