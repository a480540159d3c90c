# The text that declarations() in lib.sh makes, taken apart and made into a C program.
#
# want=layout: one that prints the layout; constants is what constants() says.
# want=library: one of empty functions. With the layout of a release in released, structures that
# may grow, which are those in grows, end where they did then.

function trim(text) {
    gsub(/[ \t\n]+/, " ", text)
    gsub(/^ | $/, "", text)
    return text
}

# What a member's declaration declares: "int32_t (*name)(…)", "char name[32]" or "type *name".
function name_of(member) {
    if (match(member, /\(\*[a-z0-9_]+\)/))
        return substr(member, RSTART + 2, RLENGTH - 3)
    sub(/\[.*/, "", member)
    sub(/.*[ *]/, "", member)
    return member
}

function show_enumeration(body,    i, count, names) {
    count = split(body, names, ",")
    for (i = 1; i <= count; i++) {
        sub(/=.*/, "", names[i])
        if (trim(names[i]) != "")
            printf "    CONSTANT(%s);\n", trim(names[i])
    }
}

function show_structure(name, count, members,    i) {
    printf "    SIZE(%s);\n", name
    for (i = 1; i <= count; i++)
        printf "    MEMBER(%s, %s, \"%s\");\n", name, name_of(members[i]), members[i]
}

function cut_structure(text, name, count, members,    i, last) {
    last = count
    if (name in may_grow && (name, name_of(members[1])) in was)
        while (!((name, name_of(members[last])) in was))
            last--
    print substr(text, 1, index(text, "{"))
    for (i = 1; i <= last; i++)
        print "    " members[i] ";"
    print substr(text, index(text, "}")) ";"
}

function declaration(text,    i, body, count, members) {
    text = trim(text)
    body = substr(text, index(text, "{") + 1, index(text, "}") - index(text, "{") - 1)
    if (match(text, /^(typedef )?struct [a-z0-9_]+ \{/)) {
        count = split(body, members, ";") - 1
        for (i = 1; i <= count; i++)
            members[i] = trim(members[i])
        match(text, /struct [a-z0-9_]+/)
        if (want == "layout")
            show_structure(substr(text, RSTART + 7, RLENGTH - 7), count, members)
        else
            cut_structure(text, substr(text, RSTART + 7, RLENGTH - 7), count, members)
    } else if (want == "library") {
        print text (text ~ /\)$/ && text !~ /^typedef/ ? " { __builtin_trap(); }" : ";")
    } else if (text ~ /^enum \{/) {
        show_enumeration(body)
    } else if (text !~ /[{}]/) {
        printf "    puts(\"%s;\");\n", text
    } else {
        printf "    puts(\"not understood: %s\");\n", text
    }
}

function show_constants(    name) {
    while ((getline <constants) > 0)
        if ($2 ~ /^"/)
            printf "    puts(\"%s \" %s);\n", $1, $2
        else
            printf "    CONSTANT(%s);\n", $1
}

function read_release(    text, structure) {
    while ((getline <grows) > 0)
        may_grow[$1] = 1
    while ((getline text <released) > 0)
        if (text ~ / bytes$/) {
            structure = substr(text, 1, index(text, ",") - 1)
        } else if (text ~ /^ /) {
            sub(/^ *[0-9]+ +[0-9]+ +/, "", text)
            was[structure, name_of(text)] = 1
        }
}

BEGIN {
    print "#include <stddef.h>"
    print "#include <stdint.h>"
    if (want == "layout") {
        print "#define CONSTANT(name) printf(\"%s %lld\\n\", #name, (long long)(name))"
        print "#define SIZE(type) printf(\"%s, %zu bytes\\n\", #type, sizeof(type))"
        print "#define MEMBER(type, name, text) printf(\"%6zu %4zu  %s\\n\", \\"
        print "    offsetof(type, name), sizeof(((type *)NULL)->name), text)"
        print "int main(void) {"
        show_constants()
    } else if (released != "") {
        read_release()
    }
}

{ all = all $0 "\n" }

END {
    while (match(all, /[;{}]/)) {
        c = substr(all, RSTART, 1)
        depth += (c == "{") - (c == "}")
        text = text substr(all, 1, RSTART - 1)
        all = substr(all, RSTART + 1)
        if (c == ";" && depth == 0) {
            declaration(text)
            text = ""
        } else {
            text = text c
        }
    }
    if (want == "layout")
        print "}"
}
