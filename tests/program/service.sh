#!/usr/bin/env bash
# The unit file: complete, and sound in systemd's own view.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

unit=$tmp/repliagent.service
sed -e "s|@bindir@|$BUILD/bin|g" -e 's|@sysconfdir@|/etc|g' src/repliagent/repliagent.service.in >"$unit"
check 'it runs the program with its configuration' \
    grep -qx "ExecStart=$BUILD/bin/repliagent run -c /etc/replicante/agent.yaml" "$unit"
check 'nothing is left to be filled in' sh -c '! grep -v "^#" "$1" | grep "@[a-z]*@"' sh "$unit"
for line in Type=notify KillMode=mixed NoNewPrivileges=yes ProtectSystem=strict StateDirectory=replicante \
    'RestartPreventExitStatus=2 78'; do
    check "it says $line" grep -qx "$line" "$unit"
done
# The agent must end by itself before systemd loses patience, and live signs come in time.
seconds() { sed -n "s/^$1=\([0-9]*\)s$/\1/p" "$unit"; }
check 'stopping has time' test "$(seconds TimeoutStopSec)" -gt 35
check 'the watchdog has patience' test "$(seconds WatchdogSec)" -ge 10

if have systemd-analyze; then
    # The pages it names need not be installed here.
    sed -i '/^Documentation=/d' "$unit"
    check 'systemd finds nothing wrong' sh -c '! systemd-analyze verify "$1" 2>&1 | grep .' sh "$unit"
else
    echo "skipped systemd's own view: there is no systemd-analyze"
fi

summary
