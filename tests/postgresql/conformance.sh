#!/bin/bash
# The driver keeps every rule, beside a primary and beside a standby. replicante-postgresql(7) shows
# one of the answers.
# run.sh takes: 100

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/conformance/lib.sh"
servers=$TOP/tests/clusters/pg.sh
account=${PG_ACCOUNT:-postgres}
trap '"$servers" down "$tmp/d" >/dev/null 2>&1; rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

# An agent that restarts the server must be of the server's account, which may not come to where
# this tree lies.
drivers=$BUILD/drivers
if [ "$(id -u)" = 0 ]; then
    drivers=$tmp/tree/drivers servers=$tmp/tree/tests/clusters/pg.sh
    mkdir -p "$drivers" "$tmp/tree/tests"
    cp "$BUILD/bin/repliagent" "$tmp/tree"
    cp "$BUILD/drivers/driver_postgresql.so" "$drivers"
    cp -r "$TOP/tests/clusters" "$tmp/tree/tests"
    cp -r "$TOP/tools" "$tmp/tree"
    chmod -R u=rwX,go=rX "$tmp/tree"
    repliagent="setpriv --reuid=$account --regid=$(id -g "$account") --init-groups $tmp/tree/repliagent"
fi

# config NODE CALLS ACTION...: $config for an agent of that node, and for so many calls. What is
# written goes to the primary.
config() {
    node=$1 calls=$2 config=$tmp/$1.yaml
    shift 2
    (umask 077 && cat >"$config") <<EOT
node_id: node-$node
driver: postgresql
driver_dir: "$drivers"
postgresql:
  host: 127.0.0.1
  port: $((PORT + node))
  user: agent
  password: agentpw
  admin: {user: actor, password: actorpw}
  replication: {user: repl, password: replpw}
  bin_directory: "$PG_BINDIR"
  data_directory: "$tmp/d/n$node/data"
  slot_name: node$node
check:
  stop: ["$servers", stop, "$tmp/d", "$node"]
  start: ["$servers", start, "$tmp/d", "$node"]
  hang: ["$servers", pause, "$tmp/d", "$node"]
  resume: ["$servers", resume, "$tmp/d", "$node"]
  write: ["$servers", sql, "$tmp/d", "1", "SELECT pg_logical_emit_message(false, 'check', 'x')"]
  wrong_credentials: [password=wrong]
  calls: $calls
  actions: [$(printf "'%s', " "$@")]
EOT
    [ "$(id -u)" != 0 ] || chown "$account" "$config"
}

check 'a primary and a standby' env NODES=2 "$servers" up "$tmp/d" || exit
. "$tmp/d/env"
config 1 10000 'agent.replicante.io/cluster.init {}' \
    'agent.replicante.io/cluster.add {"node": "other", "address": "127.0.0.1"}' \
    'agent.replicante.io/cluster.remove {"node": "other"}' 'postgresql.org/restart {}'
kit --strict
check 'beside the primary' report_good calls.concurrent shards.lag-replica
check 'replicante-postgresql(7) shows that' shown replicante-postgresql 1
config 2 1000 "agent.replicante.io/cluster.join {\"source\": \"127.0.0.1:$PORT1\"}" \
    'postgresql.org/restart {}' 'postgresql.org/promote {}'
kit --strict
check 'beside the standby' report_good calls.concurrent

summary
