#!/usr/bin/env bash
# kill -9 of a rank, or of mpirun, at any moment: nothing survives, and the next start, on fewer ranks, goes on
# to the same bits. What mpirun leaves behind is swept then.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run

# Open MPI 4.1's mpirun may lock itself out when a rank is killed while it connects: by launch/run, which knows.
start_run() { # WHEN: starting, saved, saving
    rm -rf run
    through=()
    [ "$1" != saving ] || slow_saves
    pace 8
    if [ "$1" = starting ]; then launch 3 fault.yaml -o run --quiet; else start 3 fault.yaml -o run --quiet; fi
}

kill_rank() { # WHEN LONGEST
    start_run "$1"
    [ "$1" = starting ] || wait_for 20 saved run || fail "no checkpoint"
    if [ "$1" = saving ]; then
        wait_for 20 saving run || fail "no checkpoint is written"
    else
        nap 1 "$2"
    fi
    kill -KILL "${pids[RANDOM % 3]}" 2>/dev/null
    ends 10
    [ "$status" != 0 ] || fail "exit status 0"
    goes_on run $((RANDOM % 3 + 1))
}

kill_mpirun() {
    start_run saved
    wait_for 20 saved run || fail "no checkpoint"
    nap 1 500
    left=$(ls /dev/shm/vader_segment.*."$(id -u)".*)
    kill -KILL $mpirun
    ends 5
    status 137
    goes_on run 2
    # The ranks die in their own time: what they still had mapped goes at the start after this one.
    run ranks 2 train fault.yaml -o run --resume --quiet
    for segment in $left; do
        [ ! -e "$segment" ] || grep -qs "$segment" /proc/[0-9]*/maps || fail "$segment was not swept"
    done
}

for ((i = 0; i < $(sample 0 10); i++)); do kill_rank starting 999; done
for ((i = 0; i < $(sample 0 30); i++)); do kill_rank saved 700; done
for ((i = 0; i < $(sample 1 30); i++)); do kill_rank saving 0; done
for ((i = 0; i < $(sample 1 15); i++)); do kill_mpirun; done
finish
