#!/bin/sh
# Every page of the manual: its layout, the pages it refers to, and its C examples, which compile.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

# A literal block under EXAMPLES that includes a header is C.
example() {
    awk '/^\.Sh /{ on = $0 == ".Sh EXAMPLES" } /^\.Ed/{ code = 0 }
         code { gsub(/\\e/, "\\"); print } on && /^\.Bd -literal/{ code = 1 }' "$1"
}

for page in $(grep -L '^\.so ' man/man*/*.[1-9]); do
    for xref in $(sed -n 's/^\.Xr \(repli[^ ]*\|alldata[^ ]*\) \([0-9]\).*/\1.\2/p' "$page" | sort -u); do
        check "$page: the page $xref it refers to exists" test -e "man/man${xref##*.}/$xref"
    done
    example "$page" >"$tmp/example.c"
    if grep -q '^#include' "$tmp/example.c"; then
        check "$page: the example compiles" "${CC:-cc}" -std=c99 -D_POSIX_C_SOURCE=200809L \
            -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only "$tmp/example.c"
    fi
    ! have mandoc || check "$page: mandoc finds nothing wrong" mandoc -Tlint -Wwarning "$page"
done
have mandoc || echo "skipped the layout: mandoc is not installed"

summary
