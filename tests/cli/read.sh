#!/usr/bin/env bash
# What reads a finished run: evaluate, predict, summary, status, stop, diff; and list and version.
. "$(dirname "$0")/common.bash"
make_points_run
lockstep train points.yaml -q || exit 1
lockstep train points.yaml -q -o other --seed 2 || exit 1

# -- evaluate: the same numbers from the run, its checkpoint and any number of ranks
run lockstep evaluate points
status 0
silent
prints "samples   40"
prints_like "^loss      0\.[0-9]+$"
prints_like "^accuracy  [01](\.[0-9]+)?$"
run lockstep evaluate points --json
status 0
same 1 "$(wc -l <out)"
prints_like '^\{"samples": 40, "loss": 0\.[0-9]+, "accuracy": [01](\.[0-9]+)?, "confusion_matrix": .*\}$'
expected=$(cat out)
for model in points/model.h5 points/checkpoints/step-00000030.h5; do
    run lockstep evaluate $model --data points.h5:test --json
    same "$expected" "$(cat out)"
done
for n in 2 3; do
    run ranks $n evaluate points --json
    status 0
    silent
    same "$expected" "$(cat out)"
done
run lockstep evaluate points -o numbers.h5
status 0
there numbers.h5
refused 73 "cannot write 'nowhere/numbers.h5': No such file or directory" \
    evaluate points -o nowhere/numbers.h5
refused 64 "-o names the file to write: F.h5" evaluate points -o numbers.json
mkdir folder.h5 && mkfifo pipe.h5
refused 73 "cannot write 'folder.h5': Is a directory" evaluate points -o folder.h5
refused 73 "cannot write 'pipe.h5': it is there and not a file" evaluate points -o pipe.h5
for out in ./points.h5 points/model.h5; do
    both="'$out' is both what is read and what is to be written: name another file"
    refused 64 "$both" evaluate points -o $out
    refused 64 "$both" evaluate points/model.h5 --data points.h5:test -o $out
    refused 64 "$both" predict points --data points.h5:test -o $out
done
there points.h5 points/model.h5
refused 66 "cannot read 'nothing': No such file or directory" evaluate nothing
refused_like 66 "nothing.h5: no such file" evaluate points --data nothing.h5:test
refused_like 65 "points.h5: no split 'no'; it has: test, train" evaluate points --data points.h5:no
neither="is neither FILE:SPLIT, as mnist.h5:test, nor F.csv"
for data in points.h5 points.h5: :test .csv; do
    refused 64 "evaluate: option '--data': '$data' $neither" evaluate points --data "$data"
done
refused 64 "predict: option '--data': 'points.h5' $neither" predict points --data points.h5 -o f.h5
refused_like 65 "points.csv: *" evaluate points.csv --data points.h5:test
refused 65 "points.yaml: a run file has no trained weights: name the run directory or a checkpoint" \
    evaluate points.yaml --data points.h5:test
# A run file that sets all weights by hand is a model; one that sets some is not.
cat >by-hand.yaml <<'TEXT'
model:
  input: {shape: [2]}
  layers:
    - Rescaling: {scale: 2}
    - Dense: {units: 1, activation: step, weights: {kernel: [[-1], [-1]], bias: [2]}}
compile: {loss: mse, metrics: [binary_accuracy]}
TEXT
for n in 1 2; do
    run ranks $n evaluate by-hand.yaml --data points.h5:test --json
    status 0
    prints_like '"binary_accuracy": 1[,}.]'
done
run lockstep predict by-hand.yaml --data points.h5:test -o by-hand.csv
status 0
[ "$(sed 1d by-hand.csv | sort -u | tr '\n' ' ')" = "0 1 " ] || fail "expected zeros and ones"
sed 's/, bias: \[2\]//' by-hand.yaml >in-part.yaml
sed 's/, weights.*/}/' by-hand.yaml >unset.yaml
printf 'model: points/model.h5\n' >of-file.yaml
for file in in-part unset of-file; do
    refused 65 "$file.yaml: a run file has no trained weights: name the run directory or a checkpoint" \
        evaluate $file.yaml --data points.h5:test
