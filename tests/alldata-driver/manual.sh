#!/bin/sh
# replicante-alldata(7) names every setting, attribute and action of the driver.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
cd "$TOP" || exit
page=man/man7/replicante-alldata.7
driver=drivers/alldata

# Words of the manual, without its macros' punctuation.
tr -s ' ,"' '\n' <"$page" | sort -u >"$tmp/words"
named() { grep -qxF -- "$1" "$tmp/words"; }

keys=$(tr '\n' ' ' <$driver/config.c |
    grep -oE '(TEXT|KEY|CHOICE|NUMBER)\([a-z_]+,( *[A-Z_0-9]+,)?( *0,)? *"[a-z_.]+"' | sed 's/.*"\(.*\)"/\1/' | sort -u)
check "the driver's settings were found" test "$(echo "$keys" | wc -l)" = 23
for key in $keys; do check "$page: the setting $key" named "$key"; done

attributes=$(grep -oE '"alldata\.io/[a-z_.]+' $driver/report.c | tr -d '"' | sed 's,.*/,,' | sort -u)
check "the driver's attributes were found" test "$(echo "$attributes" | wc -l)" = 12
for name in $attributes; do check "$page: the attribute $name" named "$name"; done

kinds=$(grep -oE '"[a-z.]+/[a-z.]+",' $driver/actions.c | tr -d '",')
check "the driver's actions were found" test "$(echo "$kinds" | wc -l)" = 4
for kind in $kinds; do check "$page: the action $kind" named "$kind"; done

summary
