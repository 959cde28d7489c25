#!/usr/bin/env bash
# tests/launch/jobs.sh: the job scripts in launch/, with schedulers that only write down what they are asked, a mpirun that
# starts one process, and a program that waits to be asked to end. (Slurm itself: tests/slurm/run.sh.)
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT EXPECTED FOUND
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# stub FILE: a command that does what follows on standard input
stub() {
    { echo '#!/bin/bash' && cat; } >"$work/$1"
    chmod +x "$work/$1"
}

mkdir "$work"/{bin,build,launch}
cp "$top"/launch/{run,hosts.bash,slurm.sbatch,pbs.sh,lsf.sh} "$work/launch"
export WORK=$work PATH=$work/bin:$PATH
unset SLURM_JOB_ID PBS_JOBID LSB_JOBID
stub build/lockstep <<'TEXT'
trap 'exit 75' USR1 TERM
echo "$*" >"$WORK/arguments"
echo $$ >"$WORK/begun"
[ -z "${WAIT-}" ] || for _ in {1..400}; do sleep 0.05; done
exit "${STATUS:-0}"
TEXT
stub bin/mpirun <<'TEXT'
while [[ $1 == -* ]]; do
    case $1 in
    --mca) shift 3 ;;
    --host) echo "$2" >"$WORK/hosts" && shift 2 ;;
    --quiet | --oversubscribe) shift ;;
    *) shift 2 ;;
    esac
done
# A rank is not as deaf as mpirun itself was made.
exec perl -MPOSIX -e 'sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGTERM)); exec @ARGV' "$@"
TEXT
stub bin/qstat <<'TEXT'
printf 'Job Id: %s\n    Resource_List.ncpus = 8\n    Resource_List.walltime = %s\n' "$2" "$WALLTIME"
TEXT
for name in qsub scontrol; do
    stub bin/$name <<'TEXT'
[ "$1" = show ] && { printf 'nodeA\nnodeB\n' && exit; }
echo "$(basename "$0") $*" >>"$WORK/asked"
[ ! -e "$WORK/refuses" ]
TEXT
done
for name in ssh pbs_tmrsh blaunch srun; do
    stub bin/$name <<'TEXT'
echo "$(basename "$0") $1" >>"$WORK/shells"
TEXT
done
printf 'nodeA\nnodeA\nnodeB\nnodeB\n' >"$work/nodes"

# job SIGNAL SCRIPT ARGUMENTS...: runs it, and sends it SIGNAL when the program has begun (none: nothing); leaves `status`,
# `said`, and what was asked in `asked`
job() {
    local signal=$1 pid
    shift
    rm -f "$work"/{asked,arguments,hosts,begun,shells}
    (cd "$work" && exec bash "$@") >"$work/said" 2>&1 &
    pid=$!
    for _ in {1..200}; do
        [ ! -s "$work/begun" ] || break
        kill -0 $pid 2>/dev/null || break
        sleep 0.05
    done
    [ "$signal" = none ] || kill -s "$signal" $pid
    # As schedulers do: TERM is for all processes of a job.
    [ "$signal" != TERM ] || kill -TERM "$(cat "$work/begun")"
    wait $pid
    status=$?
    said=$(grep -v 'asked the run to save' "$work/said")
    asked=$(cat "$work/asked" 2>/dev/null)
}
arguments() { cat "$work/arguments"; }

# -- PBS

export PBS_JOBID=7.server PBS_O_WORKDIR=$work PBS_NODEFILE=$work/nodes WALLTIME=04:00:00
job none launch/pbs.sh
expect "PBS: status" 0 $status
expect "PBS: arguments" "train digits.yaml -o digits --resume" "$(arguments)"
expect "PBS: hosts" "nodeA:2,nodeB:2" "$(cat "$work/hosts")"
expect "PBS: the shell" "pbs_tmrsh" "$(cut -d' ' -f1 "$work/shells" | sort -u)"
expect "PBS: nothing more" "" "$said$asked"
PBS_ARRAY_INDEX=3 arguments="--epochs 5" run=other.yaml job none launch/pbs.sh
expect "PBS: a task of an array" "train other.yaml -o other-3 --seed 3 --epochs 5 --resume" "$(arguments)"
again="qsub -v run=digits.yaml,out=digits,seed=,arguments=,launch=$work/launch $work/launch/pbs.sh"
WAIT=yes job USR1 launch/pbs.sh
expect "PBS: status after USR1" 75 $status
expect "PBS: submits itself" "$again" "$asked"
WAIT=yes WALLTIME=00:00:02 job none launch/pbs.sh
expect "PBS: status when the time is up" 75 $status
expect "PBS: submits itself when the time is up" "$again" "$asked"
WAIT=yes job TERM launch/pbs.sh
expect "PBS: status after TERM" 75 $status
expect "PBS: stays ended" "" "$asked"
touch "$work/refuses"
WAIT=yes job USR1 launch/pbs.sh
expect "PBS: cannot submit" "launch/pbs.sh: saved, but not submitted again: do so to go on" "$said"
rm "$work/refuses"
WALLTIME='' job none launch/pbs.sh
expect "PBS: no walltime" \
    "launch/pbs.sh: qstat tells no walltime: nobody will ask the run to save before its time is up" "$said"
