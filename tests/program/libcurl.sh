#!/usr/bin/env bash
# libcurl is loaded by the commands that ask an agent, and by nothing else.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"

repliagent=$BUILD/bin/repliagent
check 'an agent that runs does not hold it' sh -c '! readelf -d "$1" | grep curl' sh "$repliagent"

# A library that is found, but is none.
mkdir "$tmp/broken"
: >"$tmp/broken/$(cat "$BUILD/libcurl")"
without() { LD_LIBRARY_PATH=$tmp/broken "$repliagent" "$@" 2>"$tmp/said"; }
without node -a http://127.0.0.1:1
check 'without it there is no asking' test $? = 1
check 'and it is said what is missing' grep -q 'cannot load libcurl.*too short.*install' "$tmp/said"
check 'what asks nobody works without it' without --version

summary
