# For the scripts about the binary interface; tests/lib.sh comes first.
#
# What is looked at are the headers, and a library of empty functions made from them. Each function
# of the real one is compiled against its declaration there, and build/exports.sh sees to it that
# the real one has the same functions; so nothing depends on how that was compiled.

abi=$TOP/tests/abi
SOVERSION=$(sed -n 's/^SOVERSION *:= *//p' "$TOP/Makefile")
DRIVER_ABI=$(sed -n 's/^#define REPLI_DRIVER_ABI \([0-9]*\)u$/\1/p' "$TOP/include/replicante/driver.h")

# includes INCLUDE [HEADER]: all public headers, or one.
includes() { (cd "$1" && printf '#include <%s>\n' ${2:-replicante/*.h alldata/*.h}); }

# declarations INCLUDE [HEADER]: those in the headers, without comments and preprocessing.
declarations() {
    mkdir -p "$tmp/empty"
    : >"$tmp/empty/stddef.h"
    : >"$tmp/empty/stdint.h"
    includes "$@" | $CC -E -P -w -nostdinc -U__GNUC__ -I"$tmp/empty" -I"$1" -x c -
}

# constants INCLUDE [HEADER]: macros that are values, as "NAME VALUE", but for the release.
constants() {
    includes "$@" | $CC -E -dM -w -I"$1" -x c - |
        sed -n 's/^#define \(REPLI_[A-Z0-9_]*\|ALLDATA_[A-Z0-9_]*\) \(..*\)/\1 \2/p' |
        grep -vE '^(REPLI|ALLDATA)_(VERSION_|API |DRIVER_EXPORT |[A-Z]*_H |[A-Z_]*_INIT )' | LC_ALL=C sort
}

# layout INCLUDE [HEADER]: the binary interface as text: the size of each structure with offset,
# size and type of its members, each constant, each function.
layout() {
    {
        echo '#include <stdio.h>'
        includes "$@"
        constants "$@" >"$tmp/constants"
        declarations "$@" |
            awk -f "$abi/declarations.awk" -v want=layout -v constants="$tmp/constants"
    } >"$tmp/layout.c"
    $CC -std=c11 -w -I"$1" -o "$tmp/layout" "$tmp/layout.c" && "$tmp/layout"
}

# is_lp64: the sizes that are written down are those of this machine.
is_lp64() { $CC -E -dM -x c /dev/null | grep -q '__LP64__ 1'; }

# record INCLUDE FOLDER [LAYOUT]: what abidw has to say of each library, as FOLDER/SONAME.abi. With
# the layout of a release, what structures that may grow have more than then is left out: abidiff
# cannot be told to let them grow and to look at the rest all the same.
record() {
    mkdir -p "$2"
    declarations "$1" | awk -f "$abi/declarations.awk" -v want=library -v grows="$abi/grows" \
        -v released="${3:-}" >"$tmp/library.c"
    for map in "$TOP"/lib/replicante-agent.map "$TOP"/lib/*/*.map; do
        soname=lib$(basename "$map" .map).so.$SOVERSION
        $CC -std=c11 -w -g -O0 -fPIC -shared -Wl,--version-script="$map" -Wl,-soname,"$soname" \
            -o "$tmp/$soname" "$tmp/library.c" &&
            abidw --no-corpus-path --no-comp-dir-path --no-show-locs \
                --out-file "$2/$soname.abi" "$tmp/$soname" || return
    done
}

# accepted_names: what is meant to break. Tests of these functions have a file of their own.
accepted=$abi/accepted
accepted_names() { sed 's/#.*//' "$accepted" | awk 'NF { print $1 }'; }

# kept OLD NEW: does the layout NEW keep what the layout OLD promised? Prints what it does not.
kept() {
    accepted_names >"$tmp/accepted"
    awk -f "$abi/kept.awk" file=1 "$abi/grows" file=2 "$tmp/accepted" file=3 "$1" file=4 "$2"
}

# compatible OLD NEW: the same, as abidiff sees two records.
compatible() {
    for name in $(accepted_names); do
        printf '[suppress_type]\n name = %s\n[suppress_function]\n name = %s\n' "$name" "$name"
    done >"$tmp/suppressions"
    abidiff --no-added-syms --suppressions "$tmp/suppressions" "$1" "$2" || return 1
}

# refused COMMAND...: it ends with status 1, which says that something broke, and not that something
# else went wrong.
refused() {
    "$@"
    [ $? = 1 ]
}

# change HEADER EDIT: a copy of the headers with one changed, in $tmp/changed.
change() {
    rm -rf "$tmp/changed" && cp -r "$TOP/include" "$tmp/changed" &&
        sed -i "$2" "$tmp/changed/replicante/$1" &&
        ! cmp -s "$TOP/include/replicante/$1" "$tmp/changed/replicante/$1"
}

# try_changes COMMAND: each line of the file changes, with the COMMAND that compares the headers
# with $tmp/changed, and each accepted change on top.
try_changes() {
    : >"$tmp/none"
    accepted=$tmp/none
    while IFS='|' read -r by_layout by_abidiff header what edit; do
        [ "$1" = by_layout ] && verdict=$by_layout || verdict=$by_abidiff
        check "the headers change: $what" change "$header" "$edit"
        [ "$verdict" = kept ] && refused='' || refused=refused
        check "$verdict: $what" $refused "$1"
    done <"$abi/changes"
    change agent.h '/repli_agent_live/d;s/int64_t value/int32_t value/'
    echo 'repli_agent_live   nobody asks' >"$tmp/some"
    accepted=$tmp/some
    check "one of two changes is accepted, the other is seen" refused "$1"
    echo 'repli_config_set_int   # 32 bits will do' >>"$tmp/some"
    check "both are accepted" "$1"
}
