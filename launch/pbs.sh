#!/bin/bash
# A PBS job (PBS Pro, OpenPBS, Torque) that trains a run to its end, however often it is interrupted:
#
#     qsub launch/pbs.sh                                    # the run below
#     qsub -v run=other.yaml launch/pbs.sh                  # another, into the run directory other/
#     qsub -J 1-5 launch/pbs.sh                             # seeds 1 to 5, into digits-1/ to digits-5/ (Torque: -t 1-5)
#
# PBS does not warn a job before its time is up: this script keeps the time itself. Three minutes before, or when it
# gets USR1 (qsig -s USR1 JOB), the run saves, and the script submits itself again, to go on from there. After a crash
# it starts again on the hosts that answer, at most three times without a newer checkpoint; when PBS takes the job back
# (a node failed), it goes on from the newest checkpoint. The bits are those of a run that nothing happened to.
# `lockstep stop digits` and qdel end it: the run is saved and the job stays ended; the same qsub goes on with it.
#
# Change what differs on your cluster. Options on qsub's command line do not come along when the script submits itself:
# write them here.
#PBS -N lockstep
#PBS -l select=2:ncpus=4:mpiprocs=4
#PBS -l walltime=04:00:00
#PBS -j oe
#PBS -r y
# (Torque: -l nodes=2:ppn=4 in place of select.)
run=${run:-digits.yaml}
arguments=${arguments-} # more of them for `lockstep train`, as --epochs 50
launch=${launch:-${PBS_O_WORKDIR:-.}/launch}
script=$launch/pbs.sh # this file
set -u

fail() {
    echo "launch/pbs.sh: $2" >&2
    exit "$1"
}
[ -n "${PBS_JOBID-}" ] || fail 64 "give this to qsub: qsub launch/pbs.sh"
[ -x "$launch/run" ] ||
    fail 66 "$launch/run: not there: submit from the folder of Lockstep, or set 'launch' in the script"
cd "$PBS_O_WORKDIR" || exit 66

# A task of an array has its number as the seed, and a run directory of its own.
seed=${seed:-${PBS_ARRAY_INDEX-${PBS_ARRAYID-}}}
out=${out:-${run%.y*ml}${seed:+-$seed}}

# To have all of it looked at before the first step (memory, binding, network, disks), take away the #:
#"$launch/run" check "$run" || exit

# shellcheck disable=SC2086 # words
"$launch/run" --restarts 3 train "$run" -o "$out" ${seed:+--seed $seed} $arguments --resume &
job=$!
again=no
trap 'again=yes; kill -USR1 $job' USR1
trap : TERM # all processes of the job have had it; wait until the ranks have saved

# hours:minutes:seconds
walltime=$(qstat -f "$PBS_JOBID" | sed -n 's/ *Resource_List.walltime = //p')
if [[ $walltime =~ ^([0-9]+):([0-9]+):([0-9]+)$ ]]; then
    seconds=$((10#${BASH_REMATCH[1]} * 3600 + 10#${BASH_REMATCH[2]} * 60 + 10#${BASH_REMATCH[3]}))
    seconds=$((seconds > 360 ? seconds - 180 : seconds / 2))
    (sleep $seconds & trap 'kill $!; exit' TERM && wait $! && kill -USR1 $$) &
    timer=$!
else
    echo "launch/pbs.sh: qstat tells no walltime: nobody will ask the run to save before its time is up" >&2
fi

while kill -0 $job 2>/dev/null; do
    wait $job
done
wait $job
status=$?
[ -z "${timer-}" ] || kill "$timer" 2>/dev/null
if [ $status = 75 ] && [ $again = yes ]; then
    qsub -v "run=$run,out=$out,seed=$seed,arguments=$arguments,launch=$launch" "$script" ||
        fail 75 "saved, but not submitted again: do so to go on"
fi
exit $status
