#!/usr/bin/env bash
# Rows 3 and 4 of the table: a run killed, its machine crashed, or its disk failing at each of the calls by which it
# writes; then gone on with.
. "$(dirname "$0")/common.bash"
make_points_run
echo "checkpoint: {every: 4 steps, keep: 2}" >>points.yaml
sed '/^fit/d' points.yaml >all.yaml
cat >>all.yaml <<'TEXT'
fit:
  batch_size: 16
  epochs: 3
  seed: 1
  callbacks:
    - CSVLogger: {filename: log.csv}
    - TensorBoard: {log_dir: events}
    - ModelCheckpoint: {filepath: "best-{epoch}.keras", save_best_only: true}
TEXT

for kind in points all; do
    run lockstep train $kind.yaml -o $kind --quiet
    status 0
    silent
done

run lockstep train points.yaml -o timed --quiet --set "checkpoint.every=0.001 seconds"
status 0
run lockstep diff points timed # whenever checkpoints are written
status 0

# look COMMAND...: as run; what fails is told with the case
look() {
    run "$@"
    last="$case_name: $last"
}

# same_run KIND: the bits of the run that nothing happened to, in weights, optimizer, history and, but after a
# crash of the machine, in the callbacks' files
same_run() {
    look lockstep diff "$1" disk/run
    status 0
    # One more stays where it was killed before it removed the old one, and had nothing left to do.
    same "$(cd "$1" && ls checkpoints)" "$(cd disk/run && ls checkpoints | tail -n 2)"
    [ "$1" = points ] || [ -n "${SYNCED-}" ] || cmp -s all/log.csv disk/run/log.csv || fail "log.csv is another"
}

# resumed KIND: goes on, from nothing damaged, and ends so
resumed() {
    look lockstep train "$1.yaml" -o disk/run --resume --quiet
    status 0
    ! grep -q damaged err || fail "expected nothing damaged"
    ! ls -d disk/run/.lockstep-* disk/run/checkpoints/.lockstep-* 2>/dev/null || fail "temporaries stay"
    same_run "$1"
}

# begin MODE KIND PLACE
begin() {
    rm -rf disk
    mkdir disk
    case_name="$1 at call $3 of $2 (SEED=$seed)"
    run broken "$1" "$3" train "$2.yaml" -o disk/run --quiet --resume
    last=$case_name
}


for kind in points all; do
    begin count $kind 0
    status 0
    whole=$(wc -l <calls)
    same_run $kind
    [ "$whole" -gt 100 ] || fail "only $whole calls were counted"
    for mode in kill tear; do
        for place in $(places 1 "$whole" $kind$mode); do
            begin $mode $kind "$place"
            [ "$status" = 0 ] || status 137 # another instant, and fewer calls
            resumed $kind
        done
    done
    # What a crash of the machine leaves of it: the names, the bytes, neither
    for left in "dir empty" "now empty" "now zeros"; do
        for place in $(places 1 "$whole" "$kind$left"); do
            SYNCED=yes
            begin kill $kind "$place"
            [ "$status" = 0 ] || status 137
            [ "$status" = 0 ] || lost $left
            case_name="$case_name, left: $left"
            [ ! -e disk/run/model.h5 ] || { look lockstep status disk/run; status 0; }
            resumed $kind
            SYNCED=
        done
    done
    declare -A says=([ENOSPC]="No space left on device" [EIO]="Input/output error" [EDQUOT]="Disk quota exceeded"
        [EINTR]="Interrupted system call")
    for mode in ENOSPC EIO EDQUOT EINTR short; do
        for place in $(places 1 "$whole" $kind$mode); do
            for on in "" yes; do
                [ -z "$on" ] || [ $mode = ENOSPC ] || [ $all$mode = yesEIO ] || continue
                FAULT_ON=$on begin $mode $kind "$place"
                if [ "$status" = 0 ]; then
                    same_run $kind
                else
                    [ "$status" -lt 128 ] || fail "ended by a signal: $status"
                    [ "$(grep -vc '^lockstep: warning: ' err)" = 1 ] || fail "expected one line"
                    grep -qs "^lockstep: .*${says[$mode]-nothing}" err || fail "expected the cause: ${says[$mode]-}"
                    [ $mode != EINTR ] || grep -qE "^$place (rename|link|mkdir|unlink) " calls ||
                        fail "what was interrupted was not tried again"
                    resumed $kind
                fi
            done
        done
    done
done
finish
