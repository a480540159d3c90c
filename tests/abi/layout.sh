#!/bin/sh
# Sizes, offsets, numbers and prototypes of everything public: as written down in layout.lp64, laid
# out so that it can grow, and as promised by the last release.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

if ! is_lp64; then
    echo "skipped: only the layout of 64-bit machines is written down"
    summary
    exit
fi

layout include >"$tmp/today"
check "everything in the headers is understood" sh -c "! grep 'not understood' '$tmp/today'"
check "the headers (+) say what layout.lp64 does (-); if that is meant: make abi-layout" \
    same tests/abi/layout.lp64 "$tmp/today"

# Bytes that belong to no member hold rubbish of old callers when a later member comes to lie there.
check "no structure has a hole" awk '
    / bytes$/ { if (end != size) bad = bad " " name; name = $1; size = $2; end = 0 }
    /^ / { if ($1 != end) bad = bad " " name; end = $1 + $2 }
    END { if (end != size) bad = bad " " name; print bad; exit bad != "" }' "$tmp/today"
check "every structure begins with its size, but repli_buf, which never changes" awk '
    before ~ / bytes$/ && before !~ /^repli_buf,/ && $0 != "     0    4  uint32_t struct_size" {
        print before
        bad = 1
    }
    { before = $0 }
    END { exit bad }' "$tmp/today"
check "what may grow is a structure, and none that stands in another or in an array" \
    awk -f tests/abi/growable.awk tests/abi/grows "$tmp/today"

sed -n 's/^\.Vt \([a-z]*_[a-z_]*\) [,.]$/\1/p' man/man7/replicante-abi.7 >"$tmp/page"
check "replicante-abi(7) says what may grow" same tests/abi/grows "$tmp/page"

layout include replicante/driver.h >"$tmp/driver"
for promise in "so.$SOVERSION" "driver.$DRIVER_ABI"; do
    [ "$promise" = "driver.$DRIVER_ABI" ] && now=$tmp/driver || now=$tmp/today
    if [ -e "tests/abi/baseline/$promise" ]; then
        check "$promise keeps what $(cat tests/abi/baseline/release) promised" \
            kept "tests/abi/baseline/$promise" "$now"
    else
        echo "skipped $promise: there is no release of it yet"
    fi
done

# The comparison itself.
by_layout() {
    layout "$tmp/changed" >"$tmp/after" || return 2
    kept "$tmp/today" "$tmp/after"
}
change agent.h ''
check "kept: the same" by_layout
try_changes by_layout

summary
