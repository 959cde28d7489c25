#!/usr/bin/env bash
# Runs that begin with a model file, runs whose checkpoints/ was emptied, changes that are accepted,
# and the part of the data that validation_split holds back.
. "$(dirname "$0")/common.bash"
make_points_run
lockstep train points.yaml --quiet || exit 1

# -- model: FILE brings its weights and its compile
cat >next.yaml <<'TEXT'
model: points/model.h5
data: {train: points.h5:train, validation: points.h5:test}
fit: {batch_size: 16, epochs: 1}
TEXT
run lockstep train next.yaml --set fit.epochs=0
status 0
run lockstep train next.yaml -o more
status 0
silent
prints_like "^Epoch 1/1 .* - val_accuracy: [0-9.]+$"
run lockstep evaluate points --data points.h5:test --json
before=$(cat out)
sed -i 's/epochs: 1/epochs: 1, seed: 9/; s/^fit/compile: {optimizer: {SGD: {learning_rate: 0.0}}, loss: {SparseCategoricalCrossentropy: {from_logits: true}}, metrics: [accuracy]}\nfit/' next.yaml
lockstep train next.yaml -o still --quiet || exit 1
run lockstep evaluate still --data points.h5:test --json
same "$before" "$(cat out)" # a learning rate of 0: the weights are the file's
refused_like 65 "*expected a metric" train points.yaml -o none --set 'compile.metrics=[null]'
absent none

# -- model.h5 stands for its checkpoint
rm points/checkpoints/*
refused 73 "points holds a run: --resume goes on with it, -o DIR trains elsewhere" train points.yaml
run lockstep train points.yaml --resume --epochs 4
status 0
prints_like "^Epoch 4/4 "
prints_no "^Epoch [123]/4 "
lockstep train points.yaml -o whole --epochs 4 --quiet || exit 1
run lockstep diff points whole
status 0

# -- what --accept takes
refused 64 "--accept foo: expected kernels, threads, data, or a key of the run file as fit.batch_size" \
    train points.yaml --resume --accept foo
refused_like 65 "the run was started with fit.batch_size: 16, now it is 8 (--accept fit.batch_size*" \
    train points.yaml --resume --epochs 5 --batch-size 8
run lockstep train points.yaml --resume --epochs 5 --batch-size 8 --accept fit.batch_size --quiet
status 0
silent
LOCKSTEP_KERNELS=baseline refused_like 65 "the run was started with the kernels *--accept kernels*" \
    train points.yaml --resume --epochs 6 --batch-size 8

# -- evaluate without --data takes the validation data, or what validation_split held back
sed 's/  validation: .*/  validation_split: 0.25/' points.yaml >split.yaml
run lockstep train split.yaml --epochs 1
status 0
loss=$(sed -n 's/.* - val_loss: \([0-9.]*\) .*/\1/p' out)
run lockstep evaluate split
status 0
prints "samples   40"
same "$loss" "$(awk '$1 == "loss" {printf "%.4f", $2}' out)"
sed '/  validation: /d' points.yaml >alone.yaml
lockstep train alone.yaml --epochs 1 --quiet || exit 1
refused_like 64 "the model's run has no validation data: *" evaluate alone
finish
