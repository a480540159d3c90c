#!/usr/bin/env bash
# make run: what it shows, that it serves, and that nothing is left when it ends.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
[ -x "$BUILD/bin/alldata" ] || { echo 'skip: AllData was not built'; passed=1; summary; exit; }

. "$TOP/tests/program/lib.sh"
times() { [ "$(grep -Ec -- "$1" "$out")" = "$2" ]; }

MAKE_RUN_ONCE=1 "$TOP/tools/make-run.sh" >"$out" 2>&1 </dev/null
status=$?
check 'the demonstration ends well' test "$status" = 0
check 'all nodes are shown, before and after' \
    times '^node-[123] +HEALTHY +alldata [0-9.]+ +2 +0 +0 +http://127\.0\.0\.1:[0-9]+$' 6
check 'the shards are shown' shown '^[0-9]{8}T000000 +Primary +[0-9]+ events +-$'
check 'the killed node is unavailable' shown '^node-3 +UNAVAILABLE '
check 'what it misses is kept' shown '^node-1 +HEALTHY +alldata [0-9.]+ +1 +1 +[1-9][0-9]* '
check 'a repair is shown done' shown '^DONE +after .*"missing":0'
check 'nothing was lost' \
    times '^node-[123] has 1000 of the events before and 1000 of those after\.$' 3
check 'the change is in AllData' shown '"node_id":"node-3".*"old":"HEALTHY","new":"UNAVAILABL'
check 'nothing is left' nothing_left
[ "$failed" = 0 ] || cat "$out"

"$TOP/tools/make-run.sh" >"$out" 2>&1 </dev/null &
run=$!
trap 'kill "$run" 2>/dev/null; wait "$run"; rm -rf "$tmp"' EXIT
check 'it keeps serving' wait_for_line '^All three keep serving'
url=$(sed -n 's/.*repliagent watch -a //p' "$out")
check 'the agents answer' "$BUILD/bin/repliagent" node -a "$url"
kill -TERM "$run"
wait "$run"
check 'SIGTERM ends it' test $? = 143
check 'nothing is left after SIGTERM' nothing_left

summary
