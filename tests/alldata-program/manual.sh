#!/usr/bin/env bash
# The manual and the program say the same of settings; tests/program looks at commands and options.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
alldata=$BUILD/bin/alldata
page5=$TOP/man/man5/alldata.yaml.5

echo 'data_dir: a' >"$tmp/alldata.yaml"
"$alldata" serve -c "$tmp/alldata.yaml" --print-config | awk -f "$TOP/tests/man/settings.awk" |
    LC_ALL=C sort >"$tmp/keys"
check 'there are settings' test "$(wc -l <"$tmp/keys")" -ge 30
# But for what stands below a name of one's own, which nothing prints.
sed -n 's/^\.It Cm //p' "$page5" | grep -v ' Ns Ar name' | sed 's/ No .*//; s/ , /\n/g' |
    LC_ALL=C sort >"$tmp/documented"
check 'alldata.yaml(5) (+) has the settings that there are (-)' same "$tmp/keys" "$tmp/documented"

summary
