#!/usr/bin/env bash
# Optimizers in run files: what stands around their steps survives interruptions to the bit, what
# becomes of averages of weights, and what is refused.
. "$(dirname "$0")/common.bash"
make_points_run

# -- from a checkpoint amid an accumulation, with averages and clipping, on any number of ranks
around='clipnorm: 0.5, weight_decay: 0.01, use_ema: true, ema_momentum: 0.8, ema_overwrite_frequency: 3, gradient_accumulation_steps: 4'
places='1 2 3 4'
[ -z "${TESTS_SANITIZED-}" ] || places='1 3' # all is several times slower then
for optimizer in "Nadam: {$around}" "Muon: {$around}" "LARS: {$around}" "Adagrad: {global_clipnorm: 0.3, use_ema: true}"; do
    name=${optimizer%%:*}
    run ranks 2 train points.yaml -o "$name" --replicas 4 --quiet --set "compile.optimizer={$optimizer}" \
        --set checkpoint.every=1\ steps --set checkpoint.keep=100
    status 0
    for ranks in $places; do
        step=$((8 + 5 * ranks)) # of 30
        rm -rf cut
        mkdir -p cut/checkpoints
        cp "$name/run.yaml" cut
        cp "$name/checkpoints/step-000000$step.h5" cut/checkpoints
        run ranks $ranks train cut --resume --quiet
        status 0
        run lockstep diff "$name/model.h5" cut/model.h5
        status 0
    done
done

# -- a training ends with the averages; its checkpoints on the way are of the weights
average() { # OPTIONS DIRECTORY
    run lockstep train points.yaml -o "$2" --quiet --set "compile.optimizer={SGD: {learning_rate: 0.1$1}}" \
        --set checkpoint.every=10\ steps
    status 0
}
average "" plain
average ", use_ema: true" averaged
run lockstep diff plain/checkpoints/step-00000020.h5 averaged/checkpoints/step-00000020.h5
status 1
prints_no "^ *dense/kernel"
prints "slots: 0 and 1"
run lockstep diff plain/model.h5 averaged/model.h5
status 1
prints_like "dense/kernel"
# what is finished stays as it is
run lockstep train averaged --resume --quiet
status 0
run lockstep diff averaged/model.h5 averaged/checkpoints/step-00000030.h5
status 0
run lockstep export averaged -o averaged.keras --quiet
status 0

# -- accumulated for longer than the run, which changes no weight
run lockstep train points.yaml -o never --quiet --set "compile.optimizer={SGD: {gradient_accumulation_steps: 31}}"
status 0
says "warning: the run ends before its first update: its 30 steps are fewer than gradient_accumulation_steps (fewer of those, or more epochs, train)"
run lockstep train points.yaml -o once --quiet --set "compile.optimizer={SGD: {gradient_accumulation_steps: 30}}"
status 0
silent

# -- refused, before anything is written
cat >clips.yaml <<TEXT
$(sed 's/Adam: {learning_rate: 0.01}/Adam: {clipnorm: 1, clipvalue: 1}/' points.yaml)
TEXT
refused 65 "clips.yaml:8: compile optimizer: Adam: only one of clipnorm, clipvalue and global_clipnorm can be set: leave out the others" \
    train clips.yaml -o none
sed -i 's/Adam: {.*}}*/Muon: {exclude_layers: ["a(b"]}}/' clips.yaml
refused 65 "clips.yaml:8: compile optimizer: Muon: exclude_layers: 'a(b' is no pattern that is known here: use part of the layer's name" \
    train clips.yaml -o none
sed -i 's/Muon: {.*}}*/AdamW: {loss_scale_factor: 2}}/' clips.yaml
refused 65 "clips.yaml:8: optimizer AdamW loss_scale_factor: losses and gradients are float32 here, which needs no scaling: leave it out" \
    train clips.yaml -o none
absent none
finish
