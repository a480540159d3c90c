#!/bin/sh
# The public headers keep to the part of C that every generator of bindings understands.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"
. "$TOP/tests/abi/lib.sh"
cd "$TOP" || exit

declarations include >"$tmp/declarations"
without_comments include/*/*.h >"$tmp/text"
check "there are declarations" grep -q repli_agent_new "$tmp/declarations"
check "there is text" grep -q 'REPLI_API.*repli_agent_new' "$tmp/text"

# no WHAT FILE PATTERN EXAMPLE: the pattern finds the example, and nothing in the file.
no() {
    echo "$4" >"$tmp/example"
    check "this would be found: $4" grep -E -e "$3" "$tmp/example"
    check "no $1" not_in "$2" "$3"
}
not_in() { ! grep -nE -e "$2" "$tmp/$1"; }
word() { printf '(^|[^A-Za-z0-9_])(%s)($|[^A-Za-z0-9_])' "$1"; }

no "bit-fields" declarations '[a-z0-9_] *: *[A-Za-z0-9_(]' '    uint32_t flag : 1;'
no "unions" declarations "$(word union)" '    union { int32_t a; double b; } both;'
no "variable arguments" text '\.\.\.' 'int32_t repli_print(const char *format, ...);'
no "functions in headers" text "$(word 'static|inline|__inline|__inline__')" \
    'static inline int32_t repli_two(void) { return 2; }'
no "macros with arguments" text '^ *# *define +[A-Za-z0-9_]+\(' '#define REPLI_MAX(a, b) (a)'
no "enumerations as types" declarations 'enum +[a-z_]' '    enum repli_phase phase;'
no "types whose size differs between compilers" declarations \
    "$(word 'int|long|short|unsigned|signed|wchar_t|time_t|off_t|bool|_Bool')" '    long lag;'
no "functions without parameters in their prototype" declarations '[a-z0-9_]\( *\)' \
    'int32_t repli_three();'

# A prototype without REPLI_API is none of an exported function.
count() { tr '\n;' ' \n' <"$tmp/$1" | grep -c "$2"; }
check "each prototype has REPLI_API" \
    [ "$(count text 'REPLI_API[^(]*[a-z]*_[a-z0-9_]*(')" = "$(awk -f tests/abi/declarations.awk \
        -v want=library "$tmp/declarations" | grep -c __builtin_trap)" ]

summary
