# What the scripts for scratch clusters on loopback have in common. Sourced, not run.
#
#   NAME.sh up DIR             make a cluster in DIR, which is new or empty, and print its variables
#   NAME.sh env DIR            print them again
#   NAME.sh down DIR           end its servers and remove DIR; KEEP=1 keeps the files
#   NAME.sh start|stop DIR N   start or stop the server of node N
#   NAME.sh crash DIR N        end it as a crash would
#   NAME.sh pause|resume DIR N stop it and all its processes by SIGSTOP: a server that hangs
#
# NODES is how many nodes there are, SPARES how many more have an address but nothing else, PORT the
# first port to use; without it a free range is looked for. As root, servers that refuse to be root
# run as an account of their own. Only processes that the cluster started are ever ended, by pid.
#
# A cluster defines: up; start N; stop N; crash N; pid N, which prints the main process or nothing.

set -eu
HOST=127.0.0.1

say() { echo "$*" >&2; }
die() { say "error: $*"; exit 1; }

port_open() { (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }

# free_ports N: print the first of N adjacent ports that nobody listens on, below the range from
# which the kernel takes ports for outgoing connections.
free_ports() {
    local first tries port
    for tries in $(seq 50); do
        first=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        for port in $(seq "$first" $((first + $1 - 1))); do
            ! port_open "$port" || continue 2
        done
        echo "$first"
        return 0
    done
    die "no free ports found"
}

# The mark in DIR sees to it that down removes only what up made.
new_dir() {
    [ ! -e "$1/.cluster" ] || die "$1 holds a cluster already"
    mkdir -p "$1"
    DIR=$(cd "$1" && pwd)
    [ -z "$(ls -A "$DIR")" ] || die "$DIR is not empty"
    case $DIR in *[[:space:]]*) die "no blanks in the directory's name, please" ;; esac
    [ ${#DIR} -le 85 ] || die "$DIR is too long for the UNIX sockets in it"
    # Servers that run as another account have to get in.
    [ "$(id -u)" != 0 ] || chmod 755 "$DIR"
    : >"$DIR/.cluster"
}
old_dir() {
    [ -e "$1/.cluster" ] || die "$1 holds no cluster"
    DIR=$(cd "$1" && pwd)
    . "$DIR/env"
}

# as USER COMMAND...: as that account, if we are root and may choose. In DIR, since the account may
# have no access to where we are.
as() (
    user=$1
    shift
    cd "$DIR"
    [ "$(id -u)" != 0 ] ||
        set -- setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
    exec "$@"
)
# own USER PATH...: give the account what it is to write to.
own() {
    local user=$1
    shift
    [ "$(id -u)" != 0 ] || chown -R "$user" "$@"
}

# wait_for SECONDS COMMAND...
wait_for() {
    local tries=$(($1 * 20))
    shift
    while [ "$tries" -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
        tries=$((tries - 1))
    done
    return 1
}
# One that has ended may stay until somebody asks how, and may vanish just now.
gone() {
    [ -d "/proc/$1" ] || return 0
    case $(ps -o stat= -p "$1") in '' | Z*) ;; *) return 1 ;; esac
}

# family PID: the process and all below it.
family() {
    local child
    echo "$1"
    for child in $(ps -o pid= --ppid "$1"); do family "$child"; done
}
signal_family() {
    local process main
    main=$(pid "$2")
    for process in $(family "$main"); do kill "-$1" "$process" 2>/dev/null || :; done
}

# A signal stops one thread after the other, and those that are not yet stopped still answer: on a
# busy machine for a while.
stopped() {
    local process
    for process in $(family "$(pid "$1")"); do
        ! ps -L -o stat= -p "$process" | grep -q '^[^TtZX]' || return 1
    done
}
pause() {
    signal_family STOP "$1"
    wait_for 15 stopped "$1" || die "node $1 does not stop"
}

# end N SIGNAL: end the server of a node, running or paused.
end() {
    local main
    main=$(pid "$1")
    [ -n "$main" ] || return 0
    signal_family CONT "$1"
    kill "-$2" "$main" 2>/dev/null || :
    wait_for 15 gone "$main" || {
        kill -KILL "$main" 2>/dev/null || :
        wait_for 5 gone "$main" || :
    }
}

main() {
    [ $# -ge 2 ] || die "usage: $0 up|down|env DIR, or start|stop|crash|pause|resume DIR N"
    local verb=$1 dir=$2
    shift 2
    case $verb in
    up)
        new_dir "$dir"
        trap 'say "up failed; logs are in $DIR"' EXIT
        up
        trap - EXIT
        cat "$DIR/env"
        ;;
    down)
        old_dir "$dir"
        for node in $(seq $((NODES + SPARES)) -1 1); do stop "$node"; done
        [ "${KEEP:-0}" = 1 ] || rm -rf "$DIR"
        ;;
    env) cat "$dir/env" ;;
    start | stop | crash) old_dir "$dir" && "$verb" "$1" ;;
    pause) old_dir "$dir" && pause "$1" ;;
    resume) old_dir "$dir" && signal_family CONT "$1" ;;
    *) die "unknown verb $verb" ;;
    esac
}
