#!/bin/sh
# fuzz.sh SECONDS TARGET...: run each target with libFuzzer, one after the other, beginning with what
# is in tests/fuzz/corpus/TARGET. New inputs go into $BUILD/fuzz/TARGET, where the next run finds
# them, and what broke a target into $BUILD/fuzz/finds. The exit status is 1 if something did.

set -u
cd "$(dirname "$0")/.." || exit
: "${BUILD:=$PWD/build-fuzz}"
seconds=$1
shift
finds=$BUILD/fuzz/finds
mkdir -p "$finds" || exit
# Databases are written and thrown away all the time: in memory, where there is some.
[ -w /dev/shm ] && memory=/dev/shm || memory=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$memory/fuzz-XXXXXX") || exit
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT TERM
marker=$TMPDIR/began
: >"$marker"
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1:detect_leaks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"

broken=''
for target in "$@"; do
    new=$BUILD/fuzz/$target log=$BUILD/fuzz/$target.log
    mkdir -p "$new" || exit
    # What the threads of an agent hold for a moment looks like a leak; the end tells the truth.
    case $target in http | server) leaks=-detect_leaks=0 ;; *) leaks='' ;; esac
    dictionary=tests/fuzz/$target.dict
    [ -e "$dictionary" ] && dictionary="-dict=$dictionary" || dictionary=''
    echo "fuzz_$target: $seconds s, log in $log"
    BUILD="$BUILD" "$BUILD/tests/fuzz/fuzz_$target" $dictionary $leaks -max_total_time="$seconds" \
        -timeout=60 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$finds/$target-" "$new" "tests/fuzz/corpus/$target" >"$log" 2>&1
    status=$?
    # The last line of the log that has them.
    grep -a 'cov: [0-9]' "$log" | tail -n 1 | sed 's/^/    /'
    sed -n 's/^stat::number_of_executed_units: */    executions: /p' "$log"
    [ "$status" = 0 ] && continue
    broken="$broken $target"
    tail -n 40 "$log"
done

if [ -n "$broken" ]; then
    echo "broken:$broken"
    find "$finds" -type f -newer "$marker" | sed 's/^/    /'
    echo "again with: $BUILD/tests/fuzz/fuzz_TARGET FILE"
    exit 1
fi
echo "nothing was found; what was learnt is in $BUILD/fuzz"
