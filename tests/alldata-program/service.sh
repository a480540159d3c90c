#!/usr/bin/env bash
# The unit file of a node: complete, and sound in systemd's own view.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

unit=$tmp/alldata.service
sed -e "s|@bindir@|$BUILD/bin|g" -e 's|@sysconfdir@|/etc|g' src/alldata/alldata.service.in >"$unit"
check 'it runs the program with its configuration' \
    grep -qx "ExecStart=$BUILD/bin/alldata serve -c /etc/alldata/alldata.yaml" "$unit"
check 'nothing is left to be filled in' sh -c '! grep -v "^#" "$1" | grep "@[a-z]*@"' sh "$unit"
for line in Type=notify NoNewPrivileges=yes ProtectSystem=strict StateDirectory=alldata \
    'RestartPreventExitStatus=2 78'; do
    check "it says $line" grep -qx "$line" "$unit"
done
# The node must end by itself, within stop_timeout and what is added to it, before systemd kills it.
check 'stopping has time' test "$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$unit")" -gt 15

if have systemd-analyze; then
    # The pages it names need not be installed here.
    sed -i '/^Documentation=/d' "$unit"
    check 'systemd finds nothing wrong' sh -c '! systemd-analyze verify "$1" 2>&1 | grep .' sh "$unit"
else
    echo "skipped systemd's own view: there is no systemd-analyze"
fi

summary
