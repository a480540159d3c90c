# What the demonstrations have in common: a folder for everything, agents in it, and that all of it is
# ended, by pid, and removed. Sourced, not run.
#
# Agent N is in $scratch/agentN, which has its agent.yaml; end_servers ends what the agents look at.

TOP=$(cd "$(dirname "$0")/.." && pwd)
BUILD=${BUILD:-$TOP/build}
. "$TOP/tests/clusters/common.sh"

scratch=$(mktemp -d /tmp/replicante-run-XXXXXX)
repliagent=$BUILD/bin/repliagent
agents=()
sleeper=''

cleanup() {
    trap '' INT TERM HUP EXIT
    [ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null || :
    echo
    echo "Ending the agents and servers…"
    for agent in "${agents[@]}"; do kill "$agent" 2>/dev/null || :; done
    for agent in "${agents[@]}"; do
        wait_for 40 gone "$agent" || kill -KILL "$agent" 2>/dev/null || :
    done
    end_servers
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# run_agent N [COMMAND...]: by that command, if there is one. In a session of its own, so that Ctrl-C
# reaches this script only.
run_agent() {
    local node=$1 log=$scratch/agent$1/log
    shift
    (exec "$@" setsid "$repliagent" run -c "$scratch/agent$node/agent.yaml") >"$log" 2>&1 </dev/null &
    agents+=($!)
    wait_for 20 grep -q 'listening on unix:' "$log" || {
        cat "$log" >&2
        die "the agent of node $node did not start"
    }
}

ask() {
    local node=$1
    shift
    "$repliagent" -a "unix:$scratch/agent$node/agent.sock" "$@"
}
url() { sed -n 's|.*listening on \(http://[^ ]*\)$|\1|p' "$scratch/agent$1/log"; }
has_status() { ask "$1" node --fresh | grep -q "^status  *$2\(:\|\$\)"; }

# typed WORD...: as it would be typed.
typed() {
    local word
    printf '\n$ %s' "$1"
    for word in "${@:2}"; do
        case $word in
        *[\ \"]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    echo
}
# show NODE COMMAND...: what is asked of its agent, and the answer.
show() {
    typed repliagent -a "$(url "$1")" "${@:2}"
    ask "$@"
}

# serve WHO: until somebody ends it, but for MAKE_RUN_ONCE=1. Sleeping in the background lets a signal
# in at once.
serve() {
    [ "${MAKE_RUN_ONCE:-}" != 1 ] || exit 0
    echo
    echo "$1 keep serving. Ctrl-C ends everything and cleans up."
    while :; do
        sleep 3600 &
        sleeper=$!
        wait "$sleeper"
    done
}
