#!/bin/bash
# The README does what it says: files shown in it are the files, and its commands are run and print
# what it shows, but for identifiers, times and columns.
# timeout: 120

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
readme=$TOP/README.md

# block NUMBER KIND: the lines of the NUMBERth block behind a "<!-- KIND… -->".
block() {
    awk -v wanted="$1" -v mark="^<!-- $2" '
        $0 ~ mark { n++; next }
        /^```/ { inside = !inside && n == wanted && !seen; if (inside) seen = 1; next }
        inside' "$readme"
}

block 1 "file: examples/host.c" >"$tmp/host.c"
check "the host in the README is examples/host.c" same "$TOP/examples/host.c" "$tmp/host.c"
check "the host compiles" "$CC" -std=c99 -D_POSIX_C_SOURCE=200809L -pedantic -Wall -Wextra -Werror \
    "-I$TOP/include" -fsyntax-only "$TOP/examples/host.c"

if [ ! -x "$BUILD/bin/repliagent" ] || ! have curl; then
    echo "skipped the commands: they need repliagent and curl"
    summary
    exit
fi

# The store of the tour is moved to where nobody else looks.
mkdir "$tmp/tour"
here() { sed "s|/tmp/demo-|$tmp/tour/demo-|g"; }
alike() {
    sed -E -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g' -e 's/after [0-9.]+ m?s/after TIME/' \
        -e 's/[0-9]{8}T[0-9]{18}/KEY/g' \
        -e 's/ +/ /g' -e 's/ $//'
}
cd "$tmp/tour" || exit
export PATH="$BUILD/bin:$PATH" DRIVERS="$BUILD/drivers"
block 1 "file: agent.yaml" | here >agent.yaml
block 1 "file: alldata.yaml" | here >alldata.yaml

blocks='1 2 3 4 5'
[ -x "$BUILD/bin/alldata" ] || blocks='1 2 3 4'
for number in $blocks; do
    block $number run | here >"$tmp/block"
    check "there is a block $number of commands" test -s "$tmp/block"
    while IFS= read -r line <&3; do
        case $line in
        '$ '*)
            echo "$line"
            eval "${line#\$ }" 2>&1 3<&-
            ;;
        esac
    done 3<"$tmp/block" >"$tmp/printed" 2>"$tmp/errors"
    alike <"$tmp/block" >"$tmp/expected"
    # The shell's own word of a job that was killed is not in the README.
    grep -v ': line [0-9]*: *[0-9]* Killed' "$tmp/printed" | alike >"$tmp/found"
    check "block $number prints what the README shows" diff -u "$tmp/expected" "$tmp/found"
done
jobs -p | while read -r pid; do kill "$pid"; done
wait

summary
