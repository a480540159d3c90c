#!/bin/sh
# replicante-postgresql(7) names every setting, attribute and action of the driver, and no others of
# the accounts' privileges than those that the tests' clusters have.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit
page=man/man7/replicante-postgresql.7
driver=drivers/postgresql

# Words of the manual, without its macros' punctuation.
tr -s ' ,"' '\n' <"$page" | sort -u >"$tmp/words"
named() { grep -qxF -- "$1" "$tmp/words"; }

keys=$(tr '\n' ' ' <$driver/config.c | grep -oE '(TEXT|SECRET|LIST)\([a-z_]+, *"[a-z_.]+"|"(port|application_name|sslmode|lone_primary|silence_limit_ms)"' |
    sed 's/.*"\(.*\)"/\1/' | sort -u)
check "the driver's settings were found" test "$(echo "$keys" | wc -l)" -ge 30
for key in $keys; do check "$page: the setting $key" named "$key"; done

attributes=$(sed -n '/^} attributes/,/^};/p' $driver/observe.c | grep -o '{"[a-z_.]*"' | tr -d '{"')
check "the driver's attributes were found" test "$(echo "$attributes" | wc -l)" -ge 20
for name in $attributes; do check "$page: the attribute $name" named "$name"; done

kinds=$(grep -oE '"[a-z.]+/[a-z.]+",' $driver/actions.c | tr -d '",')
check "the driver's actions were found" test "$(echo "$kinds" | wc -l)" = 7
for kind in $kinds; do check "$page: the action $kind" named "$kind"; done

# One statement a line, sorted.
statements() {
    sed 's/ *--.*//; s/^ *//' | tr '\n' ' ' | tr ';' '\n' | sed "s/^ *//; s/ *$//; s/'[^']*'/''/" |
        grep -E '^(CREATE ROLE|GRANT) ' | sort
}
statements <"$page" >"$tmp/documented"
sed -n '/^accounts()/,/^}/p' tests/clusters/pg.sh | sed 's/.*echo "\(.*\)"/\1/; s/^EOT//; s/.*<<EOT$//' |
    statements >"$tmp/used"
check "the clusters of the tests have the accounts of $page" same "$tmp/documented" "$tmp/used"

summary
