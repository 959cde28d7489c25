#!/usr/bin/env bash
# Rows 8, 9, 10, 12, 13 and 20 of the table: directories that cannot be written, checkpoints that are damaged, of
# another format, or none of ours, data that changed, and what others put in the way.
. "$(dirname "$0")/common.bash"
shopt -s extglob
make_points_run
echo "checkpoint: {every: 4 steps, keep: 2}" >>points.yaml
run lockstep train points.yaml -o whole --quiet
status 0
resumed_whole() { # DIRECTORY ARGUMENTS...: goes on to the bits of the run that nothing happened to
    local directory=$1
    shift
    run lockstep train points.yaml -o "$directory" --resume --quiet "$@"
    status 0
    cp err said
    run lockstep diff whole/model.h5 "$directory/model.h5"
    status 0
}

# -- row 8: nothing is trained that could not be kept
refused_before() { # MESSAGE COMMAND...: before the first step
    local message=$1
    shift
    run timeout 10 "$@"
    status 73
    says_like "$message"
    prints_no '^Epoch'
}
endless=(--epochs 1000000 --set "checkpoint.every=1000000 epochs")
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 755 .
cp "$program" program
if "${nobody[@]}" ./program version >/dev/null 2>&1; then
    mkdir closed open
    chmod 555 closed
    chmod 777 open
    refused_before "*'closed/run'*: Permission denied" "${nobody[@]}" ./program train points.yaml -o closed/run "${endless[@]}"
    refused_before "closed: *: Permission denied" "${nobody[@]}" ./program train points.yaml -o closed "${endless[@]}"
    mkdir -p open/run/checkpoints
    chmod 777 open/run
    refused_before "*'open/run/checkpoints/*': Permission denied" \
        "${nobody[@]}" ./program train points.yaml -o open/run "${endless[@]}"
    for callback in "CSVLogger: {filename: $PWD/closed/log.csv}" "TensorBoard: {log_dir: $PWD/closed/logs}" \
        "ModelCheckpoint: {filepath: $PWD/closed/best.keras}"; do
        refused_before "*$PWD/closed/*: Permission denied" "${nobody[@]}" ./program train points.yaml -o open/new \
            "${endless[@]}" --set "fit.callbacks=[{$callback}]"
    done
    same "" "$(ls closed)"
else
    echo "the program cannot be run as another user here: directories of others were left out"
fi
mkdir readonly
if mount --bind readonly readonly 2>/dev/null && mount -o remount,ro,bind readonly 2>/dev/null; then
    trap 'umount "$work/readonly"; rm -rf "$work"' EXIT
    refused_before "*'readonly/run'*: Read-only file system" "$program" train points.yaml -o readonly/run "${endless[@]}"
    refused_before "readonly: *: Read-only file system" "$program" train points.yaml -o readonly "${endless[@]}"
else
    echo "no read-only mount can be made here: it was left out"
fi

# -- row 9: a damaged checkpoint is never loaded; the one before it is, and that is said
newest=whole/checkpoints/step-00000030.h5
size=$(stat -c %s $newest)
damaged_by() { # COMMAND...: of the file bad
    rm -rf back
    cp -r whole back
    cp $newest bad
    "$@"
    cp bad back/checkpoints/step-00000030.h5
    rm back/model.h5
    resumed_whole back
    last="$*"
    grep -qE "^lockstep: (warning: )?back/checkpoints/step-00000030.h5: .*; going back to the checkpoint before it$" said ||
        fail "expected it to be said: $(cat said)"
    run lockstep summary bad
    status 65
    says_like "bad: *"
}
flip() { # OFFSET: one bit
    local byte
    byte=$(od -An -tu1 -j "$1" -N 1 bad)
    printf "\\$(printf %o $((byte ^ 1 << $1 % 8)))" | dd of=bad bs=1 seek="$1" conv=notrunc status=none
}
cuts=$(((size - 1) / 4096))
for place in $(places 2 $cuts cut); do damaged_by truncate -s $((place * 4096)) bad; done
damaged_by truncate -s 0 bad
for place in $(awk -v seed="$seed" -v size="$size" -v count="$(sample 3 300)" 'BEGIN {
    srand(seed); for (i = 0; i < count; i++) print int(rand() * size) }'); do
    damaged_by flip "$place"
