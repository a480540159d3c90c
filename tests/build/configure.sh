#!/bin/sh
# configure only writes config.mak, and make respects it. run.sh timeout: 900

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

if ! have autoconf; then
    echo "skipped: autoconf is not installed"
    summary
    exit
fi

mkdir "$tmp/tree" && cd "$TOP" && cp -R Makefile configure.ac config.mak.in mk tools include lib \
    pkgconfig drivers src man "$tmp/tree/" 2>/dev/null
cd "$tmp/tree" || exit
check "autoconf" autoconf

find . | sort >"$tmp/before"
configure() { ./configure "$@" </dev/null >"$tmp/summary" 2>&1; }
check "configure" configure --prefix=/opt/replicante --without-http --without-postgresql \
    CC=gcc CFLAGS=-O1
find . ! -path './autom4te.cache*' | sort | comm -13 "$tmp/before" - >"$tmp/written"
printf '%s\n' ./config.log ./config.mak ./config.status >"$tmp/expected"
check "it writes config.mak only" same "$tmp/expected" "$tmp/written"
check "it says that HTTP is left out" grep -q 'http.*no.*--without-http' "$tmp/summary"
check "it says that the driver is left out" grep -q 'postgresql.*no.*--without-postgresql' "$tmp/summary"

"$MAKE" DEPS=no SANITIZE= BUILD=build V=1 -n >"$tmp/commands" 2>&1
check "make takes the prefix" grep -q 'REPLI_DRIVERDIR=.*/opt/replicante/lib/replicante/drivers' "$tmp/commands"
check "make takes CC and CFLAGS" grep -q '^gcc .* -O1 ' "$tmp/commands"
check "make leaves HTTP out" sh -c "! grep -q -- '-c .*lib/http/' '$tmp/commands'"
check "make leaves the driver out" sh -c "! grep -q -- '-c .*drivers/postgresql/' '$tmp/commands'"
check "the command line wins" sh -c "'$MAKE' DEPS=no SANITIZE= BUILD=build V=1 -n CFLAGS=-O3 | grep -q '^gcc .* -O3 '"

cat >pkg-config-without-libpq <<EOT
#!/bin/sh
case "\$*" in *libpq*) exit 1 ;; esac
exec $PKG_CONFIG "\$@"
EOT
chmod +x pkg-config-without-libpq
check "configure without libpq" configure PKG_CONFIG="$PWD/pkg-config-without-libpq"
check "it says why the driver is left out" grep -q 'postgresql.*no.*libpq' "$tmp/summary"
check "and that HTTP is on" grep -q 'http.*yes' "$tmp/summary"

summary