done
sed 's/bias: \[2\]/bias: [2, 1]/' by-hand.yaml >wrong.yaml
refused 65 "wrong.yaml:5: layers[1] Dense weights bias: bias has 1 numbers, 2 were given" \
    evaluate wrong.yaml --data points.h5:test
refused_like 65 "points.h5*" evaluate points.h5 --data points.h5:test
mkdir empty
refused_like 66 "empty: *no checkpoint*" evaluate empty --data points.h5:test
head -c 3000 points/model.h5 >torn.h5
refused_like 65 "torn.h5: *" evaluate torn.h5 --data points.h5:test
# HDF5 does not get over some damage, and at exit it would have the last word.
for byte in 131 2020; do
    cp "$tests/reference/seq_classifier.h5" damaged.h5
    bytes 37 | dd of=damaged.h5 bs=1 seek=$byte conv=notrunc status=none
    refused_like 65 "damaged.h5: *" summary damaged.h5
    refused_like 65 "damaged.h5: *" evaluate damaged.h5 --data points.h5:test
done
run ranks 4 evaluate nothing
status 66
says "cannot read 'nothing': No such file or directory"
printf 'a\n1\n' >a.csv
lockstep import csv a.csv -o a.h5 -q
refused_like 65 "a.h5:train: *" evaluate points --data a.h5:train
run bash -c '"$0" evaluate points >/dev/full' "$program"
status 73
says "standard output: No space left on device"

# -- predict
run lockstep predict points --data points.h5:test -o all.csv
status 0
silent
same "all.csv: predictions of 40 samples" "$(cat out)"
same 41 "$(wc -l <all.csv)"
run lockstep predict points --data points.h5:test -o classes.csv --classes
status 0
prints "classes.csv: classes of 40 samples"
same "above below" "$(tail -n +2 classes.csv | sort -u | xargs)"
run lockstep predict points --data points.h5:test -o all.h5 --quiet
status 0
quiet
there all.h5
run ranks 3 predict points --data points.h5:test -o ranks.csv
status 0
same "ranks.csv: predictions of 40 samples" "$(cat out)"
cmp -s all.csv ranks.csv || fail "other predictions on 3 ranks"
run lockstep predict points --data points.h5:test -o layer.csv --layer dense
status 0
same 16 "$(head -n 1 layer.csv | tr ',' '\n' | wc -l)"
refused_like 64 "the model has no layer 'dens'*dense*" \
    predict points --data points.h5:test -o no.csv --layer dens
# a layer that is called twice: which call is to be said
cat >twice.yaml <<'YAML'
model:
  inputs: {x: {shape: [2]}}
  layers:
    - Dense: {units: 2, use_bias: false, name: twofold, weights: {kernel: [[2, 0], [0, 2]]}}
    - apply: twofold
      as: fourfold
YAML
printf 'a,b,y\n1,3,0\n' >one.csv
lockstep import csv one.csv --target y --split train -o one.h5 -q
refused 64 "layer 'twofold' is called 2 times: say which, 'twofold#1' to 'twofold#2'" \
    predict twice.yaml --data one.h5:train -o no.csv --layer twofold
refused 64 "layer 'twofold' is called 2 times: there is no 'twofold#3'" \
    predict twice.yaml --data one.h5:train -o no.csv --layer twofold#3
refused_like 64 "the model has no layer 'onefold#1'*" \
    predict twice.yaml --data one.h5:train -o no.csv --layer onefold#1
run lockstep predict twice.yaml --data one.h5:train -o first.csv --layer twofold#1
status 0
same "twofold#1_0,twofold#1_1 2,6" "$(xargs <first.csv)"
run lockstep predict twice.yaml --data one.h5:train -o second.csv --layer twofold#2
status 0
same "twofold#2_0,twofold#2_1 4,12" "$(xargs <second.csv)"
# what a run file's `from` takes: names of results, further results; from a checkpoint too
run lockstep predict twice.yaml --data one.h5:train -o fourfold.csv --layer fourfold
status 0
same "fourfold_0,fourfold_1 4,12" "$(xargs <fourfold.csv)"
cat >states.yaml <<'YAML'
model:
  inputs: {x: {shape: [2]}}
  layers:
    - Reshape: {target_shape: [2, 1]}
    - Masking
    - LSTM: {units: 1, return_state: true, return_sequences: true}
      as: code
    - Flatten
    - Model: {name: tower, input: {shape: [2]}, layers: [Dense: {units: 1}]}
      as: towered
