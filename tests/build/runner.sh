#!/bin/sh
# tests/run.sh: what runs beside what, and in which turn; what it says of tests that fail, hang or
# count nothing; and that nothing is left when it is told to end.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

mkdir -p "$tmp/tests/quick" "$tmp/tests/slow"
cp "$TOP/tests/run.sh" "$tmp/tests/"
cd "$tmp" || exit
log=$tmp/log
export log

# make_test NAME [SPECIAL]: one whose commands are read from standard input.
make_test() {
    { printf '#!/bin/sh\n# run.sh %s\n' "${2:-nothing}" && cat; } >"tests/$1.sh"
    chmod +x "tests/$1.sh"
}
# Begins, waits until there are as many beginnings as $1, and ends.
meet() {
    cat <<EOT
echo "begin \$0" >>"\$log"
for i in \$(seq 600); do [ "\$(grep -c ^begin "\$log")" -ge $1 ] && break; sleep 0.05; done
echo "end \$0" >>"\$log"
echo "$2 passed, 0 failed"
EOT
}
run() { : >"$log" && env -u SANITIZE -u VALGRIND TMPDIR="$tmp" "$@" >"$tmp/said" 2>&1; }
said() { grep -qx -- "$1" "$tmp/said"; }
turns() { sed -n 's|^begin tests/||p' "$log" | paste -sd' '; }

meet 1 1 | make_test quick/one
meet 1 1 | make_test slow/short
meet 1 1 | make_test slow/long 'timeout: 60, run.sh takes: 50'
meet 1 1 | make_test slow/longer 'takes: 60'
meet 1 1 | make_test slow/apart 'alone: for reasons'
all='slow/apart.sh slow/short.sh slow/long.sh slow/longer.sh quick/one.sh'
check "tests are run" run env JOBS=1 FIRST='unit quick' tests/run.sh $all
check "in their turn" \
    test "$(turns)" = 'quick/one.sh slow/longer.sh slow/long.sh slow/short.sh slow/apart.sh'
check "one at a time" sh -c "! awk '{ print \$1 }' '$log' | uniq -d | grep ."
check "all are counted in the last line" \
    test "$(tail -n 1 "$tmp/said")" = '100%: Checks: 5, Failures: 0, Errors: 0'

meet 2 1 | make_test slow/short
meet 2 1 | make_test slow/long
check "two at a time" run env JOBS=2 tests/run.sh slow/short.sh slow/long.sh slow/apart.sh
check "which begin before one of them ends" \
    test "$(awk '{ print $1 }' "$log" | paste -sd' ')" = 'begin begin end end begin end'
check "but for those that run alone" test "$(tail -n 1 "$log")" = 'end tests/slow/apart.sh'

printf 'echo one; sleep 0.2; echo two; echo "2 passed, 1 failed"; exit 1\n' | make_test slow/short
printf 'echo "skipped: for reasons"\n' | make_test slow/long
printf 'echo "3 passed, 0 failed"; exit 3\n' | make_test slow/longer
printf 'sleep 600\n' | make_test slow/hangs 'timeout: 1'
true | make_test slow/silent
check "a failure is one of the whole" sh -c "! JOBS=3 tests/run.sh slow/short.sh slow/long.sh \
    slow/longer.sh slow/hangs.sh slow/silent.sh quick/one.sh >'$tmp/said' 2>&1"
check "the counts are those of all" \
    test "$(tail -n 1 "$tmp/said")" = '60%: Checks: 10, Failures: 1, Errors: 3'
check "those that failed are named" \
    test "$(sed -n 's/^failed: //p' "$tmp/said" | tr ' ' '\n' | sort | paste -sd' ')" = \
    'slow/hangs.sh slow/longer.sh slow/short.sh slow/silent.sh'
check "what one wrote is kept together" \
    test "$(grep -A 3 'FAIL  slow/short' "$tmp/said" | sed '1d;s/ *//' | paste -sd,)" = \
    'one,two,2 passed, 1 failed'
check "what was skipped is told" said '      skipped: for reasons'
check "so is a status" said '      exit status 3'
check "and a hang" said '      stopped after 1 s'

# A test that notes what it started, and goes on if it is asked to end.
cat <<'EOT' | make_test slow/hangs
trap '' TERM
sleep 600 &
echo "$$ $!" >>"$log"
wait
EOT
: >"$log"
JOBS=2 TMPDIR="$tmp" tests/run.sh slow/hangs.sh slow/short.sh >"$tmp/said" 2>&1 &
runner=$!
for _ in $(seq 600); do [ -s "$log" ] || sleep 0.05; done
kill -TERM "$runner"
wait "$runner"
check "told to end, it does" test $? = 130
check "and with it what it started" sh -c "! kill -0 $(sed 's/ / 2>\/dev\/null || kill -0 /' "$log")"
check "and its files" sh -c "! ls -d '$tmp'/tmp.*"

check "a number of tests is a number" sh -c '! JOBS=many tests/run.sh quick/one.sh 2>/dev/null'

summary
