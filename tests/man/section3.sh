#!/bin/sh
# Section 3 of the manual against the headers: every exported function has a page and every page a
# function, the prototypes agree, and the fixed sections are there.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

prototypes() { awk -f tests/man/tidy.awk -f "tests/man/$1.awk" "$2"; }
pages=$(grep -L '^\.so ' man/man3/*.3)

for header in include/*/*.h; do prototypes header "$header"; done | sort >"$tmp/headers"
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
    for section in NAME LIBRARY SYNOPSIS DESCRIPTION THREADS FORK OWNERSHIP 'RETURN VALUES' EXAMPLES \
        ERRORS 'SEE ALSO' HISTORY; do
        check "$page has the section $section" grep -q "^\.Sh $section\$" "$page"
    done
done

# What the pages say of threads, forked children and errors is what tests/contract holds the library
# to, in the same words on every page.
def='tests/contract/contract.def tests/contract/alldata.def'
for map in lib/*.map lib/*/*.map; do
    sed -n 's/^ *\([a-z]*_[a-z0-9_]*\);$/\1/p' "$map"
done | sort >"$tmp/exported"
sed -n 's/^CALL(\([a-z0-9_]*\),.*/\1/p' $def | sort >"$tmp/rows"
check "each exported function (-) has a row in tests/contract (+)" diff -U0 "$tmp/exported" "$tmp/rows"

# labels SECTION FIELD: of the pages, and of the rows in their words.
labels() {
    for page in $pages; do awk -v SECTION="$1" -f tests/man/labels.awk "$page"; done | sort >"$tmp/said"
    sed -n 's/^CALL(\(.*\))$/\1/p' $def | tr -d ' ' | awk -F, -v field="$2" '
        BEGIN {
            word["THREAD_SAFE"] = "Thread-safe"
            word["SERIALISED"] = "Any thread if serialised"
            word["DISPATCH_THREAD"] = "Dispatch-thread"
            word["SIGNAL_SAFE"] = "Async-signal-safe"
            word["WORKS"] = "Works in a forked child"
            word["REFUSED"] = "Refused in a forked child with REPLI_EFORK"
            word["NOTHING"] = "Does nothing in a forked child"
            word["LETS_GO"] = "Lets go of what it inherited in a forked child"
        }
        { print $1, word[$field] }' | sort >"$tmp/tested"
    check "$1: the pages (-) say what is tested (+)" diff -U0 "$tmp/said" "$tmp/tested"
}
labels THREADS 2
labels FORK 3

# The codes that the functions of a page can return, by the rows.
codes_of() {
    for function in $(awk '/^\.Sh / { name = $2 == "NAME" } name && /^\.Nm / { print $2 }' "$1"); do
        sed -n "s/^[A-Z]*($function, \(REPLI_E[A-Z]*\).*/\1/p
            s/^CALL($function, .*, REFUSED)$/REPLI_EFORK/p" $def
    done | sort -u
}
for page in $pages; do
    # It explains every code that there is.
    case $page in */repli_error_name.3 | */alldata_error_name.3) continue ;; esac
    awk -f tests/man/errors.awk "$page" | sort -u >"$tmp/said"
    codes_of "$page" >"$tmp/tested"
    check "$page explains (-) the codes that its functions return (+)" diff -U0 "$tmp/said" "$tmp/tested"
done

summary
