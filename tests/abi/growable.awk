# growable.awk GROWS LAYOUT: each name in GROWS is a structure of the layout, and neither a member
# of another nor in an array, where callers would look for the next one at the old place.

function found(type, where) {
    if (type in grows) {
        print type " in " where
        bad = 1
    }
}
NR == FNR { grows[$1] = 1; next }
/ bytes$/ { sub(/,/, "", $1); name = $1; known[name] = 1 }
/^ .*_count$/ { found(pointed, "an array of " name) }
/^ / { pointed = $3 == "const" ? $4 : "" }
/^ / && NF == 4 && $4 !~ /\*/ { found($3, name) }
match($0, /[a-z]+_[a-z_]+ \*+[a-z_]+, size_t \**[a-z_]*count/) {
    found(substr($0, RSTART, index(substr($0, RSTART), " ") - 1), "an array: " $0)
}
END {
    for (name in grows)
        if (!(name in known)) {
            print "no structure: " name
            bad = 1
        }
    exit bad
}
