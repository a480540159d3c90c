#!/bin/sh
# bench_size.sh BUILD: what the libraries and the program weigh on disk, stripped.

set -u
build=$1
stripped=$(mktemp) || exit
trap 'rm -f "$stripped"' EXIT

# size FILE LIMIT: LIMIT in KiB, or nothing.
size() {
    [ -e "$1" ] || return
    "${STRIP:-strip}" -o "$stripped" "$1" || exit
    kib=$((($(wc -c <"$stripped") + 1023) / 1024))
    target=
    [ -z "${2:-}" ] || target="$([ $kib -le "$2" ] && echo met || echo MISSED), $2.00 or less"
    printf '  %-54s %9d %9s %-11s %5s  %s\n' "$(basename "$1"), stripped" $kib '' KiB '' "$target"
}

echo 'On disk'
size "$build/lib/libreplicante-agent.so" 300
size "$build/lib/libreplicante-agent-http.so"
size "$build/bin/repliagent"
for driver in "$build"/drivers/driver_*.so; do
    size "$driver"
done
