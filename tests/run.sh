#!/bin/sh
# run.sh TEST...: run tests, JOBS of them at a time (as many as there are processors), and end with
# one line that sums them up.
#
# TEST is GROUP/check_NAME, a libcheck program under $BUILD/tests, or GROUP/NAME.sh, a script under
# tests/ whose last line is "N passed, N failed". Lines that begin with "skipped" are shown. A test
# that counts nothing and does not say that it is skipped, or fails without counting a failure, is
# an error. Near the top of the source a comment says what is special about a test:
#
#     run.sh timeout: SECONDS   instead of the usual limit
#     run.sh takes: SECONDS     it is long, and so begins before those that are not
#     run.sh alone: REASON      nothing may run beside it
#
# Those of the groups in FIRST come first, and those that run alone last.

set -u
cd "$(dirname "$0")/.." || exit
export TOP="$PWD" BUILD="${BUILD:-$PWD/build}"
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)} first=" ${FIRST:-} "
case $jobs in
'' | *[!0-9]* | 0) echo "JOBS is the number of tests that run at a time, not \"$jobs\"" >&2 && exit 2 ;;
esac
# A make that a test starts is on its own.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES JOBS FIRST

# Leaks and races belong to the test that has them, not to a forked child of it.
[ -z "${SANITIZE:-}${VALGRIND:-}" ] || export CK_FORK="${CK_FORK:-no}"
# What sets no limit has libcheck's, four seconds, which are few beside everything else.
export CK_DEFAULT_TIMEOUT="${CK_DEFAULT_TIMEOUT:-60}"
# Tests ask for more memory than there is, to see that NULL is dealt with.
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:allocator_may_return_null=1:die_after_fork=0:suppressions='$PWD/tests/tsan.supp'}"
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
running='' # processes, one a test
stop() {
    trap '' INT TERM HUP
    [ -z "$running" ] || kill $running
    wait
    exit 130
}
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
trap stop INT TERM HUP
mkfifo "$dir/ended" && exec 3<>"$dir/ended" || exit

source_of() {
    case $1 in
    *.sh) echo "tests/$1" ;;
    *) echo "tests/$1.c" ;;
    esac
}

# seconds SOURCE NAME: what the source says of NAME.
seconds() { sed -n "s/.*run\.sh $2: \([0-9]*\).*/\1/p;20q" "$1"; }
is_alone() { sed 20q "$1" | grep -q 'run\.sh alone: '; }

# What begins when, as "CLASS -SECONDS PLACE TEST".
in_turn() {
    place=0
    for test in "$@"; do
        place=$((place + 1)) source=$(source_of "$test") class=2 takes=0
        case $first in *" ${test%%/*} "*) class=0 ;; esac
        [ "$class" = 0 ] || takes=$(seconds "$source" takes)
        [ "${takes:-0}" -eq 0 ] || class=1
        ! is_alone "$source" || class=3
        echo "$class -${takes:-0} $place $test"
    done | sort -k1n -k2n -k3n
}

# begin NUMBER TEST: its output will be in $dir/NUMBER, and how it ended in $dir/NUMBER.end.
begin() {
    case $2 in
    *.sh) command=tests/$2 limit=900 ;;
    *) command="$memcheck $BUILD/tests/$2" limit=300 ;;
    esac
    own_limit=$(seconds "$(source_of "$2")" timeout)
    limit=$((${own_limit:-$limit} * slower))
    (
        pid='' stopped='' start=$(date +%s)
        trap 'stopped=1; [ -z "$pid" ] || kill "$pid"' TERM
        trap - EXIT
        timeout -k 10 "$limit" $command >"$dir/$1" 2>&1 </dev/null 3>&- &
        pid=$!
        [ -z "$stopped" ] || kill "$pid"
        wait "$pid"
        status=$?
        [ -z "$stopped" ] || wait "$pid"
        echo "$2 $status $limit $(($(date +%s) - start))" >"$dir/$1.end"
        echo "$1" >&3
    ) &
    running="$running $!"
    eval "process_$1=$!"
}

# Lines of libcheck and of scripts, as "checks failures errors".
count() {
    sed -n -e 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' \
        -e 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0 \2/p' "$1" |
        awk '{ c += $1 + $4; f += $2; e += $3 } END { print c + 0, f + 0, e + 0 }'
}

checks=0 failures=0 errors=0 bad=''

# tell NUMBER: what became of it.
tell() {
    read -r name status limit seconds <"$dir/$1.end"
    read -r c f e <<EOT
$(count "$dir/$1")
EOT
    if [ $((f + e)) = 0 ]; then
        [ "$status" = 0 ] && { [ "$c" -gt 0 ] || grep -q '^skipped' "$dir/$1"; } || e=1 c=$((c + 1))
    fi
    checks=$((checks + c)) failures=$((failures + f)) errors=$((errors + e))

    [ $((f + e)) = 0 ] && verdict='ok  ' || verdict=FAIL bad="$bad $name"
    printf '%s  %-36s %5d checks %4d s\n' "$verdict" "$name" "$c" "$seconds"
    if [ $((f + e)) = 0 ]; then
        grep '^skipped' "$dir/$1" | sed 's/^/      /'
    else
        sed 's/^/      /' "$dir/$1"
        [ "$status" != 124 ] || echo "      stopped after $limit s"
        [ "$status" = 124 ] || echo "      exit status $status"
    fi
    rm "$dir/$1" "$dir/$1.end"
}

# Wait until there are no more than so many.
at_most() {
    while [ "$active" -gt "$1" ]; do
        read -r number <&3 || continue
        eval "ended=\$process_$number"
        wait "$ended"
        running=$(echo "$running " | sed "s/ $ended / /; s/ *\$//")
        active=$((active - 1))
        tell "$number"
    done
}

active=0 number=0
in_turn "$@" >"$dir/turns"
while read -r class _ place test <&4; do
    case ${memcheck:+watched }$test in
    "watched "*.sh)
        printf 'skip  %-36s a script\n' "$test"
        continue
        ;;
    esac
    [ "$class" != 3 ] || jobs=1
    at_most $((jobs - 1))
    begin "$place" "$test" 4<&-
    active=$((active + 1))
done 4<"$dir/turns"
at_most 0

[ -z "$bad" ] || echo "failed:$bad"
good=$((checks - failures - errors))
echo "$((checks ? good * 100 / checks : 0))%: Checks: $checks, Failures: $failures, Errors: $errors"
[ "$checks" -gt 0 ] && [ $((failures + errors)) = 0 ]
