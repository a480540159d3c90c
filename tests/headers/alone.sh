#!/bin/sh
# Each public header compiles alone, as C99, C11 and C++17, under every compiler there is, and
# includes nothing but the standard library and its siblings.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP/include" || exit

strict='-fsyntax-only -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -I.'

# Twice, so that the include guard is tried, too.
includes() { printf '#include <%s>\n#include <%s>\n' "$1" "$1"; }

for header in replicante/*.h alldata/*.h; do
    for cc in gcc clang; do
        have $cc || continue
        for std in c99 c11; do
            includes "$header" >"$tmp/a.c"
            check "$header: $cc -std=$std" $cc -x c -std=$std $strict -Wstrict-prototypes "$tmp/a.c"
        done
    done
    for cxx in g++ clang++; do
        have $cxx || continue
        includes "$header" >"$tmp/a.cc"
        check "$header: $cxx -std=c++17" $cxx -std=c++17 $strict "$tmp/a.cc"
    done
    grep '^ *# *include' "$header" | grep -v '<\(stddef\|stdint\|replicante/[a-z]*\|alldata/[a-z]*\)\.h>' >"$tmp/foreign"
    check "$header: includes only <stddef.h>, <stdint.h> and public headers" [ ! -s "$tmp/foreign" ]
done
have clang || echo "skipped clang: it is not installed"
have g++ || echo "skipped g++: it is not installed"
check "driver.h does not include agent.h" \
    sh -c "! ${CC:-cc} -M -I. replicante/driver.h | grep -q 'agent\.h'"

summary
