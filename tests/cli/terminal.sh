#!/usr/bin/env bash
# The progress bar on a pseudo-terminal (script(1)), alone and under mpirun, wide and narrow.
. "$(dirname "$0")/common.bash"
make_points_run

# on_terminal COLUMNS COMMAND...: its terminal's output in out, with a line for each redrawing
on_terminal() {
    local columns=$1
    shift
    last="on a terminal of $columns columns: $*"
    TERM=xterm script -qec "stty cols $columns; $*" /dev/null </dev/null >raw 2>err
    status=$?
    tr '\r' '\n' <raw | sed '/^ *$/d; s/ *$//' >out
}

on_terminal 200 "$program" train points.yaml -o wide --epochs 2
status 0
prints "Epoch 1/2"
prints_like "^10/10 \[={20}\] [0-9.]+s [0-9.]+[mu]s/step [0-9]+ samples/s - loss: [0-9.]+ - accuracy: [0-9.]+ - val_loss: [0-9.]+ - val_accuracy: [0-9.]+$"
prints_no "^Epoch 1/2 - "
LC_ALL=C.UTF-8 on_terminal 200 "$program" train points.yaml -o utf8 --epochs 1
prints_like "^10/10 ━━━━━━━━━━━━━━━━━━━━ [0-9.]+s "

# An epoch that takes longer is drawn while it runs, within the width, with the time left.
slow=(--epochs 1 --batch-size 1 --set model.layers.0.Dense.units=300000 --set "checkpoint.every=9 epochs")
on_terminal 50 "$program" train points.yaml -o slow "${slow[@]@Q}"
status 0
prints_like "^ *[0-9]+/160 .*left .*/step - loss: [0-9.]+$"
longest=$(sed -n 's/^\( *[0-9]*\/160 .* left.*\)$/\1/p' out | awk '{ if (length > n) n = length } END { print n + 0 }')
[ "$longest" -gt 20 ] && [ "$longest" -lt 50 ] || fail "lines of up to $longest characters"

# Under mpirun the ranks see a terminal always: mpirun's own output tells.
on_terminal 120 "$tests/mpirun" 2 "$program" train points.yaml -o two --epochs 1
status 0
prints "Epoch 1/1"
prints_like "^10/10 \[=+\]"
TERM=xterm run ranks 2 train points.yaml -o file --epochs 1
status 0
prints_like "^Epoch 1/1 - 10/10 - "
same 0 "$(tr -cd '\r' <out | wc -c)"

# As the user says, whatever there is.
LOCKSTEP_OUTPUT=plain on_terminal 100 "$program" train points.yaml -o plain --epochs 1
prints_like "^Epoch 1/1 - 10/10 - "
LOCKSTEP_OUTPUT=terminal run lockstep train points.yaml -o drawn --epochs 1
prints "Epoch 1/1"
TERM=dumb
on_terminal 100 env TERM=dumb "$program" train points.yaml -o dumb --epochs 1
prints_like "^Epoch 1/1 - 10/10 - "

# The import's bar ends whole: of an import that takes several times the tenth of a second after which
# the bar is drawn, on a fast machine too.
awk 'BEGIN { print "x,y"; for (i = 0; i < 4000000; i++) print i "," i }' >large.csv
on_terminal 60 "$program" import csv large.csv -o large.h5
status 0
prints_like "^100% \[=+\]$"
prints "large.h5: written"
finish
