#!/usr/bin/env bash
# A rank that is slower than the others is named in the epoch's line, and changes no bits.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run

named() { # RANK
    grep -qE "^Epoch .* - straggler: rank $1 \(host $(hostname)\) [0-9.]+x" out || fail "expected the straggler, rank $1"
    as_whole run
}

# It stands still most of the time, for a while.
by_turns() {
    local rank=$((RANDOM % 3))
    rm -rf run
    pace 10
    export FAULT_RANK=-1
    start 3 fault.yaml -o run
    wait_for 30 saved run || fail "no checkpoint"
    for _ in 1 2 3 4; do
        kill -STOP "${pids[rank]}" 2>/dev/null
        sleep 0.8
        kill -CONT "${pids[rank]}" 2>/dev/null
        sleep 0.2
    done
    ends 60
    status 0
    named $rank
}

# It computes longer.
slow() {
    local rank=$((RANDOM % 3))
    rm -rf run
    unpace
    export FAULT_RANK=$rank FAULT_STEP=60 FAULT_KIND=slow:60
    run ranks 3 train fault.yaml -o run
    status 0
    named $rank
}
for ((i = 0; i < $(sample 1 5); i++)); do by_turns; done
for ((i = 0; i < $(sample 0 5); i++)); do slow; done
finish
