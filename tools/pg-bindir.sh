#!/bin/sh
# Print the folder of PostgreSQL's server programs: the newest version that is installed.
# Debian and Ubuntu keep them out of PATH. PG_BINDIR overrides.

for dir in "${PG_BINDIR:-}" \
    $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* 2>/dev/null | sort -rV) \
    "$(dirname "$(command -v postgres || echo /none/none)")"; do
    if [ -n "$dir" ] && [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ]; then
        echo "$dir"
        exit 0
    fi
done
echo "no PostgreSQL server programs found: set PG_BINDIR to the folder of postgres, initdb, pg_ctl" >&2
exit 1
