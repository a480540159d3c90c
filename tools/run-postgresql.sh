#!/usr/bin/env bash
# make run-postgresql: a PostgreSQL primary and its standby on loopback with an agent each, a
# demonstration, and then both keep serving until Ctrl-C.
#
# MAKE_RUN_ONCE=1 ends after the demonstration. As root, servers and agents run as the account
# postgres (PG_ACCOUNT), from copies, since it may not be able to read this folder.

. "$(dirname "$0")/run-common.sh"
PG_ACCOUNT=${PG_ACCOUNT:-postgres}
cluster=$TOP/tests/clusters/pg.sh
end_servers() { [ ! -e "$scratch/pg/env" ] || "$cluster" down "$scratch/pg" || :; }

# The agents.

driver_section() {
    cat <<EOT
postgresql:
  host: "$HOST"
  port: $((PORT + $1))
  user: "$USER_AGENT"
  password_file: "$scratch/agent$1/password"
  admin: {user: "$USER_ACTOR", password: "$PASS_ACTOR"}
  replication: {user: "$USER_REPL", password: "$PASS_REPL"}
  rewind: {user: "$USER_REWIND", password: "$PASS_REWIND"}
  bin_directory: "$PG_BINDIR"
  data_directory: "$scratch/pg/n$1/data"
  slot_name: "node$1"
EOT
}

configure() {
    local dir=$scratch/agent$1
    mkdir "$dir"
    (
        umask 077
        echo "$PASS_AGENT" >"$dir/password"
        cat >"$dir/agent.yaml" <<EOT
node_id: "pg-$1"
driver: "postgresql"
driver_dir: "$scratch/bin"
store_path: "$dir/agent.db"
http:
  bind: "$HOST:0"
  unix_socket: "$dir/agent.sock"
telemetry: {logs: {mode: "terminal"}}
EOT
        driver_section "$1" >>"$dir/agent.yaml"
    )
    own "$PG_ACCOUNT" "$dir"
}

as_account=()
[ "$(id -u)" != 0 ] || as_account=(setpriv --reuid="$PG_ACCOUNT" --regid="$(id -g "$PG_ACCOUNT")" --init-groups)
has_role() { ask "$1" shards --fresh | grep -q " $2 "; }
is_healthy() { has_status "$1" HEALTHY; }

# What is shown.

row() { printf '%-6s %-9s %-18s %-10s %16s %10s  %s\n' "$@"; }
node_row() {
    local status version
    status=$(ask "$1" node | sed -n 's/^status  *//p')
    version=$(ask "$1" node | sed -n 's/^store  *\([^,]*\).*/\1/p')
    ask "$1" shards | awk 'NR == 2 { print $2; print $3, $4; print $5, $6 }' >"$scratch/shard" || :
    row "pg-$1" "$status" "$version" "$(sed -n 1p "$scratch/shard")" \
        "$(sed -n 2p "$scratch/shard")" "$(sed -n 3p "$scratch/shard")" "$(url "$1")"
}
nodes() {
    echo
    row NODE STATUS VERSION ROLE OFFSET LAG URL
    node_row 1
    node_row 2
}
echo "Bringing up a PostgreSQL primary and a standby in $scratch…"
chmod 755 "$scratch"
mkdir "$scratch/bin"
cp "$BUILD/bin/repliagent" "$BUILD/drivers/driver_postgresql.so" "$scratch/bin"
repliagent=$scratch/bin/repliagent
NODES=2 "$cluster" up "$scratch/pg" >/dev/null
. "$scratch/pg/env"
for node in 1 2; do
    configure "$node"
    run_agent "$node" "${as_account[@]}"
done
wait_for 20 is_healthy 1 && wait_for 20 is_healthy 2 || die "the nodes do not become healthy"
nodes

show 1 schedule agent.replicante.io/test.loop '{"target": 3}' --wait
echo
echo "Make pg-2 the primary, and pg-1 its standby:"
show 2 schedule postgresql.org/promote --wait
show 1 schedule postgresql.org/rejoin "{\"source\": \"$HOST:$((PORT + 2))\"}" --wait
wait_for 20 has_role 1 Secondary && wait_for 20 is_healthy 1 && wait_for 20 is_healthy 2 ||
    die "the nodes did not change their roles"
nodes

program=$(printf %q "$BUILD/bin/repliagent")
cat <<EOT

Try:
  $program watch -a $(url 1)
  $program actions --finished -a $(url 2)
  curl $(url 1)/api/unstable/info/shards
  curl -i $(url 2)/role/primary
EOT
serve Both
