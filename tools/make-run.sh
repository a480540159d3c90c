#!/usr/bin/env bash
# make run: three nodes of AllData on loopback with an agent each, a demonstration, and then all of
# them keep serving until Ctrl-C.
#
# MAKE_RUN_ONCE=1 ends after the demonstration.

. "$(dirname "$0")/run-common.sh"
cluster=$TOP/tests/clusters/alldata.sh
alldata=$BUILD/bin/alldata
[ -x "$alldata" ] || die "AllData was not built: make says what is missing for it"
end_servers() { [ ! -e "$scratch/nodes/env" ] || "$cluster" down "$scratch/nodes" || :; }

configure() {
    local dir=$scratch/agent$1
    mkdir "$dir"
    (
        umask 077
        cat >"$dir/agent.yaml" <<EOT
node_id: "node-$1"
driver: "alldata"
driver_dir: "$BUILD/drivers"
store_path: "$dir/agent.db"
http:
  bind: "$HOST:0"
  unix_socket: "$dir/agent.sock"
telemetry: {logs: {mode: "terminal"}}
observe: {interval_ms: 200, backoff_max_ms: 200}
version: {command: ["$alldata", "--version"]}
events: {sink: "alldata://$HOST:$((CLIENTS + 1)),$HOST:$((CLIENTS + 2))"}
alldata: {url: "$(node_url "$1")"}
EOT
    )
}

# The nodes.

node_url() { echo "http://$HOST:$((CLIENTS + $1))"; }
attribute() { ask "$1" store --fresh 2>/dev/null | sed -n "s|^alldata.io/$2  *||p"; }
has_attribute() { [ "$(attribute "$1" "$2")" = "$3" ]; }

# put NODE COUNT NAME: that many events, a number each.
put() { seq -f "{\"$3\": %g}" "$2" | "$alldata" -a "$(node_url "$1")" put >/dev/null; }
# kept NODE NAME: how many of them that node has itself.
kept() { "$alldata" -a "$(node_url "$1")" scan --local | grep -c "\"$2\": *[0-9]" || :; }
keeps() { [ "$(kept "$1" "$2")" = "$3" ]; }

# What is shown.

row() { printf '%-7s %-12s %-14s %5s %5s %6s  %s\n' "$@"; }
nodes() {
    echo
    row NODE STATUS VERSION LIVE DEAD HINTS URL
    for node in 1 2 3; do
        row "node-$node" "$(ask "$node" node --fresh | sed -n 's/^status  *\([A-Z_]*\).*/\1/p')" \
            "$(ask "$node" node | sed -n 's/^store  *\([^,]*\).*/\1/p')" \
            "$(attribute "$node" peers_live)" "$(attribute "$node" peers_dead)" \
            "$(attribute "$node" hints_pending)" "$(url "$node")"
    done
}

echo "Bringing up three nodes of AllData in $scratch…"
"$cluster" up "$scratch/nodes" >/dev/null
. "$scratch/nodes/env"
for node in 1 2 3; do
    configure "$node"
    run_agent "$node"
done
for node in 1 2 3; do
    wait_for 30 has_status "$node" HEALTHY && wait_for 30 has_attribute "$node" peers_live 2 ||
        die "node $node does not find the others"
done
nodes

echo
echo "A thousand events, put at node-1, are in all of them:"
put 1 1000 before
for node in 1 2 3; do wait_for 30 keeps "$node" before 1000 || die "node $node lacks events"; done
show 1 shards --fresh

echo
echo "node-3 is killed, and a thousand more are put, which a quorum of two acknowledges:"
"$cluster" crash "$scratch/nodes" 3
put 1 1000 after
wait_for 60 has_attribute 1 peers_dead 1 && wait_for 60 has_attribute 2 peers_dead 1 ||
    die "the others do not notice that node-3 is dead"
wait_for 20 has_status 3 UNAVAILABLE || die "the agent of node-3 does not notice that it is gone"
nodes

echo
echo "A repair compares what is left, and hands over what is missing anywhere:"
show 1 schedule alldata.io/repair --wait

echo
echo "node-3 comes back, and is handed over what it missed:"
"$cluster" start "$scratch/nodes" 3
wait_for 30 has_status 3 HEALTHY || die "node-3 did not come back"
wait_for 60 keeps 3 after 1000 && wait_for 60 has_attribute 1 hints_pending 0 ||
    die "node-3 lacks events: $(kept 3 after) of 1000"
wait_for 60 has_attribute 1 peers_live 2 || die "node-1 does not see node-3"
nodes
echo
for node in 1 2 3; do
    echo "node-$node has $(kept "$node" before) of the events before and $(kept "$node" after) of those after."
done

echo
echo "What happened is in AllData, too, as the agents ship their logs of events there:"
printf '\n$ alldata -a %s scan | grep UNAVAILABLE\n' "$(node_url 1)"
"$alldata" -a "$(node_url 1)" scan | grep UNAVAILABLE | cut -c 1-180 | sed 's/$/…/'

program=$(printf %q "$BUILD/bin")
cat <<EOT

Try:
  $program/repliagent watch -a $(url 1)
  $program/repliagent events -a $(url 3)
  $program/alldata -a $(node_url 2) put '{"hello": "world"}'
  curl $(node_url 1)/_alldata/status
EOT
serve 'All three'
