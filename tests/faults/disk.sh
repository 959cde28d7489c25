#!/usr/bin/env bash
# Row 4 of the table: full disks under a run, and every command that writes a file on a disk that fails.
. "$(dirname "$0")/common.bash"
make_points_run
echo "checkpoint: {every: 4 steps, keep: 2}" >>points.yaml
run lockstep train points.yaml -o whole --quiet
status 0

# -- a run whose files may not be longer than that
finished_from() { # DIRECTORY: goes on from what is there to the end of the run that nothing happened to
    run lockstep train points.yaml -o "$1" --resume --quiet
    status 0
    run lockstep diff whole "$1"
    status 0
}
for blocks in $(sample "1 8 24" "$(seq 1 2 60)"); do # of 1 KiB
    rm -rf limited
    run bash -c 'ulimit -f "$1"; shift; exec "$@"' limit "$blocks" "$program" train points.yaml -o limited --quiet
    [ "$status" = 0 ] || { status 73; says_like "*: File too large"; }
    finished_from limited
done

# -- a small disk
mkdir small
if mount -t tmpfs -o size=64k lockstep-small small 2>/dev/null; then
    trap 'umount "$work/small"; rm -rf "$work"' EXIT
    for kib in $(sample "4 28 44" "$(seq 0 4 88)"); do
        rm -rf small/run small/ballast
        head -c "${kib}K" /dev/zero >small/ballast 2>/dev/null
        run lockstep train points.yaml -o small/run --quiet
        [ "$status" = 0 ] || { status 73; says_like "*No space left on device"; }
        rm -f small/ballast
        mount -o remount,size=1m small
        finished_from small/run
        rm -rf small/run
        mount -o remount,size=64k small
    done
else
    echo "no tmpfs can be mounted here: a small disk was left out"
fi

# -- what one rank alone cannot write ends both
run ranks 2 train points.yaml -o two --quiet
status 0
for place in $(sample 60 "20 40 60 80 100 120"); do
    rm -rf disk
    mkdir disk
    run env FAULT_UNDER="$(pwd -P)/disk" FAULT_MODE=ENOSPC FAULT_AT="$place" FAULT_ON=yes LD_PRELOAD="$shim" \
        timeout 60 "$tests/mpirun" 2 "$program" train points.yaml -o disk/run --quiet
    status 73
    without_mpirun <err >err.ours
    mv err.ours err
    says_like "*No space left on device"
    run lockstep train points.yaml -o disk/run --resume --quiet --replicas 2
    status 0
    run lockstep diff two disk/run
    status 0
done

# -- commands that write one file: it is there, whole, or what was there before is, and the cause is told
declare -A says=([ENOSPC]="No space left on device" [EIO]="Input/output error" [EDQUOT]="Disk quota exceeded"
    [EINTR]="Interrupted system call")

# writes NAME FILE ARGUMENTS...: with FILE there before, and not there
writes() {
    local name=$1 file=$2 whole mode place old
    shift 2
    rm -rf disk good
    mkdir disk
    run broken count 0 "$@" -o "disk/$file"
    status 0
    mv disk good
    whole=$(wc -l <calls)
    for mode in $(sample "ENOSPC EIO EINTR kill" "ENOSPC EIO EDQUOT EINTR short kill"); do
        for place in $(places 1 "$whole" "$name$mode"); do
            for old in yes no; do
                [ $all = yes ] || [ $((place % 2)) = $([ $old = no ]; echo $?) ] || continue
                rm -rf disk
                mkdir disk
                [ $old = no ] || cp "good/$file" "disk/$file"
                [ $old = no ] || [ "$name" = import ] || echo old >"disk/$file"
                cp "disk/$file" before 2>/dev/null || rm -f before
                run broken $mode "$place" "$@" -o "disk/$file"
                last="$name: $mode at call $place, a file there: $old"
                wrote "$file" $mode
            done
        done
    done
}
wrote() { # FILE MODE
    if [ "$status" = 0 ]; then
        cmp -s "good/$1" "disk/$1" || fail "disk/$1 is another"
        return
    fi
    if [ "$2" = kill ]; then
        status 137
    else
        [ "$status" -lt 128 ] || fail "ended by a signal: $status"
        [ "$(wc -l <err)" = 1 ] || fail "expected one line"
        grep -qs "^lockstep: .*${says[$2]-nothing}" err || fail "expected the cause: ${says[$2]-}"
        # A close is not tried again: the descriptor is gone.
        [ "$2" != EINTR ] || grep -qE "^$place (rename|link|mkdir|unlink|ftruncate|close) " calls ||
            fail "what was interrupted was not tried again"
        [ -z "$(find disk -name '.*' -type f)" ] || grep -q "unlink" <(tail -2 calls) || fail "a temporary stays"
    fi
    if [ -e before ]; then
        cmp -s before "disk/$1" || cmp -s "good/$1" "disk/$1" || fail "disk/$1 is another"
    elif [ -e "disk/$1" ]; then # it failed at the last fsync or close
        cmp -s "good/$1" "disk/$1" || fail "disk/$1 is another"
    fi
}
writes import points.h5 import csv points.csv --target kind --split 0.8,0.2 --quiet
writes archive m.keras export whole
writes h5 m.h5 export whole
writes json m.json export whole
writes predict p.csv predict whole --data points.h5:test
writes predictions p.h5 predict whole --data points.h5:test
writes evaluation e.h5 evaluate whole --data points.h5:test
finish
