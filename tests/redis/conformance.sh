#!/bin/bash
# The driver keeps every rule, beside a primary and a replica, with replication and in cluster mode.
# replicante-redis(7) shows two of the answers.
# run.sh takes: 50

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/conformance/lib.sh"
servers=$TOP/tests/clusters/redis.sh
trap '"$servers" down "$tmp/d" >/dev/null 2>&1; rm -rf "$tmp"' EXIT

# config NODE CALLS ACTION...: $config for an agent of that node, and for so many calls. What is
# written goes to its primary.
config() {
    node=$1 calls=$2 config=$tmp/$1.yaml
    shift 2
    (umask 077 && cat >"$config") <<EOT
node_id: node-$node
driver: redis
driver_dir: "$BUILD/drivers"
version:
  command: [redis-server, --version]
redis:
  cluster_id: scratch
  port: $((PORT + node))
  user: agent
  password: agentpw
  admin: {user: actor, password: actorpw}
check:
  stop: ["$servers", stop, "$tmp/d", "$node"]
  start: ["$servers", start, "$tmp/d", "$node"]
  hang: ["$servers", pause, "$tmp/d", "$node"]
  resume: ["$servers", resume, "$tmp/d", "$node"]
  write: ["$servers", cli, "$tmp/d", "1", -c, set, key, value]
  wrong_credentials: [password=wrong]
  calls: $calls
  actions: [$(printf "'%s', " "$@")]
EOT
}

check 'servers with replication' env NODES=2 "$servers" up "$tmp/d" || exit
. "$tmp/d/env"
config 1 10000 'agent.replicante.io/cluster.init {}' \
    "agent.replicante.io/cluster.add {\"address\": \"127.0.0.1:$PORT2\"}"
kit --strict
check 'beside the primary' report_good calls.concurrent shards.lag-replica
check 'replicante-redis(7) shows that' shown replicante-redis 1
config 2 1000 "agent.replicante.io/cluster.join {\"source\": \"127.0.0.1:$PORT1\"}" \
    'redis.io/promote {"force": true}'
kit --strict
check 'beside the replica' report_good calls.concurrent
"$servers" down "$tmp/d"

check 'servers in cluster mode' env CLUSTER=1 NODES=6 "$servers" up "$tmp/d" || exit
. "$tmp/d/env"
# The last action makes the replica a primary.
config 4 1000 "agent.replicante.io/cluster.join {\"source\": \"127.0.0.1:$PORT1\"}" 'redis.io/promote {}'
kit --strict
check 'beside a replica in cluster mode' report_good calls.concurrent
config 4 10000 'agent.replicante.io/cluster.init {}' \
    "agent.replicante.io/cluster.add {\"address\": \"127.0.0.1:$PORT1\"}"
kit --strict
check 'beside a primary in cluster mode' report_good calls.concurrent shards.lag-replica
check 'replicante-redis(7) shows that' shown replicante-redis 2

summary
