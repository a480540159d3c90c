# For the tests of repliagent check: . "$TOP/tests/conformance/lib.sh", after tests/lib.sh.

repliagent=$BUILD/bin/repliagent

# store_make: $store, a datastore for the driver template and those that are made after it, with a
# node in a cluster.
store_make() {
    store=$tmp/store
    mkdir "$store"
    printf conformance >"$store/cluster"
    printf '0123456789' >"$store/first.shard"
    printf '01234' >"$store/second.shard"
}

# config_make DRIVER: $config, for a driver that has the directory $store.
config_make() {
    config=$tmp/$1.yaml
    cat >"$config" <<EOT
node_id: check-1
driver: $1
driver_dir: "${2:-$BUILD/drivers}"
$1:
  directory: "$store"
check:
  stop: [mv, "$store", "$store.gone"]
  start: [mv, "$store.gone", "$store"]
  write: [sh, -c, "printf more >>'$store/first.shard'"]
  actions: ['agent.replicante.io/cluster.init {"cluster_id": "conformance"}']
  calls: 1000
EOT
}

# kit [OPTION...]: check $config; what it says is in $tmp/report, its status in $status.
kit() {
    $repliagent check -c "$config" "$@" >"$tmp/report" 2>"$tmp/errors"
    status=$?
}

# report_good RULE...: nothing failed, and all rules but these are applicable.
report_good() {
    exits 0 && fails || return
    awk '$3 == "n/a" { print $1 }' "$tmp/report" >"$tmp/left"
    printf '%s\n' "$@" | diff - "$tmp/left"
}

# says RULE RESULT: that row of the table came out like that.
says() { awk -v rule="$1" -v result="$2" '$1 == rule && $3 == result { found = 1 } END { exit !found }' "$tmp/report"; }

# shown PAGE N: the Nth answer on that page of section 7 has the rules and results of the report.
shown() {
    awk -v n="$2" '/^RULE +LEVEL/ { block++ } /^\.Ed/ { ended = block }
        block == n && ended < n && $2 ~ /^(MUST|SHOULD|MAY)$/ { print $1, $2, $3 }' \
        "$TOP/man/man7/$1.7" >"$tmp/shown"
    awk '$2 ~ /^(MUST|SHOULD|MAY)$/ { print $1, $2, $3 }' "$tmp/report" | diff -u "$tmp/shown" -
}

# exits STATUS: the kit ended with it.
exits() { [ "$status" = "$1" ] || { faults; false; }; }

# fails RULE...: these may fail, and no others.
fails() {
    ! awk '$3 == "FAIL" { print $1 }' "$tmp/report" | grep -vxF "$(printf '%s\n' "$@")" >"$tmp/left" ||
        { faults; false; }
}

# faults: what is wrong first, then all else that did not pass, and no more.
faults() {
    awk '$3 == "FAIL"' "$tmp/report"
    awk '$2 !~ /^(MUST|SHOULD|MAY)$/ || $3 !~ /^(pass|FAIL)$/' "$tmp/report"
    cat "$tmp/errors"
}
