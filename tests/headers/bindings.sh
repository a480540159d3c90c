#!/bin/sh
# The public headers are read by Python's cffi, which then calls the library, and by bindgen for
# Rust.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

declarations include >"$tmp/declarations"
awk -f tests/abi/declarations.awk -v want=library "$tmp/declarations" |
    sed -n 's/.*[ *]\([a-z]*_[a-z0-9_]*\)(.* { .*/\1/p' | sort >"$tmp/functions"

for python in python3 /usr/bin/python3 ''; do
    [ -z "$python" ] || ! "$python" -c 'import cffi' 2>/dev/null || break
done
if [ -n "$python" ]; then
    check "cffi reads the headers and calls the library" "$python" -I tests/headers/bindings.py \
        "$tmp/declarations" "$BUILD/lib/libreplicante-agent.so"
else
    echo "skipped cffi: it is not installed (python3-cffi)"
fi

if have bindgen; then
    includes include >"$tmp/all.h"
    check "bindgen reads the headers" bindgen --allowlist-file '.*/(replicante|alldata)/.*' \
        -o "$tmp/all.rs" "$tmp/all.h" -- -Iinclude
    # Laid out only where there is a rustfmt.
    grep -o 'pub fn [a-z]*_[a-z0-9_]*' "$tmp/all.rs" | sed 's/.* //' | sort >"$tmp/bound"
    check "it finds every function" same "$tmp/functions" "$tmp/bound"
else
    echo "skipped bindgen: it is not installed"
fi

summary
