#!/bin/sh
# The libraries against the last release, as abidiff sees them. It understands types, which
# layout.sh takes for words; what it does not see, the file changes tells.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

if ! have abidw || ! have abidiff; then
    echo "skipped: abidw and abidiff are not installed (abigail-tools)"
    summary
    exit
fi

released=tests/abi/baseline/so.$SOVERSION
[ -e "$released" ] || released=''
check "abidw records the libraries" record include "$tmp/now" $released

machine() { sed -n "1s/.*architecture='\([^']*\)'.*/\1/p" "$1"; }
for now in "$tmp"/now/*.abi; do
    then=tests/abi/baseline/$(basename "$now")
    library=$(basename "$now" .abi)
    if [ ! -e "$then" ]; then
        echo "skipped $library: there is no release of it yet"
    elif [ "$(machine "$then")" != "$(machine "$now")" ]; then
        echo "skipped $library: it was recorded on another kind of machine"
    else
        check "$library keeps what $(cat tests/abi/baseline/release) promised" \
            compatible "$then" "$now"
    fi
done

# What is tagged is recorded; a tag itself is compared with the release before.
tag=$([ -e .git ] && git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>/dev/null)
[ -z "$tag" ] || check "the release $tag is recorded (make abi-baseline)" \
    [ "$tag" = "$(cat tests/abi/baseline/release)" ]

# The comparison itself.
by_abidiff() {
    record "$tmp/changed" "$tmp/after" "$tmp/layout.today" || return 2
    for record in "$tmp"/today/*.abi; do
        compatible "$record" "$tmp/after/$(basename "$record")" || return
    done
}
layout include >"$tmp/layout.today"
check "today is recorded" record include "$tmp/today"
change agent.h ''
check "kept: the same" by_abidiff
try_changes by_abidiff

summary