STATUS=65 job none launch/pbs.sh
expect "PBS: the run's status" 65 $status
launch=$work/none job none launch/pbs.sh
expect "PBS: no launch/run" \
    "launch/pbs.sh: $work/none/run: not there: submit from the folder of Lockstep, or set 'launch' in the script" "$said"
unset PBS_JOBID PBS_O_WORKDIR PBS_NODEFILE
job none launch/pbs.sh
expect "PBS: no job" "64 launch/pbs.sh: give this to qsub: qsub launch/pbs.sh" "$status $said"

# -- LSF

export LSB_JOBID=7 LSB_JOBINDEX=0 LSB_DJOB_HOSTFILE=$work/nodes LS_SUBCWD=$work
job none launch/lsf.sh
expect "LSF: status" 0 $status
expect "LSF: arguments" "train digits.yaml -o digits --resume" "$(arguments)"
expect "LSF: hosts" "nodeA:2,nodeB:2" "$(cat "$work/hosts")"
expect "LSF: the shell" "blaunch" "$(cut -d' ' -f1 "$work/shells" | sort -u)"
LSB_JOBINDEX=4 job none launch/lsf.sh
expect "LSF: a task of an array" "train digits.yaml -o digits-4 --seed 4 --resume" "$(arguments)"
WAIT=yes job USR1 launch/lsf.sh
expect "LSF: status after USR1" 99 $status
WAIT=yes job TERM launch/lsf.sh
expect "LSF: status after TERM" 75 $status
STATUS=75 job none launch/lsf.sh
expect "LSF: status after lockstep stop" 75 $status
unset LSB_JOBID
job none launch/lsf.sh
expect "LSF: no job" "64 launch/lsf.sh: give this to bsub: bsub < launch/lsf.sh" "$status $said"
unset LSB_DJOB_HOSTFILE LSB_JOBINDEX

# -- Slurm

export SLURM_JOB_ID=7 SLURM_SUBMIT_DIR=$work SLURM_JOB_NODELIST='node[A-B]' SLURM_TASKS_PER_NODE='2(x2)'
job none launch/slurm.sbatch digits.yaml --epochs 5
expect "Slurm: arguments" "0 train digits.yaml --epochs 5 --resume" "$status $(arguments)"
SLURM_ARRAY_TASK_ID=2 job none launch/slurm.sbatch digits.yaml -o a/b --epochs 5
expect "Slurm: a task of an array" "train digits.yaml --epochs 5 --seed 2 -o a/b-2 --resume" "$(arguments)"
SLURM_ARRAY_TASK_ID=2 job none launch/slurm.sbatch digits.yaml
expect "Slurm: a task's directory" "train digits.yaml --seed 2 -o digits-2 --resume" "$(arguments)"
WAIT=yes job USR1 launch/slurm.sbatch digits.yaml
expect "Slurm: back into the queue" "75 scontrol requeue 7" "$status $asked"
WAIT=yes job TERM launch/slurm.sbatch digits.yaml
expect "Slurm: stays ended" "75 " "$status $asked"
touch "$work/refuses"
WAIT=yes job USR1 launch/slurm.sbatch digits.yaml
expect "Slurm: cannot requeue" \
    "launch/slurm.sbatch: saved, but not put back into the queue: submit it again" "$said"
STATUS=75 job none launch/slurm.sbatch digits.yaml
expect "Slurm: after lockstep stop" "75 " "$status $said"
job none launch/slurm.sbatch
expect "Slurm: no run" \
    "64 launch/slurm.sbatch: which run? sbatch launch/slurm.sbatch RUN.yaml [arguments of lockstep train]" "$status $said"
unset SLURM_JOB_ID
job none launch/slurm.sbatch digits.yaml
expect "Slurm: no job" \
    "64 launch/slurm.sbatch: give this to sbatch: sbatch launch/slurm.sbatch RUN.yaml" "$status $said"

exit $((failures > 0))
