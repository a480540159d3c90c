#!/bin/sh
# run.sh TEST...: run tests one after the other and end with one line that sums them up.
#
# TEST is GROUP/check_NAME, a libcheck program under $BUILD/tests, or GROUP/NAME.sh, a script under
# tests/ whose last line is "N passed, N failed". A comment "run.sh timeout: SECONDS" near the top
# of the source replaces the usual limit. Lines that begin with "skipped" are shown. A test that
# counts nothing and does not say that it is skipped, or fails without counting a failure, is an
# error.

set -u
cd "$(dirname "$0")/.." || exit
export TOP="$PWD" BUILD="${BUILD:-$PWD/build}"
# A make that a test starts is on its own.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# Leaks and races belong to the test that has them, not to a forked child of it.
[ -z "${SANITIZE:-}${VALGRIND:-}" ] || export CK_FORK="${CK_FORK:-no}"
# Tests ask for more memory than there is, to see that NULL is dealt with.
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:allocator_may_return_null=1}"
# With VALGRIND=1 programs run under memcheck, and what it finds is a failure, but for memory that
# only pointers into its middle lead to, which is how SQLite holds all of its own. Everything is
# slower then, so limits are further away. Scripts are left out: the programs that they run would not
# be watched. Nor are those that a program runs.
memcheck='' slower=1
if [ "${VALGRIND:-}" = 1 ]; then
    memcheck="valgrind -q --error-exitcode=99 --leak-check=full --num-callers=40
        --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect
        --child-silent-after-fork=yes --suppressions=tests/valgrind.supp"
    slower=10
    export CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-$slower}"
fi

[ $# -gt 0 ] || echo "there is no such test" >&2
out=$(mktemp) && running='' || exit
trap 'rm -f "$out"' EXIT
trap '[ -z "$running" ] || kill "$running"; exit 130' INT TERM

# Lines of libcheck and of scripts, as "checks failures errors".
count() {
    sed -n -e 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' \
        -e 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0 \2/p' "$out" |
        awk '{ c += $1 + $4; f += $2; e += $3 } END { print c + 0, f + 0, e + 0 }'
}

checks=0 failures=0 errors=0
for test in "$@"; do
    case ${memcheck:+watched }$test in
    "watched "*.sh)
        printf 'skip  %-36s a script\n' "$test"
        continue
        ;;
    *.sh) source=tests/$test command=$source limit=900 ;;
    *) source=tests/$test.c command="$memcheck $BUILD/tests/$test" limit=300 ;;
    esac
    own_limit=$(sed -n 's/.*run\.sh timeout: \([0-9]*\).*/\1/p;20q' "$source")
    limit=$((${own_limit:-$limit} * slower))

    start=$(date +%s)
    timeout -k 10 "$limit" $command >"$out" 2>&1 </dev/null &
    running=$!
    wait "$running"
    status=$?
    running=''

    read -r c f e <<EOT
$(count)
EOT
    if [ $((f + e)) = 0 ]; then
        [ "$status" = 0 ] && { [ "$c" -gt 0 ] || grep -q '^skipped' "$out"; } || e=1 c=$((c + 1))
    fi
    checks=$((checks + c)) failures=$((failures + f)) errors=$((errors + e))

    [ $((f + e)) = 0 ] && verdict='ok  ' || verdict=FAIL
    printf '%s  %-36s %5d checks %4d s\n' "$verdict" "$test" "$c" $(($(date +%s) - start))
    if [ $((f + e)) = 0 ]; then
        grep '^skipped' "$out" | sed 's/^/      /'
    else
        sed 's/^/      /' "$out"
        [ "$status" != 124 ] || echo "      stopped after $limit s"
        [ "$status" = 124 ] || echo "      exit status $status"
    fi
done

good=$((checks - failures - errors))
echo "$((checks ? good * 100 / checks : 0))%: Checks: $checks, Failures: $failures, Errors: $errors"
[ "$checks" -gt 0 ] && [ $((failures + errors)) = 0 ]
