#!/usr/bin/env bash
# tests/slurm/run.sh PROGRAM [CASE...]: launch/slurm.sbatch in a real Slurm of three nodes (tests/slurm/cluster). Whatever
# happens to a job, its run ends with the weights of one process that nothing happened to. Exit status 77 where it cannot
# be tried: not as root, not from build/.
. "$(dirname "$0")/../cli/common.bash"
cases=("${@:2}")
top=$(realpath "$tests/..")
skip() { echo "skipped: $1" && exit 77; }
[ "$(id -u)" = 0 ] || skip "Slurm's daemons want root"
[ "$(realpath "$program")" = "$top/build/lockstep" ] || skip "launch/run takes build/lockstep, not $program"
"$top/launch/setup" --slurm || exit 1
cluster=$work/c
chmod 711 "$work" # munged wants its socket to be reachable by all
trap '"$tests/slurm/cluster" down "$cluster"; rm -rf "$work"' EXIT
"$tests/slurm/cluster" up "$cluster" 3 2 || exit 1
# shellcheck disable=SC1091
. "$cluster/env"

make_points_run
steps_an_epoch=10
length=(--epochs 600 --set "checkpoint.every=20 epochs" --set checkpoint.keep=1 --quiet)

now() { date +%s.%N; }
after() { awk -v a="$began" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'; } # since `began`

# submit NAME [OPTIONS OF SBATCH] -- ARGUMENTS: its number in `job`; the log is NAME.log, the run directory NAME
submit() {
    local name=$1 options=()
    shift
    while [ "$1" != -- ]; do options+=("$1") && shift; done
    last="sbatch ${options[*]} launch/slurm.sbatch $*"
    job=$(cd "$top" && sbatch --parsable -N2 --ntasks-per-node=2 -o "$work/$name.log" "${options[@]}" \
        launch/slurm.sbatch "$work/points.yaml" -o "$work/$name" "${length[@]}" "${@:2}")
    : >out
    : >err
}
field() { scontrol -o show job "$job" | sed -n "s/.* $1=\([^ ]*\).*/\1/p"; }
in_state() { [[ " $* " == *" $(field JobState) "* ]]; }
step() { sed -n 's/.*"step": \([0-9]*\).*/\1/p' "$1/status.json" 2>/dev/null; }
at_step() { [ "$(step "$1")" -ge "$2" ] 2>/dev/null; }
saved() { grep -qs 'interrupted: saved' "$1.log"; }

# until WHAT SECONDS COMMAND...: false, and the job's log, when it does not come to that
reached() {
    wait_for "$2" "${@:3}" && return
    tail -n 30 "$name.log" >out
    fail "$1 was not reached: job $job is $(field JobState), $(field Reason)"
    return 1
}
begin() { # NAME ...: as submit; until it has trained for a while
    name=$1
    submit "$@"
    reached "step 500" 60 at_step "$name" 500
}
completes() { # with the bits of the reference
    reached "the end" 240 in_state COMPLETED || return
    run lockstep diff reference "$name"
    status 0
}
# requeued HOW: it was saved (HOW: saved), or not (crashed); goes back into the queue, on, and to its end
requeued() {
    local times=()
    if [ "$1" = saved ]; then
        reached "the save" 60 saved "$name" || return
        times+=("saved after $(after)")
    fi
    reached "the queue" 60 in_state PENDING || return
    times+=("in the queue after $(after)")
    reached "a second start" 150 in_state RUNNING COMPLETED || return
    times+=("started after $(after)")
    completes || return
    times+=("finished after $(after)")
    same 1 "$(field Restarts)"
    printf '%s: %s\n' "$name" "$(printf '%s; ' "${times[@]}")"
}

finish_undisturbed() {
    name=finish
    submit finish --
    began=$(now)
    completes
    seconds=$(field RunTime | awk -F: '{ print $1 * 3600 + $2 * 60 + $3 }')
    echo "finish: 2 nodes x 2 ranks, 6000 steps in $seconds s"
    grep -q '"ranks": 4,* "nodes": 2' finish/status.json || fail "expected 4 ranks on 2 nodes: $(cat finish/status.json)"
}

# A job of high priority takes the nodes: Slurm warns, the run saves, the job goes back into the queue by itself.
preempt() {
    begin preempt --
    began=$(now)
    sbatch -Q -p high -N3 --exclusive -o /dev/null --wrap 'sleep 2'
    requeued saved
}

# The same without a warning: TERM, and 20 seconds.
preempt_without_grace() {
    begin rough -p rough --
    began=$(now)
    sbatch -Q -p high -N3 --exclusive -o /dev/null --wrap 'sleep 2'
    requeued saved
}

# The time is up: a run of about 50 s in jobs of a minute that are warned 50 s before its end. (Slurm looks every 30 s
# only.)
time_limit() {
    local epochs
    [ -n "$seconds" ] || finish_undisturbed
    epochs=$((600 * 50 / (seconds + 1)))
    run lockstep train points.yaml --replicas 4 -o long "${length[@]}" --epochs $epochs
    status 0
    name=limit
    submit limit -t 1 --signal=B:USR1@50 -- --epochs $epochs
    began=$(now)
    reached "the signal" 100 saved limit || return
    echo "limit: saved after $(after) of 60 s, at step $(step limit) of $((epochs * steps_an_epoch))"
    reached "the end" 400 in_state COMPLETED || return
    echo "limit: finished after $(after), after $(field Restarts) restarts"
    run lockstep diff long limit
    status 0
}

requeue() {
    begin requeue --
    began=$(now)
    scontrol requeue "$job"
    requeued saved
}

# scancel and `lockstep stop` end a job for good, with the run saved; a job of the same command goes on with it.
cancel() {
    begin cancel --
    began=$(now)
    scancel "$job"
    reached "the save" 60 saved cancel
    echo "cancel: saved after $(after)"
    reached "CANCELLED" 60 in_state CANCELLED
    submit cancel --
    completes
}
stop() {
    begin stop --
    began=$(now)
    run lockstep stop stop
    status 0
    reached "FAILED" 60 in_state FAILED
    echo "stop: the job ended after $(after)"
    same 75:0 "$(field ExitCode)"
    same 0 "$(field Restarts)"
    submit stop --
    completes
}

# A node's power goes. Not that of the script: the run goes on at once, on the ranks that are left, and Slurm takes the
# job back when it has noticed, if that is not finished by then.
crash_of_a_node() {
    local lost
    begin crash --
    lost=$(scontrol show hostnames "$(field NodeList)" | tail -n 1)
    began=$(now)
    "$tests/slurm/cluster" crash "$cluster" "$lost"
    reached "a start on the rest" 60 grep -q '2 of 4 ranks are left' crash.log
    echo "crash of $lost: went on after $(after)"
    completes
    echo "crash of $lost: finished after $(after), after $(field Restarts) restarts, on $(field NodeList)"
    "$tests/slurm/cluster" boot "$cluster" "$lost"
    wait_for 60 all_idle
}
crash_of_the_first_node() {
    local lost
    begin first --
    lost=$(field BatchHost)
    began=$(now)
    "$tests/slurm/cluster" crash "$cluster" "$lost"
    requeued crashed
    echo "crash of $lost: went on on $(field NodeList)"
    "$tests/slurm/cluster" boot "$cluster" "$lost"
    wait_for 60 all_idle
}
all_idle() { [ "$(sinfo -h -p low -t idle -o %D)" = 3 ]; }

# A rank dies: nobody but launch/run needs to know.
crash_of_a_rank() {
    begin rank --
    began=$(now)
    kill -KILL "$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' rank/status.json)"
    reached "another start" 60 grep -q 'signal 9 (KILL): starts again (1 of 3' rank.log
    echo "crash of a rank: started again after $(after)"
    completes
}

seeds() {
    local seed array
    submit seed --array=2-3 -N1 -o "$work/seed-%a.log" --
    array=$job
    for seed in 2 3; do
        run lockstep train points.yaml --replicas 2 --seed $seed -o alone-$seed "${length[@]}"
        status 0
        name=seed-$seed
        job=${array}_$seed
        reached "the end" 240 in_state COMPLETED
        run lockstep diff alone-$seed seed-$seed
        status 0
    done
}

# Ranks that srun starts by itself.
srun_alone() {
    run srun -N2 -n4 --mpi=pmix "$program" train points.yaml -o srun "${length[@]}"
    status 0
    run lockstep diff reference srun
    status 0
    run srun -N1 -n2 --mpi=none "$program" train points.yaml -o none --quiet
    status 64
    grep -q '2 processes were started, but MPI shows each of them itself alone: start them with srun --mpi=pmix' err ||
        fail "expected the refusal"
    absent none
}

run lockstep train points.yaml --replicas 4 -o reference "${length[@]}"
status 0
all=(finish_undisturbed preempt preempt_without_grace requeue cancel stop crash_of_a_rank crash_of_a_node
    crash_of_the_first_node seeds srun_alone time_limit)
seconds=
for case in "${cases[@]:-${all[@]}}"; do
    $case
done
finish
