#!/bin/bash
# The driver that strangers copy keeps every rule, and the three forms of the answer say so.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/conformance/lib.sh"

store_make
config_make template

kit --strict
check 'template keeps the rules' exits 0
check 'nothing is written to standard error' test ! -s "$tmp/errors"
check 'no rule is broken' sh -c "! grep FAIL '$tmp/report'"
check 'most rules are applicable' test "$(awk '$3 == "pass"' "$tmp/report" | wc -l)" -ge 45
check 'the store is as it was' test -e "$store/cluster"
check 'the answer is as replicante-driver(7) shows it' shown replicante-driver 1
awk '$2 ~ /^(MUST|SHOULD|MAY)$/ { print $1, $2 }' "$tmp/report" >"$tmp/rules"
sed -n 's/^\.It Cm \([a-z, .-]*\) No \([A-Z]*\).*/\1 \2/p' "$TOP/man/man7/replicante-conformance.7" |
    awk '{ for (i = 1; i < NF; i++) if ($i != ",") print $i, $NF }' >"$tmp/documented"
check 'replicante-conformance(7) has the rules' same "$tmp/rules" "$tmp/documented"
rules=$(awk '$2 ~ /^(MUST|SHOULD|MAY)$/' "$tmp/report" | wc -l)

kit --json
check 'as JSON as well' exits 0
check 'there is a rule for each row' test "$(grep -c '"evidence":' "$tmp/report")" = "$rules"
check 'the verdict is there' grep -q '"conforms": true' "$tmp/report"

kit --tap
check 'in the form of TAP as well' exits 0
check 'the plan is for every rule' grep -qx "1..$rules" "$tmp/report"
check 'there is a test for each row' \
    test "$(grep -cE '^ok [0-9]+ - [a-z.-]+ (MUST|SHOULD|MAY): ' "$tmp/report")" = "$rules"

# A stop that takes long enough to end the check in it.
sed 's/stop: .*/stop: [sh, -c, "mv $1 $1.gone; : >$1.stopped; sleep 1", sh, "@"]/' "$config" |
    sed "s|@|$store|" >"$tmp/slow.yaml"
$repliagent check -c "$tmp/slow.yaml" >"$tmp/report" 2>"$tmp/errors" &
for _ in $(seq 600); do [ -e "$store.stopped" ] || sleep 0.1; done
check 'the store was stopped' test -e "$store.stopped"
kill -TERM $!
wait $!
status=$?
check 'a signal ends the check' exits 143
check 'but not before the store was started again' test -e "$store/cluster"

sed 's/stop: .*/stop: ["false"]/' "$config" >"$tmp/false.yaml"
config=$tmp/false.yaml
kit
check 'without a command that works there is no answer' exits 2
check 'and a reason' grep -q 'check.stop ended with status 1' "$tmp/errors"

config_make template "$tmp/nowhere"
kit --driver "$BUILD/drivers/driver_template.so"
check 'a driver may be named by the path of its file' exits 0
kit --driver template
check 'a driver that is not there is a finding' exits 1
check 'it has a name' says driver.loads FAIL
kit --json --tap
check 'the forms exclude each other' exits 2

summary