data: {train: one.h5:train}
compile: {optimizer: sgd, loss: mse}
fit: {epochs: 1}
YAML
run lockstep train states.yaml -o states -q
status 0
same 1 "$(grep -c 'does not hand on the mask' err)"
run lockstep predict states --data one.h5:train -o code.csv --layer code
status 0
same 1 "$(grep -c 'does not hand on the mask' err)"
for name in lstm:0 lstm:1 code:1 code:2 towered; do
    run lockstep predict states --data one.h5:train -o "$name.csv" --layer "$name" -q
    status 0
done
same "code_0,code_1" "$(head -n 1 code.csv)"
same "code:1" "$(head -n 1 code:1.csv)"
same "$(tail -n 1 code.csv)" "$(tail -n 1 lstm:0.csv)"
same "$(tail -n 1 code.csv | cut -d, -f2)" "$(tail -n 1 lstm:1.csv)"
same "$(tail -n 1 lstm:1.csv)" "$(tail -n 1 code:1.csv)"
[ "$(tail -n 1 code:1.csv)" != "$(tail -n 1 code:2.csv)" ] || fail "both states are the same"
run lockstep predict states --data one.h5:train -o whole.csv -q
same "$(tail -n 1 whole.csv)" "$(tail -n 1 towered.csv)"
# refused_layer MESSAGE NAME: below the warning
refused_layer() {
    run lockstep predict states --data one.h5:train -o no.csv --layer "$2"
    status 64
    same "lockstep: $1" "$(tail -n 1 err)"
    quiet
}
refused_layer "'code' has 3 results: there is no 'code:3'" code:3
refused_layer "'towered' has 1 result: there is no 'towered:1'" towered:1
refused_layer "'lstm' has 3 results: there is no 'lstm:3'" lstm:3
refused_layer "the model has no layer 'codes:1'; it has x, reshape, masking, lstm, flatten, tower/dense, code, towered" codes:1
refused_like 64 "-o names the file to write: F.h5 or F.csv" predict points --data points.h5:test -o no.txt
refused_like 73 "*nowhere/no.csv*" predict points --data points.h5:test -o nowhere/no.csv
refused_like 66 "cannot read 'nothing': *" predict nothing --data points.h5:test -o no.csv
refused_like 66 "nothing.h5: no such file" predict points --data nothing.h5:test -o no.csv
absent no.csv no.txt

# What is no number is written, and told of: (0, 0) stays 0, x > y is infinite, and both are NaN.
sed -e 's/scale: 2/scale: 1.0e+38/' -e 's/\[-1\], \[-1\]/[10], [-10]/' -e 's/bias: \[2\]/bias: [0]/' \
    -e 's/step/linear/' by-hand.yaml >overflow.yaml
run lockstep predict overflow.yaml --data points.h5:test -o overflow.csv
status 0
bad=$(sed 1d overflow.csv | grep -cE 'nan|inf')
first=$(sed 1d overflow.csv | grep -nE 'nan|inf' | head -n 1 | cut -d: -f1)
what="warning: 'dense': $bad of 40 predicted numbers are NaN or infinite"
where="first of sample $((first - 1)) (counted from 0): look at the data there, or at the model's weights"
[ "$bad" -gt 1 ] || fail "expected numbers that are not finite, found $bad"
says "$what, $where"
prints "overflow.csv: predictions of 40 samples"
run ranks 3 predict overflow.yaml --data points.h5:test -o overflow.csv --classes -q
status 0
says "$what, and their classes mean nothing, $where"
run lockstep evaluate overflow.yaml --data points.h5:test --json
status 0
says "warning: loss: is NaN or infinite: 'lockstep predict' with this data says whether the model's outputs are, and from which sample on"

