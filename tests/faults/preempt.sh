#!/usr/bin/env bash
# A run that is asked to end, at any moment, also while it saves and more than once: it saves and ends with
# status 75 within the grace that schedulers give, and the next start goes on to the same bits.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run
run_ranks=$tests/../launch/run

expect_saved() { # DIR
    status 75
    grep -q '^lockstep: interrupted: saved at step [0-9]* (' err || fail "expected where it was saved"
    saved "$1" || fail "expected a checkpoint"
    [ "$("$program" status --json "$1" | grep -o '"state": "[a-z]*"')" = '"state": "stopped"' ] ||
        fail "expected the state stopped"
}

ask_mpirun() { # WHEN: saved, saving, twice
    rm -rf run
    through=()
    [ "$1" != saving ] || slow_saves
    pace 8
    start 3 fault.yaml -o run --quiet
    wait_for 30 saved run || fail "no checkpoint"
    if [ "$1" = saving ]; then
        wait_for 20 saving run || fail "no checkpoint is written"
    else
        nap 1 400
    fi
    kill -USR1 $mpirun
    [ "$1" != twice ] || { nap 1 20; kill -USR1 $mpirun 2>/dev/null; }
    ends 10
    expect_saved run
    goes_on run $((RANDOM % 3 + 1))
}

# A process alone, with all three replicas, and launch/run, get TERM.
ask_with_term() { # COMMAND...
    rm -rf run
    pace 8
    last="$* (TERM)"
    "$@" train fault.yaml -o run --quiet >out 2>err.all &
    local process=$!
    pids=() mpirun=$process
    wait_for 30 saved run || fail "no checkpoint"
    nap 1 300
    kill -TERM $process
    ends 10
    sed -i '/^launch\/run: asked the run to save/d' err
    expect_saved run
    goes_on run 2
}

for ((i = 0; i < $(sample 1 20); i++)); do ask_mpirun saving; done
for ((i = 0; i < $(sample 0 20); i++)); do ask_mpirun saved; done
for ((i = 0; i < $(sample 1 20); i++)); do ask_mpirun twice; done
for ((i = 0; i < $(sample 1 5); i++)); do ask_with_term "$program"; done
for ((i = 0; i < $(sample 0 5); i++)); do ask_with_term "$run_ranks" -n 3 --program "$program"; done
finish
