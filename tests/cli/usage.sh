#!/usr/bin/env bash
# Wrong use of each command: exit status 64, one line, from one rank, before anything else is done;
# and the help.
. "$(dirname "$0")/common.bash"

known="train, evaluate, predict, summary, import, export, list, check, status, stop, diff, version, help"
refused 64 "missing command (try 'lockstep --help')"
refused 64 "unknown command 'trian' (did you mean 'train'?)" trian run.yaml
refused 64 "unknown command 'frobnicate' (known: $known)" frobnicate model.h5
refused 64 "unknown command '' (known: $known)" ""
refused 64 "unknown option '--quiet' before the command (try 'lockstep --help')" --quiet train
refused 64 "import: missing kind (try 'lockstep import --help')" import
refused 64 "import: missing kind (try 'lockstep import --help')" import -o f.h5 idx
refused 64 "unknown kind of import 'npz' (known: idx, csv, random)" import npz
refused 64 "unknown command 'nothing' (known: $known)" help nothing
refused 64 "help: extra operand 'idx'" help import csv idx

# operand LINE...: a command whose first operand is missing, with its usage
operands=(
    "train:RUN.yaml|RUNDIR" "evaluate:MODEL" "predict:MODEL" "summary:MODEL|RUN.yaml"
    "export:MODEL|RUN.yaml"
    "import idx:IMAGES [LABELS [TEST-IMAGES TEST-LABELS]]" "import csv:FILE..."
    "list:layers|losses|optimizers|metrics|activations|initializers|... [NAME]"
    "status:RUNDIR..." "stop:RUNDIR" "diff:A B"
)
for row in "${operands[@]}"; do
    command=${row%%:*}
    # shellcheck disable=SC2086
    refused 64 "$command: missing operand (usage: lockstep ${row/:/ }; try --help)" $command
    # shellcheck disable=SC2086
    refused 64 "$command: unknown option '--nonsense' (try 'lockstep $command --help')" \
        $command a b --nonsense
    # shellcheck disable=SC2086
    refused 64 "$command: unknown option '-Z' (try 'lockstep $command --help')" $command -Z
    # shellcheck disable=SC2086
    run lockstep $command --help
    status 0
    silent
    prints_like "^Usage: lockstep $command "
    prints "Exit status:"
    prints "Examples:"
    prints_like "^  64 "
    cp out first
    # shellcheck disable=SC2086
    run lockstep help $command
    status 0
    cmp -s out first || fail "'help' and '--help' differ"
done
refused 64 "version: extra operand 'a'" version a
refused 64 "train: extra operand 'b.yaml'" train a.yaml b.yaml
refused 64 "evaluate: extra operand 'b'" evaluate a b
refused 64 "predict: extra operand 'b'" predict a b
refused 64 "summary: extra operand 'b'" summary a b
refused 64 "import idx: extra operand '5'" import idx 1 2 3 4 5
refused 64 "list: extra operand 'c'" list a b c
refused 64 "stop: extra operand 'b'" stop a b
refused 64 "diff: extra operand 'c'" diff a b c
refused_like 64 "predict: missing option '--data' (FILE:SPLIT*)" predict m.h5
refused 64 "predict: missing option '--out' (F.h5|F.csv)" predict m.h5 --data f.h5:test
refused 64 "import idx: missing option '--out' (F.h5)" import idx a b
refused 64 "import csv: missing option '--out' (F.h5)" import csv a
refused 64 "import random: missing option '--out' (F.h5)" import random
refused 64 "import random: extra operand 'a'" import random a -o f.h5
refused 64 "train: unknown option '--epoch' (did you mean '--epochs'?)" train a.yaml --epoch 3
refused 64 "train: option '--epochs' needs a value (N)" train a.yaml --epochs
refused 64 "train: option '--resume' takes no value" train a.yaml --resume=yes
refused 64 "train: option '--epochs': 'many' is not a whole number" train a.yaml --epochs many
refused 64 "train: option '--batch-size': 0 is out of range (1 to 2147483647 samples)" \
    train a.yaml --batch-size 0
refused 64 "train: option '--replicas': -1 is out of range (1 to 1048576)" train a.yaml --replicas=-1
refused 64 "train: option '--threads': 2000 is out of range (1 to 1024 threads a rank)" \
    train a.yaml --threads 2000
