#!/usr/bin/env bash
# A host is lost in the middle of a run on three: launch/run notices, leaves it out, and goes on with the ranks of the
# others to the same bits. Hosts are network namespaces (tests/hosts); wants root.
. "$(dirname "$0")/common.bash"
if [ "$(id -u)" != 0 ] || ! ip netns list >/dev/null 2>&1; then
    echo "skipped: no right to make hosts"
    exit 77
fi
prefix=h$(printf '%x' $$)
subnet=10.$((100 + $$ % 100)).$(($$ / 100 % 250))
hosts=$tests/hosts
trap '"$hosts" down "$prefix"; rm -rf "$work"' EXIT
"$hosts" up "$prefix" "$subnet" 3

# What mpirun reaches a host with: not one whose name is in the file dead.
cat >agent <<TEXT
#!/bin/sh
! grep -qx "\$1" $work/dead || { echo "no route to host \$1" >&2 && exit 255; }
exec $hosts agent "\$@"
TEXT
chmod +x agent

make_points_run
length=(--epochs 120 --set "checkpoint.every=10 epochs" --quiet)
run lockstep train points.yaml --replicas 3 -o reference "${length[@]}"
status 0
saved() { [ -e "$1/checkpoints/step-00000100.h5" ]; } # of 1200 steps

# lose HOW: as tests/hosts does it
lose() {
    local pid
    last="lose a host by: $*"
    : >dead
    "$tests/../launch/run" --hosts "${prefix}1:1,${prefix}2:1,${prefix}3:1" --restarts 2 --net "$subnet.0/24" \
        --mca plm_rsh_agent "$work/agent" --mca mpi_yield_when_idle 1 --program "$program" \
        train points.yaml -o "$1" "${length[@]}" >out 2>err &
    pid=$!
    wait_for 30 saved "$1" || fail "no checkpoint"
    echo "${prefix}3" >dead
    "$hosts" "$@"
    wait $pid
    status=$?
    status 0
    for message in "host ${prefix}3 is left out: no route to host ${prefix}3" \
        "2 of 3 ranks are left; the run keeps its replicas, and so its bits"; do
        grep -qxF "launch/run: $message" err || fail "expected: $message"
    done
    run lockstep diff reference "$1"
    status 0
}

lose kill "$prefix" 3
if [ "$all" = yes ]; then
    lose link "$prefix" 3 down
fi
finish
