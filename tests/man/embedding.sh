#!/bin/bash
# The code in replicante-embedding(7) is that of examples/, which tests/examples builds and runs.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
page=$TOP/man/man7/replicante-embedding.7

# Each block behind a comment "from FILE", as $tmp/NUMBER, whose first line is FILE.
awk -v to="$tmp" '
    /^\.\\" from / { file = to "/block-" ++n; print $3 >file; next }
    /^\.Ed/ { file = "" }
    file != "" && !/^\.Bd/ { gsub(/\\e/, "\\"); sub(/^\\&/, ""); print >file }' "$page"

check "the page shows code" test -s "$tmp/block-1"
has() { [ -n "$2" ] && [[ $(<"$TOP/$1") == *"$2"* ]]; }
for block in "$tmp"/block-*; do
    check "$(head -n 1 "$block") has what the page shows: $(sed -n 2p "$block")" \
        has "$(head -n 1 "$block")" "$(tail -n +2 "$block")"
done
for example in "$TOP"/examples/*.c; do
    check "the page is about $(basename "$example")" grep -q "$(basename "$example")" "$page"
done

summary
