#!/usr/bin/env bash
# Files for Keras and from Keras: export in all forms, .keras as a MODEL everywhere, runs that begin
# with a file's optimizer or with `weights`.
. "$(dirname "$0")/common.bash"
reference=$tests/reference
make_points_run
lockstep train points.yaml --quiet || exit 1
lockstep predict points --data points.h5:test -o points.csv --quiet || exit 1

# -- .keras, .h5 and .json
for name in m.keras m.h5; do
    run lockstep export points -o $name
    status 0
    prints "$name: written"
    silent
    lockstep predict $name --data points.h5:test -o again.csv --quiet || exit 1
    same "$(cat points.csv)" "$(cat again.csv)"
    run lockstep diff points $name
    prints_no "^weights"
done
run lockstep export points/model.h5 -o m.json --quiet
status 0
quiet
run lockstep summary m.json
cp out summary
run lockstep summary m.keras
same "$(cat summary)" "$(cat out)"
run lockstep evaluate m.keras --data points.h5:test --json
cp out numbers
run lockstep evaluate points --data points.h5:test --json
same "$(cat out)" "$(cat numbers)"

# -- the same model gives the same bytes, from whatever it is read
lockstep export m.keras -o n.keras --quiet || exit 1
cmp -s m.keras n.keras || fail "m.keras and n.keras differ"
run lockstep export m.json -o n.json --quiet
same "$(cat m.json)" "$(cat n.json)"

# -- a checkpoint's own part goes with the .h5: it is as good as the checkpoint
lockstep export points -o slots.h5 --optimizer-weights --quiet || exit 1
run lockstep diff points slots.h5
status 0
mkdir -p copy && cp points/run.yaml copy && cp slots.h5 copy/model.h5
lockstep train copy --resume --epochs 4 --quiet || exit 1
lockstep train points.yaml --epochs 4 -o four --quiet || exit 1
run lockstep diff copy/model.h5 four/model.h5
status 0
run lockstep diff copy four
status 1
prints "step: 10 and 40 rows" # those of before the copy are in the log of the run that it was of

# -- a run that begins with a file goes on with its optimizer, on any number of ranks
start() { # FILE DIRECTORY [LINE]: 2 epochs, the second one after a resume
    cat >next.yaml <<TEXT
model: $1
data: {train: points.h5:train}
fit: {batch_size: 16, epochs: 2, replicas: 2, seed: 4}
${3:-}
TEXT
    lockstep train next.yaml -o "$2" --epochs 1 --quiet && lockstep train "$2" --resume --epochs 2 --quiet
}
start m.keras from_keras || exit 1
start points/model.h5 from_checkpoint || exit 1
start slots.h5 from_slots || exit 1
run lockstep diff from_keras/model.h5 from_checkpoint/model.h5
status 0
run lockstep diff from_keras/model.h5 from_slots/model.h5
status 0
run ranks 2 train next.yaml --set "model=$work/m.keras" -o from_ranks --quiet
status 0
run lockstep diff from_keras/model.h5 from_ranks/model.h5
status 0
lockstep export m.keras -o plain.h5 --quiet || exit 1 # without the optimizer's state
start plain.h5 from_plain || exit 1
run lockstep diff from_keras/model.h5 from_plain/model.h5
status 1
# with a compile of its own it takes the weights alone
compile="compile: {optimizer: {Adam: {learning_rate: 0.01}}, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}"
start m.keras with_compile "$compile" || exit 1
start plain.h5 plain_compile "$compile" || exit 1
run lockstep diff with_compile/model.h5 plain_compile/model.h5
status 0

# -- an optimizer that is not known here
other=$reference/trained_adafactor.keras
cat >other.yaml <<TEXT
model: $other
data: {train: $reference/trained_adafactor_ref.h5:train}
fit: {batch_size: 12}
TEXT
refused 65 "$other: model.weights.h5: the optimizer's state in it cannot be taken: optimizer: unknown optimizer 'Adafactor' (known: SGD, Adam, RMSprop, AdamW, Adamax, Nadam, Adagrad, Adadelta, Ftrl, Lion, Lamb, LARS, Muon) (with a \`compile\` of its own a run takes the weights alone)" \
    train other.yaml
absent other
run lockstep train other.yaml --set 'compile={optimizer: sgd, loss: mse}' --quiet
status 0
silent
lockstep predict "$other" --data "$reference/trained_adafactor_ref.h5:train" -o other.csv --quiet || exit 1

