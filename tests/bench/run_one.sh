#!/bin/sh
# run_one.sh PROGRAM ARGUMENTS: run a benchmark, and say if the host of a virtual machine gave
# processor time that was wanted to others meanwhile. Some per cent of that change every figure.

set -eu

# Steal, and all there was, of all processors since the start of the system; see proc(5).
processor_time() { awk '$1 == "cpu" { for (i = 2; i <= 9; i++) all += $i; print $9, all }' /proc/stat; }

before=$(processor_time)
"$@"
echo "$before $(processor_time)" |
    awk '$4 > $2 { part = 100 * ($3 - $1) / ($4 - $2)
        if (part >= 0.5) printf "  %.0f %% of the processor time went to other machines of the host\n", part }'
echo
