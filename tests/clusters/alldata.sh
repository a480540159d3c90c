#!/usr/bin/env bash
# A scratch cluster of AllData on loopback. Node N is in DIR/nN and listens on CLIENTS + N, PEERS + N
# and GOSSIP + N; all of them, but for spares, begin with node 1. See common.sh for the verbs.
#
# FACTOR is the replication factor (3, or how many nodes there are if that is less), INTERVAL the
# length of an interval, SECRET that of the ports for clients, ALLDATA the program.

. "$(dirname "$0")/common.sh"
BUILD=${BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}
ALLDATA=${ALLDATA:-$BUILD/bin/alldata}

configure() {
    local dir=$DIR/n$1
    mkdir "$dir"
    (
        umask 077
        cat >"$dir/alldata.yaml" <<EOT
node_id: "node-$1"
cluster: "scratch"
data_dir: "$dir/data"
clients:
  bind: "$HOST:$((CLIENTS + $1))"
  unix_socket: "$dir/clients.sock"
peers:
  bind: "$HOST:$((PEERS + $1))"
gossip:
  bind: "$HOST:$((GOSSIP + $1))"
  seeds: ["$HOST:$((GOSSIP + ($1 > NODES ? $1 : 1)))"]
replication:
  factor: $FACTOR
storage:
  interval: "$INTERVAL"
EOT
        [ -z "$SECRET" ] || sed -i "s/^clients:\$/&\n  secret: \"$SECRET\"/" "$dir/alldata.yaml"
    )
}

up() {
    NODES=${NODES:-3} SPARES=${SPARES:-0}
    local all=$((NODES + SPARES))
    FACTOR=${FACTOR:-$((NODES < 3 ? NODES : 3))} INTERVAL=${INTERVAL:-P1D} SECRET=${SECRET:-}
    PORT=${PORT:-$(free_ports $((3 * all)))}
    CLIENTS=$((PORT - 1)) PEERS=$((PORT + all - 1)) GOSSIP=$((PORT + 2 * all - 1))
    {
        for name in HOST NODES SPARES PORT CLIENTS PEERS GOSSIP FACTOR INTERVAL SECRET ALLDATA; do
            echo "$name=${!name}"
        done
        for node in $(seq "$all"); do echo "URL$node=http://$HOST:$((CLIENTS + node))"; done
    } >"$DIR/env"
    for node in $(seq "$all"); do configure "$node"; done
    for node in $(seq "$NODES"); do start "$node"; done
}

pid() {
    local main
    main=$(cat "$DIR/n$1/pid" 2>/dev/null) || return 0
    gone "$main" || echo "$main"
}

# In a session of its own, so that Ctrl-C reaches the script that runs all only.
start() {
    local dir=$DIR/n$1
    [ -z "$(pid "$1")" ] || return 0
    (exec setsid "$ALLDATA" serve -c "$dir/alldata.yaml") >>"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    wait_for 20 port_open $((CLIENTS + $1)) || {
        tail -n 20 "$dir/log" >&2
        die "node $1 did not start"
    }
}
stop() { end "$1" TERM; }
crash() { end "$1" KILL; }

main "$@"
