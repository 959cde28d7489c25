#!/usr/bin/env bash
# Callbacks of a run file: what they say and write; a run that is killed and goes on on other numbers
# of ranks ends as one that was not; what is wrong is refused.
. "$(dirname "$0")/common.bash"
make_points_run
# with_callbacks: points.yaml with these lines, from standard input, under callbacks
with_callbacks() {
    make_run_file
    sed -i '/^fit:/d' points.yaml
    { printf 'fit:\n  batch_size: 16\n  epochs: 60\n  seed: 1\n  callbacks:\n'; sed 's/^/    /'; } >>points.yaml
}

with_callbacks <<'TEXT'
- ReduceLROnPlateau: {monitor: val_accuracy, patience: 2, factor: 0.5, verbose: 1}
- ModelCheckpoint: {save_best_only: true}
- ModelCheckpoint: {filepath: 'models/{epoch:02d}-{val_accuracy:.2f}.keras', monitor: val_accuracy, save_best_only: true}
- CSVLogger: {filename: log.csv}
- EarlyStopping: {min_delta: 0.01, patience: 4, restore_best_weights: true, verbose: 1}
TEXT

# -- alone, and what is said
run lockstep train points.yaml -o one --replicas 3
status 0
prints_like '^Epoch 1/60 .* val_accuracy: [0-9.]+ - learning_rate: 0\.0100$'
stopped=$(sed -n 's/^lockstep: note: Epoch \([0-9]*\): early stopping$/\1/p' err)
[ "${stopped:-60}" -lt 60 ] || fail "expected to stop early"
grep -qE "^lockstep: note: Epoch [0-9]+: ReduceLROnPlateau reducing learning rate to 0.004999999888241291\.$" err ||
    fail "expected a note of the learning rate"
grep -qE "^lockstep: note: Restoring model weights from the end of the best epoch: [0-9]+\.$" err ||
    fail "expected a note of the weights"
grep -qxF "lockstep: note: a callback ended the training after step $((stopped * 10))" err ||
    fail "expected a note of the end"
same $((stopped + 1)) "$(wc -l <one/log.csv)"
same $'epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\r' "$(head -n 1 one/log.csv)"
there one/checkpoints/best.h5
run lockstep status one
prints "  state       finished"
run lockstep evaluate one/checkpoints/best.h5
status 0
cp out best
run lockstep evaluate "one/models/$(ls one/models | tail -n 1)" --data points.h5:test
status 0

# -- killed on three ranks, then on two, then at its end on one
checkpoint_after() { # STEP: whether there is one of a later step
    local newest
    newest=$(ls -d killed/checkpoints/step-*.h5 2>/dev/null | tail -n 1)
    newest=${newest##*step-}
    [ $((10#0${newest%.h5})) -gt "$1" ]
}
kill_after() { # RANKS STEP
    last="kill after step $2 on $1 ranks"
    ranks "$1" train points.yaml -o killed --replicas 3 --resume --set "checkpoint.every=3 steps" >out 2>err &
    local job=$!
    wait_for 60 checkpoint_after "$2" || fail "no checkpoint after step $2"
    kill -s KILL "$(sed 's/.*"pid": \([0-9]*\).*/\1/' killed/status.json)"
    wait $job 2>/dev/null && fail "the run was not killed"
}
kill_after 3 25
kill_after 2 $((stopped * 10 - 60))
run ranks 2 train points.yaml -o killed --resume --set "checkpoint.every=3 steps"
status 0
cmp -s one/log.csv killed/log.csv || fail "log.csv differs: $(diff one/log.csv killed/log.csv)"
run lockstep diff one/model.h5 killed/model.h5
status 0
run lockstep diff one/history.h5 killed/history.h5
status 0
same "$(ls one/models)" "$(ls killed/models)"
run lockstep evaluate killed/checkpoints/best.h5
status 0
cmp -s out best || fail "best.h5 differs"

# -- a loss that is not finite
make_run_file nan.yaml
sed -i 's/learning_rate: 0.01/learning_rate: 1e30/; s/Adam/SGD/; s/epochs: 3/epochs: 3, callbacks: TerminateOnNaN/' nan.yaml
run ranks 2 train nan.yaml -o nan
status 0
grep -qE "^lockstep: warning: epoch 1, step [0-9]+: the loss is not finite .*: TerminateOnNaN ends the training, with the weights of before that step$" err ||
    fail "expected a warning"
run lockstep status nan
prints "  state       finished"
refused_like 1 "epoch 1, step +([0-9]): the loss is not finite *" train nan.yaml -o not -q \
    --set 'fit.callbacks=[{TerminateOnNaN: {raise_error: true}}]'

# -- refused
shopt -s extglob
with_callbacks <<'TEXT'
- EarlyStopping: {patience: 3}
- ModelCheckpoint:
    save_best_only: true
    monitor: val_acuracy
TEXT
refused 65 "points.yaml:22: callbacks[1] ModelCheckpoint monitor: there is no number 'val_acuracy' (did you mean 'val_accuracy'?)" train points.yaml -o no
with_callbacks <<'TEXT'
- BackupAndRestore: {backup_dir: backup}
TEXT
refused 65 "points.yaml:19: callbacks[0] BackupAndRestore: checkpoints do this: leave it out; \`checkpoint: {every: 1 epoch}\` says when, --resume goes on from the newest" train points.yaml -o no
with_callbacks <<'TEXT'
- EarlyStopping: {patient: 3}
TEXT
refused 65 "points.yaml:19: callbacks[0] EarlyStopping: unknown option 'patient' (did you mean 'patience'?)" train points.yaml -o no
absent no
with_callbacks <<'TEXT'
- ModelCheckpoint: {filepath: ../points.h5/best.h5}
TEXT
refused_like 73 "ModelCheckpoint: cannot write 'no/../points.h5': Not a directory" train points.yaml -o no -q
run ranks 3 train points.yaml -o no -q
status 73
says_like "ModelCheckpoint: cannot write 'no/../points.h5': Not a directory"
# found by rank 0 while the others go on, and one of them would have stopped
with_callbacks <<'TEXT'
- ModelCheckpoint: {filepath: '../points.h5/{epoch}.h5'}
- EarlyStopping: {monitor: accuracy, mode: min}
TEXT
run ranks 3 train points.yaml -o half -q
status 73
says_like "ModelCheckpoint: cannot write 'half/../points.h5': Not a directory"

# -- listed
run lockstep list callbacks
status 0
prints_like '^ReduceLROnPlateau      reduces the learning rate'
run lockstep list callbacks early_stopping
status 0
prints_like '^  patience +integer +0 +at least 0'
finish
