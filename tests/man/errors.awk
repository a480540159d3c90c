# The codes that a page's section ERRORS explains, one a line.

/^\.Sh / { errors = $0 == ".Sh ERRORS" }
errors && /^\.It Dv / {
    for (i = 3; i <= NF; i++)
        if ($i != ",")
            print $i
}