done
rm -rf back
cp -r whole back
truncate -s 5000 back/checkpoints/*
run lockstep train points.yaml -o back --resume
status 65
grep -q "^lockstep: back: none of its 2 checkpoints is whole (move the directory away to start anew): " err ||
    fail "expected it to be said"

# -- row 10: what dead processes left is swept, what living ones have is not
rm -rf swept
cp -r whole swept
sleep 100 &
living=$!
(exit 0) &
dead=$!
wait $dead
for directory in swept swept/checkpoints; do
    touch $directory/.lockstep-$dead-0.tmp $directory/.lockstep-$living-0.tmp $directory/mine.tmp
done
touch swept/.lockstep-999999999-0.tmp # of another machine's process, which has it open
exec 9<swept/.lockstep-999999999-0.tmp
flock 9
resumed_whole swept
absent swept/.lockstep-$dead-0.tmp swept/checkpoints/.lockstep-$dead-0.tmp
there swept/.lockstep-$living-0.tmp swept/checkpoints/.lockstep-$living-0.tmp swept/mine.tmp \
    swept/checkpoints/mine.tmp swept/.lockstep-999999999-0.tmp
exec 9<&-
kill $living
wait $living 2>/dev/null
resumed_whole swept
absent swept/.lockstep-$living-0.tmp swept/.lockstep-999999999-0.tmp

# -- row 12: every format that was released is read; one to come is refused and left as it is
for golden in "$tests"/reference/checkpoint_format_*.h5; do
    run lockstep evaluate "$golden" --data points.h5:test
    status 0
    mkdir -p "old/checkpoints"
    cp "$golden" old/checkpoints/step-00000008.h5
    run lockstep train points.yaml -o old --resume --accept kernels
    status 0
    prints "resumed from old/checkpoints/step-00000008.h5: epoch 1, after step 8/10"
    run lockstep diff whole/model.h5 old/model.h5 # other kernels round otherwise
    ! grep -E '^position|^model|^slot ' out || fail "expected the same place and model"
    same "" "$(grep -E '^(weights|momentum|velocity)' out | sed 's/.*; by \(.*\) at most/\1/' | awk '$1 > 1e-4')"
    rm -rf old
done
rm -rf newer
cp -r whole newer
# The second of these numbers is the format, and a format to come may have another digest.
perl -0777 -i -pe 's/(format\0.{9,80}?\x01\0{7})\x01(\0{7})/$1\x02$2/s or die "no format\n"; s/lockstep-xxh3:/lockstep-next:/' \
    newer/checkpoints/step-00000030.h5
rm newer/model.h5
ln newer/checkpoints/step-00000030.h5 newer/model.h5
sums() { find newer -type f ! -name lock | sort | xargs cksum; }
before=$(sums)
refused_like 65 "newer/checkpoints/step-00000030.h5: of format 2, but this program (*) knows formats up to 1: use a newer one" \
    train points.yaml -o newer --resume
refused_like 65 "newer/*: of format 2, but *: use a newer one" evaluate newer --data points.h5:test
same "$before" "$(sums)"

# -- row 13: other data than before
changed_data() { # AWK-PROGRAM: of points.csv
    awk -F, -v OFS=, "$1" points.csv >changed.csv
    cp points.h5 before.h5
    rm points.h5
    run lockstep import csv changed.csv --target kind --split 0.8,0.2 -o points.h5 --quiet
    status 0
    rm -rf other
    cp -r half other
    refused_like 65 "*data*(--accept data takes the change)*" train points.yaml -o other --resume
    run lockstep train points.yaml -o other --resume --accept data --quiet
    status 0
    mv before.h5 points.h5
}
run lockstep train points.yaml -o half --quiet --epochs 1
status 0
for row in $(places 1 150 row); do
    changed_data "NR == $row + 1 { \$3 = \$3 == \"above\" ? \"below\" : \"above\" } { print }"
done
changed_data 'NR == 2 { first = $0; next } { print } NR == 3 { print first }'
changed_data '{ print } END { print "0.5,0.5,below" }'
touch points.h5 # the same bytes are the same data
run lockstep train points.yaml -o half --resume --quiet
status 0

# -- row 20: links that others planted are not followed, and the umask holds
echo safe >victim
untouched() {
    same safe "$(cat victim)"
    same "victim" "$(ls -d victim*)"
}
mkdir -p planted/checkpoints
# The process that plants them becomes the program: it knows the names to come.
run bash -c 'for n in 0 1; do
        for directory in . checkpoints; do ln -s "$PWD/victim" "planted/$directory/.lockstep-$$-$n.tmp"; done
    done
    for name in history.h5 run.yaml status.json steps.log; do ln -s "$PWD/victim" "planted/$name"; done
    exec "$0" train points.yaml -o planted --resume --quiet' "$program"
status 0
untouched
ln -sf "$PWD/victim" planted/model.h5
run lockstep train points.yaml -o planted --resume --quiet --epochs 4
status 0
untouched
same "" "$(find planted -type l ! -name '.lockstep-*')"
for name in steps.log lock; do
    ln -sf "$PWD/victim" planted/$name
    refused_like 73 "*planted*: Too many levels of symbolic links" train points.yaml -o planted --resume --epochs 5
    untouched
    rm planted/$name
done
mkdir new
ln -s "$PWD/victim" new/log.csv
run lockstep train points.yaml -o new --set "fit.callbacks=[{CSVLogger: {filename: log.csv}}]" --quiet
status 73
says_like "CSVLogger: cannot write 'new/log.csv': Too many levels of symbolic links"
untouched
for name in m.keras m.h5 m.json p.csv p.h5 e.h5; do ln -s "$PWD/victim" $name; done
run lockstep export whole -o m.keras
run lockstep export whole -o m.h5
run lockstep export whole -o m.json
run lockstep predict whole --data points.h5:test -o p.csv
run lockstep predict whole --data points.h5:test -o p.h5
run lockstep evaluate whole --data points.h5:test -o e.h5
for name in m.keras m.h5 m.json p.csv p.h5 e.h5; do [ ! -L $name ] || fail "$name is a link"; done
untouched
run bash -c 'umask 077; exec "$0" train points.yaml -o private --quiet \
    --set "fit.callbacks=[{CSVLogger: {filename: log.csv}}, {TensorBoard: {}}, {ModelCheckpoint: {filepath: best.keras}}]"' "$program"
status 0
there private/log.csv private/best.keras private/logs
same "" "$(find private -perm /077)"
finish
