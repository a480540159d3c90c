#!/bin/sh
# The tarball of make dist builds where there is no git.
# run.sh timeout: 900, run.sh takes: 45

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

if ! have git || ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "skipped: not a git tree, so there is nothing to make a tarball from"
    summary
    exit
fi

check "make dist" "$MAKE" -s dist BUILD="$tmp/build"
check "one tarball" sh -c "[ \$(ls '$tmp'/build/libreplicante-agent-*.tar.gz | wc -l) = 1 ]"
check "it unpacks" tar -xzf "$tmp"/build/libreplicante-agent-*.tar.gz -C "$tmp"
check "into a folder named after the version" cd "$tmp"/libreplicante-agent-[0-9]*.[0-9]*.[0-9]*
cd "$tmp"/libreplicante-agent-* || exit
check "it builds" "$MAKE" -s -j2 DEPS=no SANITIZE= BUILD=build
check "the build is inside" [ -e build/lib/libreplicante-agent.so ]

summary
