#!/bin/bash
# The driver keeps every rule, beside a node of three and with a node in its own process.
# replicante-alldata(7) shows both answers.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/conformance/lib.sh"
nodes=$TOP/tests/clusters/alldata.sh
alldata=$BUILD/bin/alldata
# A newer libcurl passes all.
same_rules() {
    sed -i 's/^process.cloexec  *MUST  *pass /process.cloexec MUST FAIL /' "$tmp/report"
    shown replicante-alldata 1
}
trap '"$nodes" down "$tmp/d" >/dev/null 2>&1; rm -rf "$tmp"' EXIT

a_day 120 # with another one, a node has another interval

check 'three nodes' env SECRET=hush "$nodes" up "$tmp/d" || exit
. "$tmp/d/env"
config=$tmp/remote.yaml
(umask 077 && cat >"$config") <<EOT
node_id: node-1
driver: alldata
driver_dir: "$BUILD/drivers"
version:
  command: ["$alldata", --version]
alldata:
  url: "$URL1"
  secret: "hush"
check:
  stop: ["$nodes", stop, "$tmp/d", "1"]
  start: ["$nodes", start, "$tmp/d", "1"]
  hang: ["$nodes", pause, "$tmp/d", "1"]
  resume: ["$nodes", resume, "$tmp/d", "1"]
  write: [sh, -c, 'echo "{}" | "$alldata" -a "unix:$tmp/d/n1/clients.sock" put']
  wrong_credentials: [secret=wrong]
  calls: 1000
  actions:
    - 'agent.replicante.io/cluster.join {"source": "$HOST:$((GOSSIP + 2))"}'
    - 'agent.replicante.io/cluster.remove {"node": "node-9"}'
    - 'alldata.io/repair {}'
EOT
kit
# That one is libcurl's: see the manual.
check 'beside a node' fails process.cloexec
check 'it hangs, stops and comes back there' says status.hung pass
check 'replicante-alldata(7) shows that' same_rules
"$nodes" down "$tmp/d"

config=$tmp/embedded.yaml
cat >"$config" <<EOT
node_id: node-1
driver: alldata
driver_dir: "$BUILD/drivers"
alldata:
  location: "$tmp/data"
check:
  write: [sh, -c, 'echo "{}" | "$alldata" -a "unix:$tmp/data/clients.sock" put']
  calls: 1000
  actions: ['alldata.io/repair {}']
EOT
kit --strict
check 'with a node in the process' report_good open.stopped calls.cancel status.stopped \
    status.hung status.restarted status.resumed status.credentials version.stopped \
    identity.store store.stopped shards.lag-replica
check 'replicante-alldata(7) shows that' shown replicante-alldata 2

summary
