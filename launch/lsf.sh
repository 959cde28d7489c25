#!/bin/bash
# An LSF job that trains a run to its end, however often it is interrupted:
#
#     bsub < launch/lsf.sh                                  # the run below
#     run=other.yaml bsub < launch/lsf.sh                   # another, into the run directory other/
#     bsub -J "lockstep[1-5]" < launch/lsf.sh               # seeds 1 to 5, into digits-1/ to digits-5/
#
# Three minutes before its time is up LSF sends USR1: the run saves, and the script ends with a status (99) upon which
# it puts the job back into the queue, to go on from there. After a crash it starts again on the hosts that answer, at
# most three times without a newer checkpoint; when LSF takes the job back (a host failed, brequeue), it goes on from
# the newest checkpoint. The bits are those of a run that nothing happened to. `lockstep stop digits` and bkill end it:
# the run is saved and the job stays ended; the same bsub goes on with it.
#
# Change what differs on your cluster:
#BSUB -J lockstep
#BSUB -n 8
#BSUB -R "span[ptile=4]"
#BSUB -W 4:00
#BSUB -o %J-%I.log
# and leave this: the signal and how many minutes before the end it comes, back into the queue after status 99 or with a
# host that failed.
#BSUB -wa USR1
#BSUB -wt 3
#BSUB -Q "99"
#BSUB -r
run=${run:-digits.yaml}
arguments=${arguments-} # more of them for `lockstep train`, as --epochs 50
launch=${LS_SUBCWD:-.}/launch
set -u

fail() {
    echo "launch/lsf.sh: $2" >&2
    exit "$1"
}
[ -n "${LSB_JOBID-}" ] || fail 64 "give this to bsub: bsub < launch/lsf.sh"
[ -x "$launch/run" ] ||
    fail 66 "$launch/run: not there: submit from the folder of Lockstep, or set 'launch' in the script"

# A task of an array has its number as the seed, and a run directory of its own.
seed=${LSB_JOBINDEX-}
[ "$seed" != 0 ] || seed= # not an array
out=${run%.y*ml}${seed:+-$seed}

# To have all of it looked at before the first step (memory, binding, network, disks), take away the #:
#"$launch/run" check "$run" || exit

# shellcheck disable=SC2086 # words
"$launch/run" --restarts 3 train "$run" -o "$out" ${seed:+--seed $seed} $arguments --resume &
job=$!
again=no
trap 'again=yes; kill -USR1 $job' USR1
trap : TERM INT USR2 # all processes of the job have had it; wait until the ranks have saved
while kill -0 $job 2>/dev/null; do
    wait $job
done
wait $job
status=$?
[ $status != 75 ] || [ $again = no ] || status=99
exit $status
