#!/usr/bin/env bash
# Stopping a run, by signals and by `lockstep stop`, alone and under mpirun, and going on with it.
. "$(dirname "$0")/common.bash"
make_points_run
long=(--epochs 100000 --batch-size 4 --set "checkpoint.every=1000 epochs")

begun() { grep -qs '"state": "running"' "$1/status.json"; }

# start DIRECTORY COMMAND...: in the background, with its process in $pid, until it trains
start() {
    local directory=$1
    shift
    last="$*"
    env --default-signal=INT,USR1,HUP "$@" >out.all 2>err.all &
    pid=$!
    wait_for 20 begun "$directory" || fail "the run did not begin"
}

# ended: what `run` leaves
ended() {
    { wait $pid; } 2>/dev/null
    status=$?
    without_mpirun <err.all >err
    cp out.all out
}

# stopped DIRECTORY: saved, said so, and is ready to go on
stopped() {
    ended
    status 75
    says_like "interrupted: saved at step +([0-9]) ($1/checkpoints/step-+([0-9]).h5); run it again with --resume to go on"
    local step
    step=$(sed 's/.*step \([0-9]*\) .*/\1/' err)
    there "$(printf '%s/checkpoints/step-%08d.h5' "$1" "$step")" "$1/model.h5"
    run lockstep status "$1"
    prints "  state       stopped"
    prints_like "^  position    step $step of "
    refused_like 73 "$1 holds a run: --resume goes on with it, *" train points.yaml -o "$1"
}
shopt -s extglob

mpirun=("$tests/mpirun" 2 "$program")
for signal in USR1 TERM INT HUP; do
    start $signal "$program" train points.yaml "${long[@]}" -o $signal
    kill -s $signal $pid
    stopped $signal
done
start quiet "$program" train points.yaml "${long[@]}" -o quiet --quiet
kill -s USR1 $pid
stopped quiet

# What it was started to ignore it goes on ignoring, as under nohup.
start deaf env --ignore-signal=HUP "$program" train points.yaml "${long[@]}" -o deaf
kill -s HUP $pid
sleep 0.5
kill -0 $pid || fail "a signal that was ignored ended the run"
run lockstep status deaf
prints "  state       running"
kill -s USR1 $pid
stopped deaf

start two "${mpirun[@]}" train points.yaml "${long[@]}" -o two
kill -s USR1 $pid
stopped two

start asked "${mpirun[@]}" train points.yaml "${long[@]}" -o asked
run lockstep status asked
prints "  state       running"
prints_like "^  processes   2 ranks on 1 node; first: process [0-9]+ on ."
# One writer a directory.
refused_like 73 "asked: in use by process +([0-9]) on *" train points.yaml -o asked --resume
run lockstep stop asked
status 0
prints "asked: asked to save and end"
stopped asked
refused 1 "asked: no run is going on (stopped)" stop asked

# -- killed: known as dead, and what the last checkpoint holds is not lost
start killed "$program" train points.yaml "${long[@]}" -o killed --set "checkpoint.every=40 steps"
wait_for 20 [ -e killed/model.h5 ] || fail "no checkpoint was written"
kill -s KILL $pid
ended
status 137
run lockstep status killed
prints "  state       dead"
refused 1 "killed: no run is going on (dead)" stop killed

# -- interrupted and gone on with, a run has the bits of one that was not
run lockstep train points.yaml -o whole --epochs 40 --replicas 2 --quiet
status 0
start parts "${mpirun[@]}" train points.yaml -o parts --epochs 40 --replicas 2
kill -s USR1 $pid
ended
if [ "$status" != 0 ]; then # it may have been at its end
    status 75
    run lockstep train points.yaml -o parts --epochs 40 --resume
    status 0
    silent
    prints_like "^resumed from parts/checkpoints/step-[0-9]+.h5: epoch [0-9]+, after step [0-9]+/10$"
fi
run lockstep diff whole/model.h5 parts/model.h5
status 0
finish
