#!/bin/sh
# Behind each weakness of the reference that alldata-reference(7) says ours has not stands a test.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

sed -n 's/^\.\\" test: //p' man/man7/alldata-reference.7 >"$tmp/named"
check "the page names tests" test -s "$tmp/named"
while read -r program test; do
    check "$program tries $test" grep -q "^START_TEST($test)" "tests/$program.c"
done <"$tmp/named"

summary