refused 64 "train: option '--seed': '1.5' is not a whole number" train a.yaml --seed 1.5
refused 64 "train: option '--combine': 'exac' is none of exact|fast" train a.yaml --combine exac
refused 64 "train: option '--wire': 'fp8' is none of float32|bf16|fp16" train a.yaml --wire fp8
refused 64 "train: option '--combine': 'exact|fast' is none of exact|fast" \
    train a.yaml --combine 'exact|fast'
refused 64 "evaluate: option '--threads': 0 is out of range (1 to 1024 threads a rank)" \
    evaluate m.h5 --threads 0
refused 64 "diff: option '--lines': 0 is out of range (1 to 1000000 lines)" diff a b --lines 0
LOCKSTEP_OUTPUT=colour refused 64 "LOCKSTEP_OUTPUT: 'colour' is neither 'terminal' nor 'plain'" \
    train a.yaml
# Processes that each believe to be alone would all write the same directory.
PMI_SIZE=4 refused_like 64 "4 processes were started, but MPI shows each of them itself alone: *" \
    train a.yaml
SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 run lockstep evaluate a.h5
status 64
silent

run lockstep --version
status 0
silent
prints_like '^lockstep [0-9]+\.[0-9]+\.[0-9]+$'
run lockstep --help
status 0
silent
for command in train evaluate predict summary import list status stop diff version help; do
    prints_like "^  $command +[a-z]"
done
cp out first
run lockstep help
cmp -s out first || fail "'help' and '--help' differ"
run lockstep import --help
status 0
prints_like "^  idx "
prints_like "^  csv "

# A full disk for standard output is no success.
run sh -c '"$0" --help >/dev/full' "$program"
status 73
says "standard output: No space left on device"
# A reader that goes away ends the program quietly.
run bash -c 'set -o pipefail; "$0" help train | head -n 1' "$program"
silent

# Under mpirun all ranks end alike and one of them speaks.
run ranks 4 train a.yaml --epoch 3
status 64
says "train: unknown option '--epoch' (did you mean '--epochs'?)"
run ranks 4 nothing
status 64
says "unknown command 'nothing' (known: $known)"
run ranks 4 list --help
status 0
same 1 "$(grep -c '^Usage' out)"
silent

# Ranks that were started differently all end, before anything is done, and one of them says why.
# unlike MESSAGE ARGUMENTS... : RANKS ARGUMENTS...: mpirun's two groups, of which the first has 1 rank
unlike() {
    local message=$1 first=()
    shift
    while [ "$1" != : ]; do
        first+=("$1")
        shift
    done
    run ranks 1 "${first[@]}" : -n "$2" "$program" "${@:3}"
    status 64
    says "$message"
    quiet
    absent a b
}
make_points_run
other="ranks were started with other options: rank 1 has"
unlike "train: unknown option '--frob' (try 'lockstep train --help')" \
    train points.yaml -o a : 1 train --frob
unlike "train: unknown option '--frob' (try 'lockstep train --help')" \
    train --frob : 1 train points.yaml -o a
unlike "unknown command 'trian' (did you mean 'train'?)" train points.yaml -o a : 1 trian points.yaml
unlike "$other 'train points.yaml -o a --epochs 7', rank 0 has 'train points.yaml -o a'" \
    train points.yaml -o a : 1 train points.yaml -o a --epochs 7
unlike "$other 'train points.yaml -o b', rank 0 has 'train points.yaml -o a'; not as rank 0 either: 2" \
    train points.yaml -o a : 2 train points.yaml -o b
unlike "$other 'evaluate m.h5 --threads 2', rank 0 has 'evaluate m.h5'" \
    evaluate m.h5 : 1 evaluate m.h5 --threads 2
unlike "$other 'predict \"m 2.h5\" --data a:b -o c.h5', rank 0 has 'predict m.h5 --data a:b -o c.h5'" \
    predict m.h5 --data a:b -o c.h5 : 1 predict "m 2.h5" --data a:b -o c.h5
unlike "$other 'evaluate m.h5', rank 0 has 'train m.h5'" train m.h5 : 1 evaluate m.h5
run ranks 1 train points.yaml -o a : -n 1 -x LOCKSTEP_OUTPUT=colour "$program" train points.yaml -o a
status 64
says "LOCKSTEP_OUTPUT: 'colour' is neither 'terminal' nor 'plain'"
finish
