# For the test scripts: . "$TOP/tests/lib.sh". $tmp is a folder of their own, removed at the end.

set -u
umask 022 # a driver that its group can write to is not loaded
: "${BUILD:=$TOP/build}" "${CC:=cc}" "${PKG_CONFIG:=pkg-config}" "${MAKE:=make}"
passed=0 failed=0
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

# check WHAT COMMAND...: one check, whose result it returns. The command's output is shown when it
# fails.
check() {
    what=$1
    shift
    if "$@" >"$tmp/output" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "failed: $what"
        sed 's/^/    /' "$tmp/output"
        return 1
    fi
}

# same FILE FILE: the same lines, and at least one.
same() { diff -u "$1" "$2" && [ -s "$1" ]; }

# without_comments FILE...: C without its comments.
without_comments() {
    awk '{ text = text $0 "\n" }
        END {
            while ((start = index(text, "/*")) > 0) {
                printf "%s", substr(text, 1, start - 1)
                text = substr(text, start)
                text = substr(text, index(text, "*/") + 2)
            }
            printf "%s", text
        }' "$@"
}

# a_day SECONDS: wait until the day, as UTC has it, still lasts so long.
a_day() { while [ $((86400 - $(date +%s) % 86400)) -lt "$1" ]; do sleep 1; done; }

have() { command -v "$1" >/dev/null 2>&1; }

# summary: the last command of a script.
summary() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}
