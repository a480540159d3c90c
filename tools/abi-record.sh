#!/bin/sh
# abi-record.sh layout: write the binary interface of the headers down in tests/abi/layout.lp64.
# abi-record.sh baseline: record what the release that is checked out promises, in
#     tests/abi/baseline, against which make check holds what comes after it.

TOP=$(cd "$(dirname "$0")/.." && pwd)
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

die() {
    echo "abi-record.sh: $*" >&2
    exit 1
}

is_lp64 || die "only the layout of 64-bit machines is written down"
layout include >"$tmp/all" || die "the headers do not compile"

if [ "${1:-}" = layout ]; then
    cp "$tmp/all" tests/abi/layout.lp64
    exit
fi
[ "${1:-}" = baseline ] || die "say layout or baseline"

tag=v$(sed -n 's/^#define REPLI_VERSION_STRING "\(.*\)"/\1/p' include/replicante/version.h)
git describe --tags --exact-match --match "$tag" >/dev/null 2>&1 ||
    die "a baseline is that of a release: check out the tag $tag first"
git diff --quiet HEAD -- include lib || die "include/ or lib/ is not as in $tag"
layout include replicante/driver.h >"$tmp/driver" && record include "$tmp/records" ||
    die "the interface of $tag cannot be recorded"

mkdir -p tests/abi/baseline
rm -f tests/abi/baseline/*
cp "$tmp/all" "tests/abi/baseline/so.$SOVERSION"
cp "$tmp/driver" "tests/abi/baseline/driver.$DRIVER_ABI"
cp "$tmp"/records/*.abi tests/abi/baseline/
echo "$tag" >tests/abi/baseline/release
sed -i '/^#/!d' tests/abi/accepted
