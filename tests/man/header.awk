# The functions a header exports, in the form of synopsis.awk.

/^REPLI_API / { declaration = ""; inside = 1 }
inside {
    declaration = declaration " " $0
    if (/;$/) {
        sub(/^ *REPLI_API /, "", declaration)
        print tidy(declaration)
        inside = 0
    }
}