# -- summary
run lockstep summary points.yaml
status 0
silent
prints_like "dense.*Dense.*\(None, 16\).*48"
prints_like "Total params: 82"
for model in points points/model.h5; do
    run lockstep summary $model
    status 0
    prints_like "Total params: 82"
done
refused_like 66 "*nothing.yaml*" summary nothing.yaml
sed 's/units/unit/' points.yaml >bad.yaml
refused "65" "bad.yaml:4: layers[0] Dense: unknown option 'unit' (did you mean 'units'?)" \
    summary bad.yaml
# only shapes are asked for: weights that no machine has are not made
sed 's/shape: *[^,}]*/shape: [500000]/; s/units: 16/units: 500000/' points.yaml >vast.yaml
run lockstep summary vast.yaml
status 0
silent
prints_like "Dense.*\(None, 500000\).*250,000,5"
run ranks 2 summary points.yaml
status 0
same 1 "$(grep -c 'Total params' out)"

# -- status and stop
run lockstep status points other
status 0
silent
prints "points"
prints "other"
same 2 "$(grep -c '^  state       finished$' out)"
prints_like "^  processes   1 rank on 1 node; first: process [0-9]+ on ."
prints "  position    step 30 of 30, epoch 3 of 3"
prints_like "^  checkpoint  points/checkpoints/step-00000030.h5, [0-9]+ s ago$"
prints_like "^  best        val_loss 0\.[0-9]+ in epoch [123]$"
run lockstep status --json points
status 0
prints_like '^\[\{"directory": "points", "state": "finished", .*"step": 30, "steps": 30, "checkpoint": "points/checkpoints/step-00000030.h5", .*"best_name": "val_loss", "best_value": 0\.[0-9]+, "best_epoch": [123]\}\]$'
run lockstep status nothing points --json
status 66
says "nothing: No such file or directory"
prints_like '^\[\{"directory": "points"'
refused 66 "empty: holds no run" status empty
refused 66 "points.csv: not a run directory" status points.csv
refused 1 "points: no run is going on (finished)" stop points
refused 66 "nothing: No such file or directory" stop nothing

# -- diff
run lockstep diff points points
status 0
silent
lockstep train points.yaml -q -o same --replicas 1 || exit 1
run lockstep diff points/model.h5 same/model.h5
status 0
silent
run lockstep diff points other
status 1
silent
[ -s out ] || fail "no difference is told"
run lockstep diff points other --lines 1
status 1
run lockstep diff points other --quiet
status 1
quiet
refused_like 66 "cannot read 'nothing': *" diff points nothing
refused_like 65 "*" diff points points.csv

# -- list and version
for noun in layers losses optimizers metrics activations initializers; do
    run lockstep list $noun
    status 0
    silent
    [ "$(wc -l <out)" -gt 2 ] || fail "a short list of $noun"
    name=$(awk 'NR == 1 { print $1 }' out)
    run lockstep list $noun "$name"
    status 0
    prints_like "$name"
done
run lockstep list layers Dense
prints_like "^ *units .*int"
refused_like 64 "list: nothing is known of 'cakes'; known: layers, losses, *" list cakes
for kind in Conv2D SpatialDropout2D; do # of choices, those that are taken
    run lockstep list layers $kind
    prints_like "^ +data_format +choice or null +channels_last +channels_last only +data is laid out channels last$"
done
refused_like 64 "list: *unknown layer 'Dens' (did you mean 'Dense'?)" list layers Dens
run lockstep version
status 0
silent
for word in lockstep "kernel set" OpenBLAS oneDNN HDF5 MPI; do
    prints_like "^$word +[^ ]"
done
LOCKSTEP_KERNELS=baseline run lockstep version
prints_like "^kernel set +baseline"
LOCKSTEP_KERNELS=abacus run lockstep version
status 64
says_like "LOCKSTEP_KERNELS=abacus: no such kernel set (this CPU runs: baseline*"
finish
