#!/usr/bin/env bash
# A rank that is stopped, or stuck, at any moment: the watchdog ends the run, and names rank, host, step and what
# it did. mpirun never would. A run that is stopped as a whole and continued is left alone.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run
limit=3
lockstep=$program

# ended RANK PATTERN: the run ends a few seconds after the limit, with one line that matches; nothing is left.
ended() {
    ends $((limit + 20))
    status 1
    says_like "rank $1 (host $(hostname)) $2"
    grep -q '; the newest checkpoint is step [0-9]*: run it again with --resume$' err || fail "expected the newest checkpoint"
    run lockstep status run
    prints '  state       failed'
    prints_like "^  message     rank $1 \(host "
    goes_on run 2
}

start_run() {
    rm -rf run
    start 3 fault.yaml -o run --quiet --watchdog $limit
    wait_for 30 saved run || fail "no checkpoint"
}

stop_rank() { # RANK WHEN
    pace 8
    [ "$2" != saving ] || slow_saves
    start_run
    through=()
    if [ "$2" = saving ]; then
        wait_for 20 saving run || fail "no checkpoint is written"
    else
        nap 1 400
    fi
    kill -STOP "${pids[$1]}"
    ended "$1" "stood still, stopped by a signal, for $limit s at step * (*); * for it in *"
}

stick() { # RANK KIND PATTERN
    unpace
    export FAULT_RANK=$1 FAULT_KIND=$2 FAULT_STEP=$((RANDOM % 100 + 10))
    start_run
    ended "$1" "$3 for $limit s at step $FAULT_STEP (forward of layer 'fault'); ranks * wait for it in *"
}

# Ctrl-Z, and a scheduler's suspension: all stand still for longer than the limit.
suspend() {
    pace 8
    start_run
    kill -STOP "${pids[@]}"
    sleep $((limit + 1))
    kill -CONT "${pids[@]}"
    ends 60
    status 0
    as_whole run
}

# A rank that stands still before MPI has gathered all.
never_begin() {
    local program
    program=$(command -v bash)
    # shellcheck disable=SC2016
    run ranks 2 -c '[ $OMPI_COMM_WORLD_RANK = 0 ] || kill -STOP $$; exec "$0" "$@"' \
        "$lockstep" train fault.yaml -o never --quiet --watchdog $limit
    status 1
    says_like "rank 0 (host $(hostname)) has waited for $limit s for the others to begin: one that was started with it stands still, *"
    absent never
}

never_begin
for ((i = 0; i < $(sample 1 10); i++)); do stop_rank 0 saving; done
for ((i = 0; i < $(sample 0 20); i++)); do stop_rank $((RANDOM % 3)) saved; done
for ((i = 0; i < $(sample 0 10); i++)); do stick $((RANDOM % 3)) hang 'made no progress'; done
for ((i = 0; i < $(sample 0 10); i++)); do stick $((RANDOM % 3)) stop 'stood still, stopped by a signal,'; done
for ((i = 0; i < $(sample 0 3); i++)); do suspend; done

refused 64 "train: option '--watchdog': 'soon' is not a whole number" train fault.yaml --watchdog soon
refused_like 65 '*watchdog: * -1*' train fault.yaml -o bad --set fit.watchdog=-1
finish
