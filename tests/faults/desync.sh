#!/usr/bin/env bash
# A bit that flips in one rank's weights is found at the next comparison, the rank named, and the run goes back
# to its newest checkpoint and on to the same bits; a NaN of one rank ends the run on all at that step, and is in
# no checkpoint.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
make_fault_run
host=$(hostname)

flip() { # RANKS
    export FAULT_RANK=$((RANDOM % $1)) FAULT_STEP=$((RANDOM % 118 + 1)) FAULT_KIND=flip:$((RANDOM % 32))
    last="flip on rank $FAULT_RANK of $1 at step $FAULT_STEP: $FAULT_KIND"
    local who="differs on rank $FAULT_RANK (host $host)"
    [ "$1" -gt 2 ] || who="differs between ranks 0 (host $host), 1 (host $host): no majority tells which is right"
    rm -rf run
    ranks "$1" train fault.yaml -o run --quiet --replicas 3 >out 2>err
    status=$?
    status 0
    says_like "warning: after step *: the * $who; the run went back to step * (1 of at most 3 times)"
    local found
    found=$(sed -n 's/.*warning: after step \([0-9]*\):.*/\1/p' err)
    [ "${found:-0}" -ge $((FAULT_STEP - 1)) ] && [ "${found:-0}" -le $((FAULT_STEP + 10)) ] ||
        fail "found at step $found"
    as_whole run
}

# Each time again: the run ends, and what it ended with is not in its checkpoints.
broken_rank() {
    export FAULT_RANK=1 FAULT_STEP=33 FAULT_KIND=flip:3 FAULT_TIMES=9
    rm -rf run
    run ranks 3 train fault.yaml -o run --quiet
    status 1
    [ "$(tail -n 1 err)" = "lockstep: the run went back 3 times, and again: after step 36: the hash of weights and optimizer differs on rank 1 (host $host)" ] ||
        fail "expected why it ended"
    grep -q "warning: rank 1 (host $host) differed more than once: memory or processor may be faulty" err ||
        fail "expected the suspect"
    goes_on run 3
}

nan() {
    export FAULT_RANK=$((RANDOM % 3)) FAULT_STEP=$((RANDOM % 110 + 8)) FAULT_KIND=nan
    local epoch=$(((FAULT_STEP - 1) / 10 + 1)) step=$(((FAULT_STEP - 1) % 10 + 1)) newest
    rm -rf run
    run ranks 3 train fault.yaml -o run --quiet
    status 1
    says_like "epoch $epoch, step $step: the loss is not finite (NaN or infinity) at sample * of *, in replica $FAULT_RANK; first in *"
    newest=$(ls run/checkpoints | tail -n 1)
    same "$newest" "$(printf 'step-%08d.h5' $(((FAULT_STEP - 1) / 6 * 6)))"
    goes_on run 3
}

for ((i = 0; i < $(sample 2 40); i++)); do flip 3; done
for ((i = 0; i < $(sample 1 10); i++)); do flip 2; done
for ((i = 0; i < $(sample 1 20); i++)); do unset FAULT_TIMES; nan; done
for ((i = 0; i < $(sample 1 1); i++)); do broken_rank; done
finish
