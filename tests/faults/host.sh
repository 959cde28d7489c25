#!/usr/bin/env bash
# Of two hosts one is cut off, or its processes stand still: the run ends within seconds, and goes on to the same
# bits on what is left. The hosts are network namespaces, which want root: where there are none, nothing is tested.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
prefix=lsf$(($$ % 1000))x
subnet=10.$((RANDOM % 100 + 100)).$(($$ % 250))
trap '"$tests/hosts" down $prefix; rm -rf "$work"' EXIT
"$tests/hosts" up $prefix $subnet 2 2>/dev/null || { echo "no network namespaces here: not tested" && exit 0; }
make_fault_run

# start_hosts ARGUMENTS...: two ranks on the first host, one on the second, as launch/run would.
start_hosts() {
    rm -rf run
    pace 8
    last="train on two hosts: $*"
    "$tests/hosts" mpirun $prefix 2,1 --mca oob_tcp_keepalive_time 3 --mca oob_tcp_keepalive_intvl 1 \
        --mca oob_tcp_keepalive_probes 3 "$program" train "$work/fault.yaml" -o "$work/run" --quiet "$@" >out 2>err.all &
    mpirun=$!
    pids=()
    wait_for 60 saved run || fail "no checkpoint"
    nap 1 300
}
ranks_on() { # HOST: the ranks' processes there
    local pid
    for pid in $(ip netns pids "$1"); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != lockstep ] || echo "$pid"
    done
}

cut_off() {
    local began
    start_hosts
    "$tests/hosts" link $prefix 2 down
    began=$SECONDS
    ends 20
    [ "$status" != 0 ] || fail "exit status 0"
    echo "the run ended $((SECONDS - began)) s after the link"
    wait_for 10 nobody_on ${prefix}1 || fail "ranks survived"
    wait_for 20 nobody_on ${prefix}2 || fail "ranks of the lost host survived"
    "$tests/hosts" link $prefix 2 up
    goes_on run 2
}
nobody_on() { [ -z "$(ranks_on "$1")" ]; }

# The host answers mpirun, but its rank stands still: its watchdog does too, and rank 0's misses it.
stand_still() {
    start_hosts --watchdog 4
    # shellcheck disable=SC2046
    kill -STOP $(ranks_on ${prefix}2)
    ends 20
    status 1
    says_like "rank 2 (host ${prefix}2) gave no sign of life for 4 s at step *; ranks 0-1 wait for it in *; the newest checkpoint is step *: run it again with --resume"
    wait_for 20 nobody_on ${prefix}2 || fail "the rank survived"
    goes_on run 2
}
for ((i = 0; i < $(sample 1 5); i++)); do cut_off; done
for ((i = 0; i < $(sample 0 5); i++)); do stand_still; done
finish
