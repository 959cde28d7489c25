# Sourced by the tests of faults of processes: a run that can be broken in the middle (fault_plugin.c), started
# in the background, and what is left of it.
# shellcheck source=common.bash
. "$(dirname "${BASH_SOURCE[0]}")/common.bash"
plugin=$(dirname "$program")/tests/fault-plugin.so
RANDOM=${SEED-1}

# fault.yaml: a run of 120 steps on points.h5, a checkpoint every 6 of them; `pace` makes a step last some
# milliseconds, so that there is time to break it.
make_fault_run() {
    make_points
    lockstep import csv points.csv --target kind --split 0.8,0.2 -o points.h5 --quiet || exit 1
    cat >fault.yaml <<TEXT
model:
  input: {shape: [2]}
  layers: [Dense: {units: 256, activation: relu}, Fault, Dense: {units: 256, activation: relu}, Dense: {units: 2}]
compile: {optimizer: Adam, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
data: {train: "points.h5:train"}
plugins: [$plugin]
fit: {batch_size: 16, epochs: 12, seed: 1, replicas: 3, verify: 10, callbacks: [FaultClock]}
checkpoint: {every: 6 steps}
TEXT
    run ranks 3 train fault.yaml -o whole --quiet
    status 0
}
pace() { export FAULT_KIND=slow:$1 FAULT_RANK=0; }
unpace() { unset FAULT_KIND FAULT_RANK FAULT_STEP FAULT_TIMES; }

# slow_saves: checkpoints of the directory run take long enough on their way to the disk that one can be met.
slow_saves() {
    through=(env "LD_PRELOAD=$shim" "FAULT_UNDER=$(pwd -P)/run/checkpoints" FAULT_CALL=fsync FAULT_AT=1 FAULT_ON=yes
        FAULT_MODE=slow FAULT_MS=100)
}
through=()

# start N ARGUMENTS...: the run on N ranks in the background. $mpirun is mpirun's process (or launch/run's), $pids
# the ranks' in their order.
start() {
    local n=$1
    shift
    last="train $*"
    "$tests/mpirun" "$n" "${through[@]}" "$program" train "$@" >out 2>err.all &
    wait_for_ranks "$n"
}
# launch N ARGUMENTS...: the same by launch/run
launch() {
    local n=$1
    shift
    last="launch/run -n $n train $*"
    "$tests/../launch/run" -n "$n" --program "$program" train "$@" >out 2>err.all &
    wait_for_ranks "$n"
}
wait_for_ranks() {
    mpirun=$!
    wait_for 20 find_ranks "$1" || fail "the ranks did not start"
}
find_ranks() { # N: false when there are not so many; a process that has just begun has no environment yet
    local pid rank below
    below=$(pgrep -d , -P $mpirun)
    pids=()
    for pid in $(pgrep -P "$mpirun${below:+,$below}" -x lockstep); do
        rank=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p')
        [ -z "$rank" ] || pids[rank]=$pid
    done
    [ ${#pids[@]} = "$1" ]
}

# ends SECONDS: the run ends in that time and leaves no process; its exit status in $status.
ends() {
    local limit=$1 pid
    wait_for "$limit" gone $mpirun || fail "still there after $limit s"
    wait $mpirun 2>/dev/null
    status=$?
    without_mpirun <err.all | grep -v '^\[' >err # nor what its transports say of lost peers
    for pid in "${pids[@]}"; do
        wait_for "$limit" gone "$pid" || fail "rank process $pid survived"
    done
}
# A process that has ended and is not yet waited for is gone.
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }

# nap LEAST MOST: a drawn time between these, in milliseconds
nap() { sleep "$(printf '0.%03d' $((RANDOM % ($2 - $1) + $1)))"; }

saved() { compgen -G "$1/checkpoints/step-*.h5" >/dev/null; }
saving() { compgen -G "$1/checkpoints/.*" | grep -qv '/\.\{1,2\}$'; }

# goes_on DIR N: the run goes on on N ranks, to the same bits as the one that nothing happened to.
goes_on() {
    unpace
    run ranks "$2" train fault.yaml -o "$1" --resume --quiet
    status 0
    as_whole "$1"
}
as_whole() {
    run lockstep diff whole/model.h5 "$1/model.h5" --plugin "$plugin"
    status 0
}
