#!/usr/bin/env bash
# Kinds of one's own, from the shared object of tests/examples/price_is_right.c (the second argument):
# trained, saved, read again, on one rank and on several.
. "$(dirname "$0")/common.bash" "$1"
object=$2
cp "$object" mine.so || exit 1

awk 'BEGIN {
    print "a,b,c,price"
    for (i = 0; i < 240; i++) {
        a = (i * 37 % 101) / 100; b = (i * 59 % 103) / 102; c = (i * 83 % 97) / 96
        printf "%.4f,%.4f,%.4f,%.4f\n", a, b, c, 0.3 * a + 0.9 * b + 0.2 * c
    }
}' >bids.csv
lockstep import csv bids.csv --target price --split 0.8,0.2 -o bids.h5 --quiet || exit 1

# bids PLUGINS FIT: a run file
bids() {
    cat >bids.yaml <<TEXT
$1
model:
  input: {shape: [3]}
  layers:
    - Dense: {units: 8, activation: relu}
    - AxisScale
    - Dense: {units: 1}
compile: {optimizer: {Adam: {learning_rate: 0.02}}, loss: {PriceIsRight: {over: 4}}, metrics: [over_bids]}
data: {train: bids.h5:train, validation: bids.h5:test}
fit: {batch_size: 16, epochs: 3, seed: 1$2}
TEXT
}

# -- lists and help
run lockstep list losses --plugin mine.so
status 0
silent
prints 'PriceIsRight                        closest without going over'
run lockstep list losses price_is_right --plugin mine.so
status 0
prints_like '^  over  +number  +10\.0  +at least 0 and at most 1000000  +how much worse'
run lockstep list layers AxisScale --plugin mine.so
status 0
prints_like '^  scale_initializer  +initializer  +ones'
run lockstep list callbacks --plugin mine.so
status 0
prints_like '^StopBelow +ends the training when the loss is below a bound$'
run lockstep list callbacks
status 0
prints_no StopBelow

# -- training: --plugin, or the run file; one process or three ranks
bids '' ''
known=$(lockstep list layers | sed -e 's/ .*//' -e 's/$/,/' | tr '\n' ' ' | sed 's/, $//')
refused 65 "bids.yaml:6: layers[1]: unknown layer 'AxisScale' (known: $known; --plugin F.so loads custom ones)" train bids.yaml
run lockstep train bids.yaml --plugin mine.so --replicas 3 -o one
status 0
silent
prints_like '^Epoch 1/3 .* loss: [0-9.]+ - over_bids: [0-9.]+ - val_loss: [0-9.]+ - val_over_bids: '
grep -qF "plugins: [$work/mine.so]" one/run.yaml || fail "run.yaml: $(cat one/run.yaml)"
bids 'plugins: [mine.so]' ''
mkdir elsewhere
(cd elsewhere && ranks 3 train ../bids.yaml --replicas 3 -o ../three -q --plugin ../mine.so) >out 2>err
status=$?
status 0
silent
run lockstep diff one/model.h5 three/model.h5 --plugin mine.so
status 0

# -- reading what was saved
run lockstep evaluate one --plugin mine.so
status 0
prints_like '^over_bids  [0-9.]+$'
evaluated=$(cat out)
run ranks 2 evaluate one/model.h5 --plugin mine.so --data bids.h5:test
status 0
same "$evaluated" "$(cat out)"
run lockstep predict one --plugin mine.so --data bids.h5:test -o bids.out.csv
status 0
run lockstep summary one --plugin mine.so
status 0
prints_like 'axis_scale \(AxisScale\) .* 16 '
run lockstep summary bids.yaml
status 0
grep -qaF '"class_name": "lockstep>AxisScale"' one/model.h5 || fail 'no lockstep>AxisScale in model.h5'
grep -qaF '{"class_name": "lockstep>PriceIsRight", "config": {"reduction": "sum_over_batch_size", "over": 4.0}}' \
    one/model.h5 || fail 'no lockstep>PriceIsRight in model.h5'
for form in keras h5; do
    run lockstep export one -o m.$form --plugin mine.so
    status 0
    run lockstep evaluate m.$form --data bids.h5:test --plugin mine.so
    status 0
    same "$evaluated" "$(cat out)"
done
run lockstep export one -o m.json -q --plugin mine.so
status 0
grep -qF '"class_name": "lockstep>AxisScale"' m.json || fail "m.json: $(cat m.json)"
custom="a custom one, which only its author's code knows: --plugin F.so loads it"
for command in "evaluate one" "predict one --data bids.h5:test -o no.csv" "summary one" "diff one three" \
    "export one -o no.h5"; do
    # shellcheck disable=SC2086
    refused_like 65 "one/checkpoints/step-*.h5: *layers[[]2]: the layer 'lockstep>AxisScale' is $custom" $command
done

# A custom loss is no matter to who predicts, but to who evaluates.
sed -i -e '/AxisScale/d' bids.yaml
run lockstep train bids.yaml -o plain --epochs 1 -q
status 0
run lockstep predict plain --data bids.h5:test -o plain.csv -q
status 0
refused_like 65 "loss: unknown loss 'PriceIsRight' (known: *; --plugin F.so loads custom ones)" \
    evaluate plain --data bids.h5:test
sed -e 's/^/0.5,0.25,/' -e '1s/.*/d,e,a,b,c,price/' bids.csv >five.csv
lockstep import csv five.csv --target price --split test -o five.h5 --quiet || exit 1
net=$tests/reference/price_is_right_net.h5 # Keras'
run lockstep predict "$net" --data five.h5:test -o five.out.csv -q
status 0
refused 65 "loss: the loss 'seeds>price_is_right' is $custom" evaluate "$net" --data five.h5:test
run lockstep evaluate "$net" --data five.h5:test --plugin mine.so
status 0

# -- a callback ends it, in the middle of an epoch; it is finished then
bids 'plugins: mine.so' ', callbacks: [{StopBelow: {loss: 0.3, steps: 4}}]'
run lockstep train bids.yaml -o whole --replicas 2
status 0
says_like "note: a callback ended the training after step *"
ended=$(sed 's/.* //' err)
[ $((ended % 12)) != 0 ] || fail "it ended at an epoch's end: another bound is to be chosen"
run ranks 2 train bids.yaml -o two -q
status 0
run lockstep diff whole/model.h5 two/model.h5 --plugin mine.so
status 0
run lockstep train whole --resume
status 0
says_like "note: whole is finished: a callback ended it after step $ended (--epochs N, more than 3, trains on)"
run lockstep status whole
prints_like '^  state +finished'

# -- what is no plugin
refused 66 "cannot read the plugin '$work/none.so': No such file or directory" \
    summary one --plugin none.so
refused 66 "cannot read the plugin '$work/none.so': No such file or directory" \
    train bids.yaml --plugin none.so
run ranks 2 evaluate one --plugin none.so
status 66
says "cannot read the plugin '$work/none.so': No such file or directory"
echo 'no object file, whatever its name says, though it is long enough for one' >text.so
refused 65 "$work/text.so is no shared object: make one with cc -shared -fPIC" \
    predict one --data bids.h5:test -o no.csv --plugin text.so
cp "$object" twin.so
refused 65 "list: $work/twin.so: plugin 'price_is_right': there is a loss 'PriceIsRight' already: give it another name" \
    list losses --plugin mine.so --plugin twin.so
run lockstep list losses --plugin mine.so --plugin ./mine.so
status 0
finish
