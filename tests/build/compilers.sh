#!/bin/sh
# The whole tree, tests included, compiles without a warning under gcc and clang; it also builds
# without HTTP, and without the client library of a driver.
# run.sh timeout: 1800, run.sh takes: 130

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit

build() { "$MAKE" -s -j2 DEPS=no SANITIZE= WERROR=1 "$@" </dev/null; }

# Some of gcc's warnings come from its optimiser; clang's do not.
for cc in 'gcc -O2' 'clang -O0'; do
    if have ${cc% *}; then
        check "$cc without a warning" build BUILD="$tmp/${cc% *}" CC=${cc% *} CFLAGS=${cc#* } all tests
    else
        echo "skipped ${cc% *}: it is not installed"
    fi
done

# What is left then: the core library and the drivers.
check "REPLI_HTTP=no builds" build BUILD="$tmp/core" REPLI_HTTP=no CFLAGS=-O0 all tests
check "REPLI_HTTP=no makes the core library" [ -e "$tmp/core/lib/libreplicante-agent.so" ]
check "REPLI_HTTP=no makes no HTTP library" [ ! -e "$tmp/core/lib/libreplicante-agent-http.so" ]
check "REPLI_HTTP=no makes no program" [ ! -e "$tmp/core/bin/repliagent" ]

# A pkg-config that knows no libpq.
cat >"$tmp/pkg-config" <<EOT
#!/bin/sh
case "\$*" in *libpq*) exit 1 ;; esac
exec $PKG_CONFIG "\$@"
EOT
chmod +x "$tmp/pkg-config"
check "without libpq it builds" \
    sh -c "'$MAKE' -j2 DEPS=no REPLI_HTTP=no CFLAGS=-O0 BUILD='$tmp/core' PKG_CONFIG='$tmp/pkg-config' >'$tmp/log' 2>&1"
check "without libpq it says so" grep -q 'left out: driver postgresql (no libpq)' "$tmp/log"

summary
