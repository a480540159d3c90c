# For scripts that run the agent inside a server, after . "$TOP/tests/lib.sh" and the examples'.

# says_how FILE: the README.md beside it has the command that builds it.
says_how() {
    tr -s '\\\\\n ' ' ' <"$(dirname "$1")/README.md" | grep -qF -- "$(command_of "$1" | tr -s ' ')"
}

# ask ADDRESS COMMAND...: what the agent there answers.
ask() {
    address=$1
    shift
    "$BUILD/bin/repliagent" "$@" -a "$address"
}

# The id of an action that is scheduled.
schedule() {
    address=$1
    shift
    "$BUILD/bin/repliagent" schedule "$@" -a "$address"
}

# gives TEXT COMMAND...: the output of the command has text in it.
gives() {
    text=$1
    shift
    output=$("$@" 2>&1)
    case $output in *"$text"*) return 0 ;; esac
    echo "not said: $text"
    echo "$output"
    return 1
}

gives_no() {
    ! gives "$@" >/dev/null || { echo "said: $1" && return 1; }
}

until_gives() { until_true gives "$@"; }
until_gives_no() { until_true gives_no "$@"; }

threads_of() { cat /proc/"$1"/task/*/comm | sort -u; }
holds() { readlink /proc/"$1"/fd/* | grep -F -- "$2"; }
holds_none() { ! holds "$@"; }

# Masks and dispositions of signals, as the kernel has them.
signals_of() { grep -E '^(SigBlk|SigIgn|SigCgt)' "/proc/$1/status"; }

# left_behind DIRECTORY: files of an agent, but for its database.
left_behind() { find "$1" -name 'agent.*' ! -name agent.db ! -name agent.db-owner; }
