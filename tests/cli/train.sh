#!/usr/bin/env bash
# lockstep train: what it prints and writes, resuming, and every way in which it refuses to start.
. "$(dirname "$0")/common.bash"
make_points_run

# -- a run from its first line to its last
run lockstep train points.yaml
status 0
silent
prints_like '^points: 1 node, 1 rank x 1 thread, 1 replica x 16 samples = batch of 16, kernels [a-z]'
prints "160 samples, 40 for validation, 10 steps an epoch, 3 epochs"
for epoch in 1 2 3; do
    prints_like "^Epoch $epoch/3 - 10/10 - .*s - .*s/step - [0-9]+ samples/s - loss: [0-9.]+ - accuracy: [0-9.]+ - val_loss: [0-9.]+ - val_accuracy: [0-9.]+$"
done
same 3 "$(grep -c ^Epoch out)"
prints "checkpoint: points/checkpoints/step-00000030.h5 (step 30), also points/model.h5"
prints "history:    points/history.h5"
there points/run.yaml points/model.h5 points/history.h5 points/checkpoints/step-00000030.h5
cmp -s points/model.h5 points/checkpoints/step-00000030.h5 || fail "model.h5 is another checkpoint"

# -- a directory that holds a run
refused 73 "points holds a run: --resume goes on with it, -o DIR trains elsewhere" train points.yaml
run lockstep train points.yaml --resume
status 0
says_like "note: points is finished: 3 epochs are done*"
prints_no "^Epoch"
run lockstep train points --resume --epochs 4 --quiet # the run directory in place of the run file
status 0
silent
quiet
there points/checkpoints/step-00000040.h5
run lockstep train points.yaml --resume --epochs 5
status 0
prints "resumed from points/checkpoints/step-00000040.h5: epoch 5, after step 0/10"
same 1 "$(grep -c ^Epoch out)"
refused_like 65 "the run was started with *fit.batch_size*16*8*--accept fit.batch_size*" \
    train points.yaml --resume --epochs 6 --batch-size 8
refused_like 65 "the run has 1 replicas*, not 4*" train points.yaml --resume --epochs 6 --replicas 4
run lockstep train points.yaml --resume --epochs 6 --accept fit.seed --seed 9 --quiet
status 0

# -- where it writes, and what stands in the place of keys
run lockstep train points.yaml -o other --epochs 1 --set fit.batch_size=20 --seed 3 -q
status 0
quiet
silent
there other/model.h5
grep -q 'seed: 3' other/run.yaml || fail "--seed is not in run.yaml"
grep -q 'batch_size: 20' other/run.yaml || fail "--set is not in run.yaml"
run lockstep train points.yaml --replicas 3 -o three --epochs 1
status 0
prints_like "1 rank x 1 thread, 3 replicas x 5 to 6 samples = batch of 16"
run lockstep train points.yaml --data points.h5:test -o fewer --epochs 1
status 0
prints_like "^40 samples"
run sh -c '"$0" train points.yaml -o stdin-closed --epochs 1 -q <&-' "$program"
status 0
rm -rf three other fewer stdin-closed

# A log that cannot be written is no reason to lose a run.
run sh -c '"$0" train points.yaml -o full --epochs 1 >/dev/full' "$program"
status 0
there full/model.h5
run bash -c 'set -o pipefail; "$0" train points.yaml -o piped --epochs 2 | true' "$program"
status 0
there piped/model.h5
rm -rf full piped

# -- where the time goes: a table, or JSON alone; never more than the run is without it
run lockstep train points.yaml -o profiled --profile
status 0
silent
prints_like '^profile:    29 steps of rank 0, milliseconds a step; peak [0-9.]+ GFLOPS$'
prints_like '^layer +class +forward +GFLOPS +backward +GFLOPS +of peak +both +share$'
number='[0-9]+\.[0-9]+'
prints_like "^dense +Dense +$number +$number +$number +$number +$number% +$number +$number%$"
prints_like "^dropout +Dropout +$number +$number +$number +$number%$"
prints_like "^dense_1 +Dense +"
prints_like "^loss +$number +$number%$"
prints_like "^optimizer +$number +$number%$"
prints_like "^data +$number +$number%$"
prints_like "^between steps +$number +$number%$"
prints_like "^a step +$number% +$number +100.0%$"
prints_no '^combine: waiting'
prints_like '^Epoch 3/3 - 10/10 '
prints "history:    profiled/history.h5"
run lockstep diff profiled points
status 1 # points went on
run lockstep train points.yaml -o plain --quiet
status 0
run lockstep diff profiled plain
status 0
run lockstep train points.yaml -o json --epochs 1 --profile --json
status 0
silent
same 1 "$(wc -l <out)"
prints_like '^\{"profile": \{"steps": 9, "step_seconds": [0-9.e-]+, "peak_gflops": [0-9.]+, "hidden_seconds": 0, "rows": \[\{"name": "dense", "class": "Dense", "seconds": [0-9.e-]+, "share": [0-9.e-]+, "forward_seconds": [0-9.e-]+, "backward_seconds": [0-9.e-]+, "forward_flops": [0-9.]+, "backward_flops": [0-9.]+\}, '
prints_like '\{"name": "optimizer", "class": null, "seconds": [0-9.e-]+, "share": [0-9.e-]+, "forward_seconds": null, "backward_seconds": null, "forward_flops": null, "backward_flops": null\}, .*\]\}\}$'
run lockstep train points.yaml -o json --epochs 1 --profile --json --resume
status 0
says_like "note: json is finished: 1 epochs are done*"
prints '{"profile": null}'
run lockstep train points.yaml -o json --epochs 2 --profile --quiet --resume
status 0
quiet
silent
run ranks 2 train points.yaml -o profiled-two --epochs 1 --profile
status 0
silent
same 1 "$(grep -c ^profile: out)"
prints_like "^combine: waiting +$number +$number%$"
prints_like "^combine: adding +$number +$number%$"
refused 64 "train: --json goes with --profile" train points.yaml -o none --json
absent none
run ranks 2 train points.yaml -o none --json
status 64
says "train: --json goes with --profile"
run sh -c '"$0" train points.yaml -o full --epochs 1 --profile --json >/dev/full' "$program"
status 73
says_like "*standard output*"
rm -rf profiled plain json profiled-two full

