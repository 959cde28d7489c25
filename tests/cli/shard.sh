#!/usr/bin/env bash
# --shard-optimizer: the same weights, slots and history as without it; a run goes on with it or without
# it, on other ranks; it tells what it saves.
. "$(dirname "$0")/common.bash"
make_points_run
all=(--set "fit.callbacks=[{EarlyStopping: {monitor: val_loss, mode: max, patience: 9, restore_best_weights: true}}]"
    --set "compile.optimizer={Adam: {learning_rate: 0.01, use_ema: true, global_clipnorm: 0.5}}")
points() { # RANKS DIRECTORY ARGUMENTS...
    local n=$1 directory=$2
    shift 2
    run ranks "$n" train points.yaml -o "$directory" --replicas 3 "$@"
    status 0
    silent
}
alike() { # DIRECTORIES: of runs that are the same
    run lockstep diff "$1" "$2"
    status 0
}

# Arenas of 32 + 16 + 32 + 16 numbers: weights, those that are kept, averages, Adam's two slots.
points 2 plain "${all[@]}"
prints_no 'once a node'
points 3 three "${all[@]}" --set fit.shard_optimizer=true
prints 'weights and optimizer: 1.9 kB once a node, not once a rank'
alike plain three

# One epoch with it, one without, one with it, on other ranks each time; and all of it alone.
points 2 turns --shard-optimizer --epochs 1
points 3 turns --resume --epochs 2 --set fit.shard_optimizer=false
points 3 turns --resume --epochs 3 --shard-optimizer
prints_like '^resumed from .*: epoch 3, after step 0/10$'
run lockstep train points.yaml -o alone --replicas 3 --shard-optimizer
status 0
silent
prints_no 'once a node'
alike alone turns

# A model from a file, with its optimizer, goes on alike; so do weights from a file.
next() { # DIRECTORY ARGUMENTS...
    run ranks 2 train next.yaml -o "$@"
    status 0
    silent
}
sed -e '/^model:/,/^  metrics/d' points.yaml >next.yaml
echo "model: $work/turns/model.h5" >>next.yaml
next next --set fit.seed=3
next next_shared --set fit.seed=3 --shard-optimizer
alike next next_shared
make_run_file next.yaml
echo "weights: $work/turns/model.h5" >>next.yaml
next weights
next weights_shared --shard-optimizer
alike weights weights_shared

refused_like 64 "train: option '--shard-optimizer' takes no value" train points.yaml --shard-optimizer=true
refused_like 65 "--set: fit shard_optimizer: expected true or false, found '2'" train points.yaml --set fit.shard_optimizer=2
finish
