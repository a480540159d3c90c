# Full names of settings, from the indentation of what --print-config prints.
/^#/ || /^$/ { next }
{
    depth = match($0, /[^ ]/) - 1
    key = $1
    sub(/:$/, "", key)
    path[depth] = key
    name = ""
    for (d = 0; d <= depth; d += 2)
        name = name (d ? "." : "") path[d]
    if ($2 != "")
        print name
}
