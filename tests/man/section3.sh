#!/bin/sh
# Section 3 of the manual against the headers: every exported function has a page and every page a
# function, the prototypes agree, and the fixed sections are there.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

prototypes() { awk -f tests/man/tidy.awk -f "tests/man/$1.awk" "$2"; }
pages=$(grep -L '^\.so ' man/man3/*.3)

for header in include/replicante/*.h; do prototypes header "$header"; done | sort >"$tmp/headers"
for page in $pages; do prototypes synopsis "$page"; done | sort >"$tmp/manual"
check "the headers export something" test -s "$tmp/headers"
check "prototypes are the same in the headers (-) and the manual (+)" \
    diff -U0 "$tmp/headers" "$tmp/manual"

sed 's/(.*//; s/.*[ *]//' "$tmp/headers" | sort >"$tmp/functions"
ls man/man3 | sed 's/\.3$//' | sort >"$tmp/pages"
check "each function (-) has a page and each page a function (+)" \
    diff -U0 "$tmp/functions" "$tmp/pages"

for alias in $(grep -l '^\.so ' man/man3/*.3); do
    name=$(basename "$alias" .3)
    target=man/$(sed 's/^\.so //' "$alias")
    check "$name leads to $target, which names it" grep -q "^\.Nm $name\( ,\)*\$" "$target"
done

for page in $pages; do
    for section in NAME LIBRARY SYNOPSIS DESCRIPTION THREADS OWNERSHIP 'RETURN VALUES' EXAMPLES \
        ERRORS 'SEE ALSO' HISTORY; do
        check "$page has the section $section" grep -q "^\.Sh $section\$" "$page"
    done
done

summary
