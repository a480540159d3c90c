#!/usr/bin/env bash
# The manual and the program say the same: commands, options, settings and exit statuses.

: "${TOP:=$PWD}"
. "$TOP/tests/lib.sh"
repliagent=$BUILD/bin/repliagent
page5=$TOP/man/man5/repliagent.yaml.5

# Words of a page, without its markup.
sed 's/\\-/-/g; s/\\&//g; s/^\.[A-Z][a-z] //' "$page5" >"$tmp/page5"

# program NAME COMMANDS: its page has its commands, COMMANDS at least, and their options.
program() {
    page=$TOP/man/man1/$1.1
    commands=$("$BUILD/bin/$1" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
    check "there are commands of $1" test "$(echo "$commands" | wc -l)" -ge "$2"
    for command in $commands; do
        check "$1(1) has the command $command" grep -qxE "\.(It )?Cm (.* )?$command( .*)?" "$page"
        for option in $("$BUILD/bin/$1" "$command" --help | sed -n 's/^ .*--\([a-z-]*\).*/\1/p'); do
            check "$1(1) has --$option of $command" grep -q -- "Fl -$option" "$page"
        done
    done
}
program repliagent 10
[ ! -e "$BUILD/bin/alldata" ] || program alldata 7

printf 'node_id: a\ndriver: fake\ndriver_dir: "%s"\n' "$BUILD/drivers" >"$tmp/agent.yaml"
"$repliagent" run -c "$tmp/agent.yaml" --print-config >"$tmp/printed"
# Full names, from the indentation.
sed '/^fake:/,$d' "$tmp/printed" | awk -f "$TOP/tests/man/settings.awk" >"$tmp/keys"
check 'there are settings' test "$(wc -l <"$tmp/keys")" -ge 30
while read -r key; do
    check "repliagent.yaml(5) has $key" grep -qE -- "(^|[ ,])$key( |,|\$)" "$tmp/page5"
done <"$tmp/keys"

LC_ALL=C sort "$tmp/keys" >"$tmp/sorted"
# But for what stands below a name of one's own, which nothing prints.
sed -n 's/^\.It Cm //p' "$page5" | grep -v ' Ns Ar name ' | sed 's/ No .*//; s/ , /\n/g' |
    LC_ALL=C sort >"$tmp/documented"
check 'repliagent.yaml(5) has no setting that is not there' same "$tmp/sorted" "$tmp/documented"

summary
