# For scripts that try what is in examples/, after . "$TOP/tests/lib.sh".
#
# The examples see what `make install` installs and nothing else of this tree: mk/test.mk puts that
# below $BUILD/stage. There are two forms of it here: "shared", and "static", where the archives are
# all that is there of our libraries. Other libraries are linked as the system has them.

stage=$BUILD/stage
pc_dir=$(dirname "$(find "$stage" -name replicante-agent.pc)")
said_prefix=$(PKG_CONFIG_PATH=$pc_dir $PKG_CONFIG --variable=prefix replicante-agent)
said_libdir=$(PKG_CONFIG_PATH=$pc_dir $PKG_CONFIG --variable=libdir replicante-agent)
libdir=$stage$said_libdir
driverdir=$stage$(PKG_CONFIG_PATH=$pc_dir $PKG_CONFIG --variable=driverdir replicante-agent-driver)

# form NAME PREFIX: a tree that is at PREFIX, with .pc files that say so.
form() {
    mkdir -p "$tmp/pc-$1"
    for pc in "$pc_dir"/*.pc; do
        sed "s|^prefix=.*|prefix=$2|" "$pc" >"$tmp/pc-$1/$(basename "$pc")"
    done
}
form shared "$stage$said_prefix"
form static "$tmp/archives"
mkdir -p "$tmp/archives${said_libdir#"$said_prefix"}"
cp "$libdir"/*.a "$tmp/archives${said_libdir#"$said_prefix"}/"
ln -s "$stage$said_prefix/include" "$tmp/archives/include"
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# command_of FILE: the command in the comment at the top of FILE that builds it.
command_of() {
    awk '/^ \*   cc / { on = 1 } on { sub(/^ \*  */, ""); line = line $0 }
         on && !sub(/\\$/, " ", line) { print line; exit }' "$1"
}

# static_config ARGUMENT...: pkg-config, with --static for our modules only: the archives that others
# ask for then are installed in few places.
static_config() {
    local flags=() ours=() others=() argument
    for argument in "$@"; do
        case $argument in
        --*) flags+=("$argument") ;;
        replicante-*) ours+=("$argument") ;;
        *) others+=("$argument") ;;
        esac
    done
    command $PKG_CONFIG --static "${flags[@]}" "${ours[@]}"
    [ ${#others[@]} = 0 ] || command $PKG_CONFIG "${flags[@]}" "${others[@]}"
}

# build_example FORM FILE: run that command, as FORM, in $tmp/FORM, with warnings being errors.
build_example() (
    form=$1 command=$(command_of "$2")
    [ -n "$command" ] || { echo "$2 does not say how it is built" && exit 1; }
    mkdir -p "$tmp/$form" && cp "$(dirname "$2")"/*.[ch] "$tmp/$form/" && cd "$tmp/$form" || exit
    PKG_CONFIG_PATH=$tmp/pc-$form${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
    export PKG_CONFIG_PATH
    cc() { command $CC -O1 -g -Wall -Wextra -Wpedantic -Werror "$@"; }
    pkg-config() {
        [ "$form" = shared ] || { static_config "$@"; return; }
        command $PKG_CONFIG "$@"
    }
    echo "$command"
    eval "$command"
)

# links_static FILE: none of our shared libraries is needed.
links_static() { ! LD_LIBRARY_PATH='' ldd "$1" | grep replicante; }

# lacking FILE: those modules that its command asks pkg-config for, and that are not there.
lacking() {
    for module in $(command_of "$1" | sed -n 's/.*$(pkg-config \([^)]*\)).*/\1/p'); do
        case $module in
        --*) ;;
        *) PKG_CONFIG_PATH=$tmp/pc-shared $PKG_CONFIG --exists "$module" || echo "$module" ;;
        esac
    done
}

# wait_for PATTERN FILE PID: until a line of FILE matches, as long as PID runs, half a minute at
# most.
wait_for() {
    for _ in $(seq 300); do
        grep -q "$1" "$2" 2>/dev/null && return 0
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "$1" "$2" && return 0
    echo "no line has: $1"
    cat "$2"
    return 1
}

# until_true COMMAND...: repeat it until it succeeds, for half a minute at most. Its last output is shown.
until_true() {
    for _ in $(seq 300); do
        "$@" >"$tmp/last" 2>&1 && return 0
        sleep 0.1
    done
    echo "never: $*"
    cat "$tmp/last"
    return 1
}

# A host that serves the API: start_host FORM NAME [ARGUMENT...], then url_is_there, ... , end_host.
memcheck=''
[ "${VALGRIND:-}" != 1 ] || memcheck='valgrind -q --error-exitcode=99 --leak-check=full
    --show-leak-kinds=definite --errors-for-leak-kinds=definite'
host=''
trap '[ -z "$host" ] || kill -9 "$host"; rm -rf "$tmp"' EXIT

start_host() {
    program=$tmp/$1/$2
    shift 2
    $memcheck "$program" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    host=$!
}

url_is_there() {
    wait_for '^listening on ' "$tmp/out" "$host" || { cat "$tmp/err"; return 1; }
    url=$(sed -n 's/^listening on //p' "$tmp/out")
}

# get PATH, code PATH, post JSON: what is answered; the status of the answer; what is scheduled.
get() { curl -sS -m 60 "$url$1"; }
code() { curl -sS -m 60 -o /dev/null -w '%{http_code}' "$url$1"; }
post() { curl -sS -m 60 -d "$1" "$url/api/unstable/action" | sed -n 's/^{"id":"\([0-9a-f-]*\)"}$/\1/p'; }
says() { get "$1" | tee "$tmp/said" | grep -q "$2" || { cat "$tmp/said"; return 1; }; }
status_is() { [ "$(code "$1")" = "$2" ]; }

end_host() {
    kill -TERM "$host"
    wait "$host"
    status=$?
    host=''
    cat "$tmp/out" "$tmp/err"
    [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && [ "$(tail -n 1 "$tmp/out")" = stopped ]
}

# no_thread_of_ours: the library has started none in the host.
no_thread_of_ours() { ! grep -H '^repli' /proc/"$host"/task/*/comm; }
