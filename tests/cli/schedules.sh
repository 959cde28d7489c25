#!/usr/bin/env bash
# Schedules, the scaling for large batches, constraints and class weights in run files: they survive
# interruptions to the bit, are part of the run's identity, and bad ones are refused.
. "$(dirname "$0")/common.bash"
make_points_run

schedule='{CosineDecay: {initial_learning_rate: 0.001, decay_steps: 20, warmup_target: 0.02, warmup_steps: 8}}'
steered=(--set "compile.optimizer={Adam: {learning_rate: $schedule}}"
    --set 'model.layers.0.kernel_constraint={MaxNorm: {max_value: 1}}'
    --set 'model.layers.0.kernel_regularizer={OrthogonalRegularizer: {mode: columns}}'
    --set 'fit.class_weight={0: 1.0, 1: 3.5}'
    --set 'fit.scale_learning_rate={base_batch_size: 8, warmup_epochs: 1.5}')

# -- from a checkpoint amid the warm-up and after it, on any number of ranks
run ranks 2 train points.yaml -o whole --replicas 4 --quiet "${steered[@]}" --set "checkpoint.every=1 steps" \
    --set checkpoint.keep=100
status 0
for ranks in 1 2 3 4; do
    step=$((7 * ranks - 2)) # of 30
    rm -rf cut
    mkdir -p cut/checkpoints
    cp whole/run.yaml cut
    cp "$(printf 'whole/checkpoints/step-%08d.h5' $step)" cut/checkpoints
    run ranks $ranks train cut --resume --quiet
    status 0
    run lockstep diff whole/model.h5 cut/model.h5
    status 0
done

# -- killed, and resumed by the same command
long=("${steered[@]}" --epochs 120 --set "checkpoint.every=40 steps" --replicas 2 --quiet)
"$program" train points.yaml -o killed "${long[@]}" >/dev/null 2>&1 &
pid=$!
wait_for 20 [ -e killed/model.h5 ] || fail "no checkpoint was written"
kill -s KILL $pid
wait $pid 2>/dev/null
run ranks 2 train points.yaml -o killed "${long[@]}" --resume
status 0
run lockstep train points.yaml -o undisturbed "${long[@]}"
status 0
run lockstep diff killed/model.h5 undisturbed/model.h5
status 0

# -- each is part of the run's identity
other() { # KEY VALUE MESSAGE
    refused_like 65 "$3" train whole --resume --set "$1=$2" --epochs 4
}
other fit.class_weight '{0: 1.0, 1: 3.0}' '*the run was started with fit.class_weight.1: 3.5, now it is 3.0 (--accept fit.class_weight.1 takes the change)'
other fit.scale_learning_rate.warmup_epochs 2 '*the run was started with fit.scale_learning_rate.warmup_epochs: 1.5, now it is 2 (--accept *'
other compile.optimizer.learning_rate.decay_steps 21 '*the run was started with compile.optimizer.*decay_steps: 20, now it is 21 (--accept *'
other model.layers.0.kernel_constraint.max_value 2 '*the run was started with model.layers.*max_value: 1, now it is 2 (--accept *'

# -- listed
run lockstep list schedules
status 0
prints_like '^CosineDecay '
run lockstep list constraints MinMaxNorm
status 0
prints_like '^  rate '

# -- refused, before anything is written
refuse() { # KEY VALUE MESSAGE
    refused 65 "$3" train points.yaml -o none --set "$1=$2"
}
refuse compile.optimizer '{Adam: {learning_rate: {CosineDecay: {initial_learning_rate: 0.1}}}}' \
    "--set: optimizer Adam learning_rate CosineDecay: option 'decay_steps' is missing"
refuse compile.optimizer '{Adam: {learning_rate: {PiecewiseConstantDecay: {boundaries: [5, 3], values: [1, 2, 3]}}}}' \
    "--set: compile optimizer: Adam: learning_rate: PiecewiseConstantDecay: boundaries: 3 after 5: they must rise"
refuse model.layers.0.kernel_constraint '{MaxNorm: {axis: 2}}' \
    "points.yaml:4: layers[0] Dense: kernel: MaxNorm: axis 2, but there are 2 axes"
refuse fit.class_weight '{2: 1.0}' "--set: fit class_weight: there is no class 2: the model's are 0 to 1"
refuse fit.scale_learning_rate '{base_batch_size: 0}' \
    "--set: scale_learning_rate base_batch_size: must be at least 1 and at most 2147483647, found 0"
absent none
finish
