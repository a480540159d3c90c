#!/bin/sh
# The libraries and drivers live in other people's processes. They do not print, end the process,
# touch signals, locale, directory or environment, change what the host set in SQLite and jansson,
# keep hidden state, or copy without a limit.

: "${TOP:=$(cd "$(dirname "$0")/../.." && pwd)}"
. "$TOP/tests/lib.sh"

banned='exit _exit _Exit quick_exit abort __assert_fail atexit
    printf vprintf puts putchar fprintf vfprintf fputs fputc fwrite perror syslog
    signal sigaction sigprocmask alarm setitimer
    setlocale chdir fchdir umask getenv secure_getenv setenv unsetenv putenv clearenv
    fork vfork system popen
    sprintf vsprintf strcpy strcat strncat gets strtok atoi atol atoll alloca
    rand srand random srandom localtime gmtime asctime ctime readdir_r
    sqlite3_config sqlite3_shutdown sqlite3_enable_shared_cache
    json_set_alloc_funcs json_set_alloc_funcs2 json_object_seed
    gnutls_global_set_log_function MHD_set_panic_func'
# A fortified build calls them by other names.
pattern=$(echo $banned | sed 's/ /|/g; s/.*/^(&|__(&)_chk)$/')

for so in "$BUILD"/lib/*.so "$BUILD"/drivers/driver_*.so; do
    check "$(basename "$so") calls nothing that is banned" sh -c "
        ! nm -D --undefined-only '$so' | awk '{ sub(/@.*/, \"\", \$2); print \$2 }' | grep -E '$pattern'"
done

# Sections that can be written to, or whose functions run when a library comes or goes. Constants
# that hold addresses are only written to by the loader.
stateless() {
    size -A "$@" >"$tmp/sections" && ! awk '
        /:$/ { file = $1 }
        /^\.(data|bss|tdata|tbss|init_array|fini_array|ctors|dtors)/ && !/^\.data\.rel\.ro/ && $2 > 0 {
            print file, $0 }' "$tmp/sections" | grep .
}
for archive in "$BUILD"/lib/lib*.a; do
    check "$(basename "$archive") has no state and runs nothing on its own" stateless "$archive"
done
for folder in "$BUILD"/obj/drivers/*; do
    check "driver $(basename "$folder") has no state and runs nothing on its own" \
        stateless "$folder"/*.o
done

summary
