#!/bin/sh
# run.sh TEST...: run tests one after the other and end with one line that sums them up.
#
# TEST is GROUP/check_NAME, a libcheck program under $BUILD/tests, or GROUP/NAME.sh, a script under
# tests/ whose last line is "N passed, N failed". A line "# timeout: SECONDS" in a script, or
# "timeout: SECONDS" in a program's source, replaces the usual limit. A test that prints no
# count, or fails without counting a failure, is an error.

set -u
cd "$(dirname "$0")/.." || exit
export TOP="$PWD" BUILD="${BUILD:-$PWD/build}"
export LD_LIBRARY_PATH="$BUILD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
# A make started by a test is on its own.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# Leaks and races belong to the test that has them, not to a forked child of it.
[ -z "${SANITIZE:-}${VALGRIND:-}" ] || export CK_FORK="${CK_FORK:-no}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1}"
valgrind=
[ "${VALGRIND:-}" != 1 ] ||
    valgrind='valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite'

out=$(mktemp) || exit
trap 'rm -f "$out"' EXIT
trap 'exit 130' INT TERM

checks=0 failures=0 errors=0
for test in "$@"; do
    case $test in
    *.sh) source=tests/$test command=$source limit=900 ;;
    *) source=tests/$test.c command="$valgrind $BUILD/tests/$test" limit=300 ;;
    esac
    limit=$(sed -n 's/.*timeout: \([0-9][0-9]*\).*/\1/p;30q' "$source" | head -n 1 | grep . || echo $limit)
    start=$(date +%s)
    timeout -k 10 "$limit" $command >"$out" 2>&1 </dev/null
    status=$?
    seconds=$(($(date +%s) - start))

    case $test in
    *.sh) pattern='s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0/p' ;;
    *) pattern='s/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' ;;
    esac
    read -r c f e <<EOT
$(sed -n "$pattern" "$out" | awk '{ c += $1; f += $2; e += $3 } END { print c + 0, f + 0, e + 0 }')
EOT
    case $test in *.sh) c=$((c + f)) ;; esac
    if [ "$c" = 0 ] || { [ $status != 0 ] && [ $((f + e)) = 0 ]; }; then
        e=$((e + 1)) c=$((c + 1))
    fi
    checks=$((checks + c)) failures=$((failures + f)) errors=$((errors + e))

    if [ $((f + e)) = 0 ]; then
        printf 'ok    %-36s %5d checks %4d s\n' "$test" "$c" "$seconds"
        grep '^skip' "$out" | sed 's/^/      /'
    else
        why=
        [ $status != 124 ] || why=" (stopped after $limit s)"
        printf 'FAIL  %-36s %5d checks %4d s%s\n' "$test" "$c" "$seconds" "$why"
        sed 's/^/      /' "$out"
    fi
done

good=$((checks - failures - errors))
echo "$((checks ? good * 100 / checks : 0))%: Checks: $checks, Failures: $failures, Errors: $errors"
[ "$checks" -gt 0 ] && [ $((failures + errors)) = 0 ]
