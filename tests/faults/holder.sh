#!/usr/bin/env bash
# One writer a run directory: a second run ends at once and names the holder; one that was killed holds nothing.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run

try() {
    pace 8
    rm -rf run
    start 2 fault.yaml -o run --quiet
    wait_for 30 saved run || fail "no checkpoint"
    unpace
    run timeout 5 "$program" train fault.yaml -o run --resume --quiet
    status 73
    says "run: in use by process ${pids[0]} on $(hostname)"
    kill -KILL "${pids[0]}"
    wait_for 5 gone "${pids[0]}"
    run timeout 60 "$program" train fault.yaml -o run --resume --quiet
    status 0
    as_whole run
    ends 10
}
for ((i = 0; i < $(sample 1 10); i++)); do try; done
finish
