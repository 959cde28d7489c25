#!/usr/bin/env bash
# A run is stopped after any step, and goes on with other numbers of ranks, 4, 2, 3, 1, stopped again between: the same
# bits in weights, optimizer and history as the run that nothing happened to, and every sample once an epoch, at the
# same step.
. "$(dirname "${BASH_SOURCE[0]}")/processes.bash"
rows=75 steps=15 # 5 an epoch
awk -v rows=$rows 'BEGIN { print "number,kind"; for (i = 0; i < rows; i++) print i "," (i % 3 ? "a" : "b") }' >rows.csv
lockstep import csv rows.csv --target kind -o rows.h5 --quiet || exit 1
cat >rows.yaml <<TEXT
model:
  input: {shape: [1]}
  layers: [Fault, Rescaling: {scale: 0.01}, Dense: {units: 16, activation: relu}, Dropout: {rate: 0.2}, Dense: {units: 2}]
compile: {optimizer: Adam, loss: {SparseCategoricalCrossentropy: {from_logits: true}}, metrics: [accuracy]}
data: {train: "rows.h5:train"}
plugins: [$plugin]
fit: {batch_size: 16, epochs: 3, seed: 1, replicas: 4, callbacks: [FaultClock]}
TEXT
samples() { sort -n samples.* && rm samples.*; }
export FAULT_SAMPLES=$PWD/samples

run lockstep train rows.yaml -o whole --quiet
status 0
samples >whole.samples
for epoch in 1 2 3; do
    same "$(seq 0 $((rows - 1)))" "$(awk -v e=$epoch 'int(($1 - 1) / 5) + 1 == e { print $2 }' whole.samples | sort -n)"
done

stop_after() { # STEP RANKS: one of these is asked when the step before is done (the ranks agree during a step)
    export FAULT_KIND=usr1 FAULT_STEP=$(($1 - 1)) FAULT_RANK=$((RANDOM % $2))
    run ranks "$2" train rows.yaml -o run --resume --quiet
    status 75
    says_like "interrupted: saved at step $1 (*"
}

chain() { # STEP: stopped there, and twice more while there are steps
    local step=$1 ranks
    rm -rf run
    for ranks in 4 2 3; do
        [ $step -lt $steps ] || break
        stop_after $step $ranks
        step=$((step + RANDOM % 4 + 1))
    done
    unpace
    run ranks 1 train rows.yaml -o run --resume --quiet
    status 0
    run lockstep diff whole run --plugin "$plugin"
    status 0
    samples >run.samples
    last="stopped after step $1"
    cmp -s whole.samples run.samples || fail "other samples: $(diff whole.samples run.samples | head -n 5)"
}
for step in $(places 2 $((steps - 1)) resume); do chain "$step"; done
finish
