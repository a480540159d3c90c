#!/usr/bin/env bash
# make run-postgresql: what it shows, that it serves, and that nothing is left when it ends.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
[ -e "$BUILD/drivers/driver_postgresql.so" ] || { echo 'skip: no PostgreSQL driver was built'; passed=1; summary; exit; }
"$TOP/tools/pg-bindir.sh" >/dev/null 2>&1 || { echo 'skip: no PostgreSQL server programs'; passed=1; summary; exit; }

. "$TOP/tests/program/lib.sh"

MAKE_RUN_ONCE=1 "$TOP/tools/run-postgresql.sh" >"$out" 2>&1 </dev/null
status=$?
check 'the demonstration ends well' test "$status" = 0
check 'both nodes are shown' shown '^pg-1 +HEALTHY +postgresql [0-9.]+ +Primary +[0-9]+ bytes +- +http://127\.0\.0\.1:[0-9]+$'
check 'the standby has a lag' shown '^pg-2 +HEALTHY +postgresql [0-9.]+ +Secondary +[0-9]+ bytes +[0-9]+ bytes +http://'
check 'an action is shown done' shown '^DONE +after .* \{"count":3\}$'
check 'the roles change' shown '^pg-2 +HEALTHY +postgresql [0-9.]+ +Primary '
check 'the former primary follows' shown '^pg-1 +HEALTHY +postgresql [0-9.]+ +Secondary '
check 'nothing is left' nothing_left
[ "$failed" = 0 ] || cat "$out"

"$TOP/tools/run-postgresql.sh" >"$out" 2>&1 </dev/null &
run=$!
trap 'kill "$run" 2>/dev/null; wait "$run"; rm -rf "$tmp"' EXIT
check 'it keeps serving' wait_for_line '^Both keep serving'
url=$(sed -n 's/.*repliagent watch -a //p' "$out")
check 'both agents answer' "$BUILD/bin/repliagent" node -a "$url"
kill -TERM "$run"
wait "$run"
check 'SIGTERM ends it' test $? = 143
check 'nothing is left after SIGTERM' nothing_left

summary