# -- refusals: one line, nothing begun
# bad STATUS MESSAGE SED-SCRIPT ARGUMENTS...: of bad.yaml, which is points.yaml changed so
bad() {
    sed -e "$3" points.yaml >bad.yaml
    refused_like "$1" "$2" train bad.yaml "${@:4}"
    absent bad
}
refused 66 "cannot read 'nothing.yaml': No such file or directory" train nothing.yaml
bad 65 "bad.yaml:4: layers\[0\] Dense: unknown option 'unit' (did you mean 'units'?)" '4s/units/unit/'
bad 65 "bad.yaml:4: *unknown layer 'Dens' (did you mean 'Dense'?)*" '4s/Dense/Dens/'
bad 65 "bad.yaml:5: *rate*1.5*" 's/rate: 0.2/rate: 1.5/'
bad 65 "bad.yaml:4: *units*" '4s/16/many/'
bad 65 "bad.yaml:4: *activation*'rulu'*'relu'*" 's/relu/rulu/'
bad 65 "bad.yaml:8: *'Adem'*'Adam'*" 's/Adam/Adem/'
bad 65 "bad.yaml:8: *learning_rate*" 's/0.01/fast/'
bad 65 "bad.yaml:10: metrics\[0\]: unknown metric 'accuracie' (did you mean 'accuracy'?)" 's/accuracy/accuracie/'
bad 65 "bad.yaml:14: unknown key 'fit2' (did you mean 'fit'?)" 's/^fit:/fit2:/'
bad 65 "bad.yaml:14: *epoch*epochs*" 's/epochs:/epoch:/'
bad 65 "bad.yaml:14: *batch_size*" 's/16, epochs/0, epochs/'
bad 65 "bad.yaml:14: *duplicate*'seed'*" 's/seed: 1/seed: 1, seed: 2/'
bad 65 "bad.yaml:14: *010*" 's/seed: 1/seed: 010/'
bad 65 "bad.yaml:14: *yes*" 's/seed: 1/shuffle: yes/'
bad 65 "bad.yaml:*" '4s/}/]/'
bad 65 "*there is no \`model\`*" '1,6d'
bad 65 "*there is no data to train on*" '/^data/,/validation/d'
bad 65 "bad.yaml:2: *input*" 's/shape: \[2\]/shape: 2.5/'
bad 65 "*points.h5:train: 'x' has shape (None, 2), but the model's input is (None, 3)" 's/shape: \[2\]/shape: [3]/'
bad 66 "bad.yaml:12: data train: */nothing.h5: no such file" 's/points.h5:train/nothing.h5:train/'
bad 65 "bad.yaml:13: data validation: */points.h5: no split 'validate'; it has: test, train" 's/points.h5:test/points.h5:validate/'
bad 65 "*bad.yaml: not *HDF5*" 's/points.h5:train/bad.yaml:train/'
bad 65 "bad.yaml:12: *FILE:SPLIT*" 's/points.h5:train/points.h5/'
bad 65 "bad.yaml:9: compile loss: SparseCategoricalCrossentropy needs an output of at least 2 classes, the model's has 1" '6s/units: 2/units: 1/'
bad 65 "--set*model.layers.9.units: no such entry: *" '' --set model.layers.9.units=3
bad 65 "bad.yaml: fit: unknown option 'epoch' (did you mean 'epochs'?)" '' --set fit.epoch=3
bad 64 "--set fit: expected KEY=VALUE*" '' --set fit

# A sample that is no number, and data without samples, are named.
printf 'x,y,kind\n1,2,a\n3,nan,b\n' >nan.csv
refused_like 65 "nan.csv:3: column 2 'y': *" import csv nan.csv --target kind -o nan.h5