# -- weights alone
cat >weights.yaml <<TEXT
model:
  name: trained
  input: {shape: [3]}
  layers:
    - Dense: {units: 4, activation: tanh}
    - Dense: {units: 3, activation: tanh, trainable: false}
    - Dense: {units: 1}
weights: some.weights.h5
compile: {optimizer: sgd, loss: mse}
data: {train: $reference/trained_adam_ref.h5:train}
fit: {batch_size: 12, epochs: 0}
TEXT
cp "$reference/trained_adam.weights.h5" some.weights.h5
run lockstep train weights.yaml --quiet
status 0
silent
for place in weights weights.yaml; do
    lockstep export $place -o whole.h5 --quiet || exit 1
    lockstep predict whole.h5 --data "$reference/trained_adam_ref.h5:train" -o a.csv --quiet || exit 1
    lockstep predict "$reference/trained_adam.keras" --data "$reference/trained_adam_ref.h5:train" \
        -o b.csv --quiet || exit 1
    same "$(cut -d, -f2- b.csv | tail -n +2)" "$(cut -d, -f2- a.csv | tail -n +2)"
done
run ranks 2 evaluate weights.yaml --data "$reference/trained_adam_ref.h5:train" --json
status 0
cp out by_run_file
run lockstep evaluate whole.h5 --data "$reference/trained_adam_ref.h5:train" --json
same "$(cat out)" "$(cat by_run_file)"
run ranks 2 train weights.yaml --set "weights=$reference/keras2_adam_weights.h5" -o two --quiet
status 0
run lockstep train weights.yaml --set "weights=$reference/keras2_adam.h5" -o one --set fit.replicas=2 --quiet
status 0
run lockstep diff one/model.h5 two/model.h5
prints_no "^weights"
alone="it holds weights alone, no model: name it in a run file as \`weights\`, beside \`model\`"
refused 65 "some.weights.h5: $alone" summary some.weights.h5
refused 65 "$reference/keras2_adam_weights.h5: $alone" \
    predict "$reference/keras2_adam_weights.h5" --data points.h5:test -o none.csv
refused 65 "--set: weights: expected the path of a file of weights, found a list" \
    train weights.yaml -o none --set 'weights=[a, b]'
refused 65 "$work/some.weights.h5: /layers/dense/vars/0: its shape is (3, 4), but the model's is (3, 5)" \
    train weights.yaml -o none --set model.layers.0.units=5
refused 66 "cannot read '$work/none.h5': No such file or directory" \
    train weights.yaml -o none --set weights=none.h5
absent none

# -- what is refused
ending="expected a name that ends in .keras, .h5 or .json"
refused 64 "'m.hdf5': $ending" export points -o m.hdf5
refused 64 "'m': $ending" export none -o m
refused 64 "'m.json': a .json holds no weights, nor an optimizer's" \
    export points -o m.json --optimizer-weights
refused_like 64 "export: *-o*" export points
refused 66 "cannot read 'none.keras': No such file or directory" export none.keras -o n.h5
refused 66 "cannot read 'none.h5': No such file or directory" export none.h5 -o n.keras
refused 73 "cannot write 'none/m.keras': No such file or directory" export points -o none/m.keras
refused 73 "cannot write 'none/m.h5': No such file or directory" export points -o none/m.h5
refused 73 "cannot write 'none/m.json': No such file or directory" export points -o none/m.json
refused 65 "m.json: the model has no weights: only a .json can be made of it" export m.json -o x.h5
refused 65 "m.json: the model has no weights: only a .json can be made of it" export m.json -o x.keras
head -c 1000 m.keras >cut.keras
refused_like 65 "cut.keras: not a whole archive (*)" export cut.keras -o x.h5
refused_like 65 "$other: *the optimizer's state in it cannot be taken: *" export "$other" -o x.keras
python_json='{"class_name": "Sequential", "config": {"name": "m", "layers": [{"class_name": "InputLayer", "config": {"batch_shape": [null, 2]}}, {"class_name": "Dense", "config": {"units": 1}}]}}'
echo "$python_json" >bare.json
cat >bare.yaml <<'TEXT'
model: bare.json
weights: bare.h5
TEXT
lockstep export bare.json -o bare2.json --quiet || exit 1
sed 's/^model:.*/model: {input: {shape: [2]}, layers: [Dense: {units: 1}]}/; /weights/d' bare.yaml >init.yaml
lockstep export init.yaml -o bare.h5 --quiet || exit 1
lockstep export bare.yaml -o bare3.h5 --quiet || exit 1
refused 65 "the model is not compiled: it has no optimizer's weights" \
    export bare.yaml -o x.h5 --optimizer-weights
absent x.h5 x.keras m.hdf5
finish
