# For the tests of the demonstrations: . "$TOP/tests/program/lib.sh", after tests/lib.sh.

out=$tmp/out
scratch() { sed -n 's|.* in \(/tmp/replicante-run-[^…]*\)….*|\1|p' "$out"; }
shown() { grep -Eq -- "$1" "$out"; }
# Processes that have the folder in their command line or work in it.
left() {
    local dir process
    dir=$(scratch)
    [ -n "$dir" ] || return 0
    [ -e "$dir" ] && echo "$dir is still there"
    for process in /proc/[0-9]*; do
        case $(readlink "$process/cwd" 2>/dev/null) in "$dir"*) echo "$process works in $dir" ;; esac
        tr '\0' ' ' 2>/dev/null <"$process/cmdline" | grep -F "$dir"
    done
}
nothing_left() { [ -z "$(left)" ] || { left; false; }; }
wait_for_line() {
    for _ in $(seq 600); do
        shown "$1" && return 0
        sleep 0.1
    done
    return 1
}
