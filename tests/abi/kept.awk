# What one layout promised and another does not keep. Constants, functions and members stay as they
# are; structures stay as large, or grow if they may. Files: 1 names of structures that may grow, 2
# names that may break, 3 the old layout, 4 the new one.

# Who is spoken of: the structure for its size and its members, else what the line declares.
function subject(line) {
    if (line ~ /^ /)
        return structure
    if (line ~ / bytes$/) {
        structure = line
        sub(/,.*/, "", structure)
        return structure
    }
    if (match(line, /^[A-Z]/)) {
        sub(/ .*/, "", line)
        return line
    }
    if (!match(line, /^typedef [^(]*\(\*[a-z0-9_]+/))
        match(line, /^[^(;]*/)
    line = substr(line, RSTART, RLENGTH)
    sub(/.*[ *]/, "", line)
    return line
}

file == 1 { grows[$1] = 1 }
file == 2 { accepted[$1] = 1 }
file >= 3 {
    who = subject($0)
    if (who in accepted)
        next
    if ($0 ~ / bytes$/) {
        size[file, who] = $2
        line = who
    } else {
        line = who SUBSEP $0
    }
}
file == 3 { old[++count] = line; text[count] = $0; whose[count] = who }
file == 4 { new[line] = 1 }

END {
    for (i = 1; i <= count; i++) {
        who = whose[i]
        if (!(old[i] in new)) {
            print who ": gone or changed: " text[i]
            broken = 1
        } else if (old[i] == who && (size[4, who] < size[3, who] ||
                   size[4, who] > size[3, who] && !(who in grows))) {
            print who ": had " size[3, who] " bytes, has " size[4, who]
            broken = 1
        }
    }
    exit broken
}
