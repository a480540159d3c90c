# The prototypes in SYNOPSIS of mdoc pages, one a line and without layout: "type name(argument,…);"

# The quoted words of a macro line.
function words(line, list,    n) {
    n = 0
    while (match(line, /"[^"]*"|[^ "]+/)) {
        list[++n] = substr(line, RSTART, RLENGTH)
        gsub(/"/, "", list[n])
        line = substr(line, RSTART + RLENGTH)
    }
    return n
}
function finish() {
    if (type !~ /^typedef/)
        print tidy(type " " name "(" arguments ");")
    name = ""
}

/^\.Sh / { synopsis = $0 == ".Sh SYNOPSIS" }
!synopsis { next }
/^\.Ft / { type = substr($0, 5); gsub(/"/, "", type) }
/^\.Fn / {
    n = words(substr($0, 5), list)
    name = list[1]
    arguments = n > 1 ? list[2] : ""
    for (i = 3; i <= n; i++)
        arguments = arguments "," list[i]
    finish()
}
/^\.Fo / { words(substr($0, 5), list); name = list[1]; arguments = "" }
/^\.Fa / && name != "" {
    words(substr($0, 5), list)
    arguments = arguments == "" ? list[1] : arguments "," list[1]
}
/^\.Fc/ { finish() }
