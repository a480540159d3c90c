#!/bin/sh
# Every input that a fuzz target has in its corpus: seeds, and what once broke something.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit
export BUILD TMPDIR="$tmp"

for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    program=$BUILD/tests/fuzz/$name
    [ -x "$program" ] || { echo "skipped: $name is not part of this build"; continue; }
    if "$program" "tests/fuzz/corpus/${name#fuzz_}" >"$tmp/output" 2>&1; then
        passed=$((passed + $(sed -n 's/ inputs$//p' "$tmp/output")))
    else
        failed=$((failed + 1))
        echo "failed: $name, with the last of these:"
        tail -n 40 "$tmp/output" | sed 's/^/    /'
    fi
done

summary