# -- more than the machine has: said before the first step, in place of being killed in it
cat >vast.yaml <<'TEXT'
model:
  input: {shape: [2]}
  layers:
    - Dense: {units: 16}
    - Reshape: {target_shape: [16, 1]}
    - UpSampling1D: {size: 4000}
    - UpSampling1D: {size: 1000}
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - LayerNormalization
    - GlobalAveragePooling1D
    - Dense: {units: 2}
compile: {loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
data: {train: points.h5:train}
fit: {batch_size: 160}
TEXT
refused_like 65 "the training takes * TB of memory, but * are free (activations * TB, *): use a smaller fit.batch_size" \
    train vast.yaml
absent vast/run.yaml
refused_ranks_like() { # N STATUS MESSAGE ARGUMENTS...
    run ranks "$1" "${@:4}"
    status "$2"
    quiet
    says_like "$3"
}
refused_ranks_like 2 65 "the training takes * TB of memory for the 2 ranks of a node, but * are free (activations * TB, *): use a smaller fit.batch_size" \
    train vast.yaml

# -- places that cannot be written
refused 73 "cannot write 'no/run': No such file or directory" train points.yaml -o no/run
touch file
refused_like 73 "cannot write 'file': Not a directory" train points.yaml -o file
refused_like 73 "cannot write 'file/run': Not a directory" train points.yaml -o file/run
if [ "$(id -u)" != 0 ]; then
    mkdir -m 555 locked
    refused_like 73 "cannot write 'locked/run': Permission denied" train points.yaml -o locked/run
else
    refused_like 73 "cannot write '/proc/nowhere': No such file or directory" train points.yaml -o /proc/nowhere
fi

# -- several ranks: the same files, one of them speaks
run ranks 2 train points.yaml -o two --epochs 1
status 0
silent
prints_like '^two: 1 node, 2 ranks x 1 thread, 2 replicas x 8 samples = batch of 16, kernels '
same 1 "$(grep -c ^Epoch out)"
same 1 "$(grep -c ^history out)"
run ranks 4 train nothing.yaml
status 66
says "cannot read 'nothing.yaml': No such file or directory"
quiet
run ranks 4 train bad.yaml --set model.layers.0.Dense.unit=3
status 65
says_like "*'unit' (did you mean 'units'?)"
run ranks 2 train points.yaml -o two
status 73
says_like "two holds a run: *"
run ranks 2 train points.yaml -o many --replicas 1
status 64
says "2 ranks for 1 replica: use at most 1 rank (-n 1), or -o DIR for a new run"
absent many
run ranks 4 train points.yaml -o two --resume --epochs 2
status 64
says "4 ranks for 2 replicas: use at most 2 ranks (-n 2), or -o DIR for a new run"

# -- a checkpoint that is passed over is told of even when nothing else is
lockstep train points.yaml -o torn --quiet || exit 1
newest=$(find torn/checkpoints -name 'step-*.h5' | sort | tail -n 1)
truncate -s 100 "$newest"
run lockstep train points.yaml -o torn --resume --quiet
status 0
quiet
says_like "warning: *$newest*; going back to the checkpoint before it"
# -- several outputs
cat >both.yaml <<'TEXT'
model:
  inputs: {x: {shape: [2]}}
  layers:
    - Dense: {units: 8, activation: relu, name: hidden}
    - Dense: {units: 2, activation: softmax, name: kind}
    - Dense: {units: 1, name: above}
      from: hidden
  outputs: [kind, above]
compile:
  loss: {kind: crossentropy, above: {BinaryCrossentropy: {from_logits: true}}}
  loss_weights: {above: 0.5}
  metrics: {kind: accuracy}
  weighted_metrics: [accuracy, mae]
  optimizer: adam
data:
  train: {file: points.h5, x: /train/x, kind: /train/y, above: /train/y, above_sample_weight: /train/y}
  validation: {file: points.h5, x: /test/x, kind: /test/y, above: /test/y}
fit: {batch_size: 16}
TEXT
run lockstep train both.yaml
status 0
silent
number='[0-9.]+'
losses="loss: $number - kind_loss: $number - above_loss: $number"
metrics="kind_accuracy: $number - kind_weighted_accuracy: $number - above_mae: $number"
values="$losses - $metrics"
prints_like "^Epoch 1/1 .* - $values - val_${values// - / - val_}$"
run lockstep evaluate both --json
status 0
prints_like "\"loss\": $number, \"kind_loss\": $number, \"above_loss\": $number, \"kind_accuracy\": "
refused 65 "--set: compile loss: unknown output 'kinds' (did you mean 'kind'?)" \
    train both.yaml -o wrong --set 'compile.loss={kinds: mse}'
refused 65 "--set: compile loss_weights: expected a list of 2, an entry for each output (kind, above), found 1" \
    train both.yaml -o wrong --set 'compile.loss_weights=[1]'
refused 65 "--set: compile metrics: expected a map by output or a list with an entry for each output" \
    train both.yaml -o wrong --set compile.metrics=mae
refused 65 "$PWD/points.h5:train: no dataset 'kind'; it has: x, y" \
    train both.yaml -o wrong --data points.h5:train
absent wrong
finish
