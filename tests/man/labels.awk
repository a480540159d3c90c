# "function label" for each function of a page, as section SECTION labels it: one label for all of
# them as the first line, with a full stop, or a list of labels with the functions below.

/^\.Sh / { section = substr($0, 5); line = 0 }
section == "NAME" && /^\.Nm / { names[++count] = $2 }
section != SECTION || /^\.Sh / { next }
{ line++ }
line == 1 && !/^\./ { sub(/\.$/, ""); common = $0 }
line == 1 && /^\.Bl / { list = 1 }
/^\.El/ { list = 0 }
list && /^\.It / { label = substr($0, 5) }
list && /^\.Fn / { print $2, label }
END {
    for (i = 1; common != "" && i <= count; i++)
        print names[i], common
}
