# A header after some years: each structure named in the file grows has more members at its end.

FILENAME ~ /\/grows$/ { grows[$1] = 1; next }
/^typedef struct [a-z0-9_]+ \{$/ { name = $3 }
/^struct [a-z0-9_]+ \{$/ { name = $2 }
/^\}/ && name != "" {
    if (name in grows)
        print "    uint64_t grown[2];"
    name = ""
}
{ print }
