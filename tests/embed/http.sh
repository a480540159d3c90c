#!/bin/sh
# A server on an agent that has no threads keeps every promise that it keeps with threads: the tests
# of tests/api again, with threads of theirs that drive the agent.
# run.sh timeout: 600, run.sh takes: 65

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

tests=$(cd "$TOP/tests/api" && ls check_http_*.c)
for test in ${tests}; do
    program=$BUILD/tests/api/${test%.c}
    [ -x "$program" ] || { echo "skipped ${test%.c}: it was not built" && continue; }
    check "${test%.c}" env REPLI_TEST_RUN_MODE=lent "$program"
done

summary
