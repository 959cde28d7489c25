#!/usr/bin/env bash
# lockstep import: what it writes is read again, what it refuses leaves nothing behind.
. "$(dirname "$0")/common.bash"

# refused_import STATUS MESSAGE ARGUMENTS...: and the directory is as before
refused_import() {
    local before
    before=$(ls -A)
    refused_like "$@"
    same "$before" "$(ls -A)"
}

touch out err
make_idx images labels 20
make_idx more-images more-labels 6
gzip -k images labels

# -- idx
run lockstep import idx images labels -o plain.h5
status 0
prints "plain.h5: written"
silent
run lockstep import idx images.gz labels.gz -o packed.h5 --quiet
status 0
quiet
silent
cmp -s plain.h5 packed.h5 || fail "packed files gave another data file"
run lockstep import idx images labels more-images more-labels -o both.h5 -q
status 0
run lockstep import idx images labels -o both.h5 --split extra --append --classes a,b,c
status 0
# The four splits are there: what reads them says which are not.
cat >idx.yaml <<'TEXT'
model:
  input: {shape: [2, 3]}
  layers: [Flatten, {Dense: {units: 3}}]
compile: {optimizer: sgd, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
data: {train: "both.h5:train", validation: "both.h5:test"}
TEXT
for split in train test extra; do
    run lockstep train idx.yaml --data both.h5:$split -o idx-$split -q
    status 0
done
rm -r idx-*

touch plain.h5
refused_import 66 "nothing: no such file" import idx nothing labels -o new.h5
refused_import 65 "images has 20 samples, but more-labels has 6" \
    import idx images more-labels -o new.h5
refused_import 65 "both.h5: has a split 'train' already" import idx images labels -o both.h5 --append
refused_import 64 "3 files; expected images and labels*" import idx a b c -o new.h5
refused_import 64 "four files are the splits train and test; 'x' names one" \
    import idx images labels more-images more-labels --split x -o new.h5
refused_import 64 "'a/b': not a name for a split*" import idx images labels --split a/b -o new.h5
refused_import 64 "split '0.8,0.2': import idx takes the split's name, or four files for train and test" \
    import idx images labels --split 0.8,0.2 -o new.h5
refused_import 64 "images and ./images are the same file" import idx images ./images -o new.h5
{ bytes 0 0 8 2 0 0 0 20 0 0 0 1; tail -c 20 labels; } >column
refused_import 64 "column has 2 axes, but images, * has 3: images and labels are swapped" \
    import idx column images -o new.h5
refused_import 64 "import idx: option '--classes': 'a,,c' has an empty name" \
    import idx images labels --classes a,,c -o new.h5
refused_import 65 "labels: byte 10: label 2, but there are 2 class names" \
    import idx images labels --classes a,b -o new.h5
refused_import 73 "nowhere/new.h5: cannot be written: No such file or directory" \
    import idx images labels -o nowhere/new.h5
mkdir folder
refused_import 73 "folder: cannot be written: it is there and not a file" \
    import idx images labels -o folder
refused_import 64 "images: is both what is read and what is written" \
    import idx images labels -o images
head -c 100 images >short
refused_import 65 "short: byte 100: the file ends, 36 bytes before its header says" \
    import idx short labels -o new.h5
{ cat images; echo; } >long
refused_import 65 "long: byte 136: the file goes on after its last value" \
    import idx long labels -o new.h5
head -c 50 images.gz >short.gz
refused_import 65 "short.gz: *" import idx short.gz labels -o new.h5
echo "no idx file" >text
refused_import 65 "text: byte 0: not an IDX file*" import idx text labels -o new.h5

cp text not-hdf5.h5
refused_import 65 "not-hdf5.h5: not a whole HDF5 file" \
    import idx images labels --split new --append -o not-hdf5.h5

# -- csv
make_points 200
run lockstep import csv points.csv --target kind --split 0.8,0.2 --seed 1 -o points.h5
status 0
prints "points.h5: written"
silent
run lockstep import csv points.csv --target kind --split 0.8,0.2 --seed 1 -o again.h5 -q
cmp -s points.h5 again.h5 || fail "the same import gave another data file"
run lockstep import csv points.csv --target kind --split 0.8,0.2 --seed 2 -o again.h5 -q
! cmp -s points.h5 again.h5 || fail "another seed gave the same data file"
make_run_file
run lockstep train points.yaml -o points -q
status 0
rm -r points
# New rows are read as the old ones were, by column name, with the target or without it.
printf 'y,x\n0.5,0.25\n' >new.csv
run lockstep import csv new.csv --split new --append -o points.h5
status 0
printf 'x,z\n0.5,0.25\n' >new.csv
refused_import 65 "new.csv*'z' is no column of points.h5" \
    import csv new.csv --split newer --append -o points.h5
printf 'x,y,kind\n0.5,0.25,between\n' >new.csv
refused_import 65 "new.csv:2: column 3 'kind': 'between' is none of the 2 classes*" \
    import csv new.csv --split newer --append -o points.h5
printf '1,2\n3,4\n' >numbers.csv
refused_import 65 "numbers.csv:1: the header has only numbers; *--no-header?" import csv numbers.csv -o new.h5
run lockstep import csv numbers.csv --no-header --target c2 --text c2 -o new.h5
status 0
rm new.h5

# csv_refused MESSAGE TEXT ARGUMENTS...: of a file bad.csv that holds this text
csv_refused() {
    printf "$2" >bad.csv
    refused_import 65 "$1" import csv bad.csv -o new.h5 "${@:3}"
}
csv_refused "bad.csv: an empty file" ''
csv_refused "bad.csv: no rows after the header" 'x,y\n'
csv_refused "bad.csv:3: 1 columns, but the first line has 2" 'x,y\n1,2\n3\n'
csv_refused "bad.csv:3: column 2 'y': a missing value" 'x,y\n1,2\n3,\n'
csv_refused "bad.csv:3: column 1 'x': 'a' is not a number, as the values before are (*--text*)" \
    'x,y\n1,2\na,3\n'
csv_refused "bad.csv:2: column 2 'y': the quote that opens here is not closed" 'x,y\n1,"2\n'
csv_refused "bad.csv:2: column 1 'x': not UTF-8" 'x,y\n\377,2\n'
csv_refused "bad.csv:1: column 2*: the name 'x' is that of column 1 too" 'x,x\n1,2\n'
csv_refused "bad.csv: no target column 'z'; the columns are: *x*, *y*" 'x,y\n1,2\n' --target z
for shares in 0.5,0.2 nan,0.5 1; do
    refused_import 64 "split '$shares': shares must be positive and add up to 1, *" \
        import csv points.csv --split $shares -o new.h5
done
refused_import 66 "nothing.csv: no such file" import csv nothing.csv -o new.h5

# -- random
run lockstep import random --samples 100 --split 0.8,0.2 --seed 1 -o random.h5
status 0
prints "random.h5: written"
silent
run lockstep import random --samples 100 --split 0.8,0.2 --seed 1 -o again.h5 -q
status 0
quiet
cmp -s random.h5 again.h5 || fail "the same import gave another data file"
for other in "--seed 2" "--unrelated" "--noise 3" "--input 21" "--target classes:3"; do
    # shellcheck disable=SC2086
    lockstep import random --samples 100 --split 0.8,0.2 --seed 1 $other -o again.h5 -q
    ! cmp -s random.h5 again.h5 || fail "$other gave the same data file"
done
run lockstep import random --noise 0.1 --input x=20 --target y=binary --samples 100 \
    --split 0.8,0.2 --seed 1 -o again.h5 -q
cmp -s random.h5 again.h5 || fail "the defaults are others than the help says"
cat >random.yaml <<'TEXT'
model:
  input: {shape: [20]}
  layers: [{Dense: {units: 8, activation: relu}}, {Dense: {units: 1, activation: sigmoid}}]
compile: {optimizer: adam, loss: binary_crossentropy}
data: {train: "random.h5:train", validation: "random.h5:test"}
TEXT
run lockstep train random.yaml -o random -q
status 0
rm -r random
refused_import 64 "input 'x': '20,3' is no shape, as 20 or 28x28x1" \
    import random --input 20,3 -o new.h5
refused_import 64 "input '20': of 2 each needs a name, as NAME=20" \
    import random --input 20 --input b=3 -o new.h5
refused_import 64 "target 'kind': 'class:3' is none of classes:N (N from 2 to 1000), binary, real, *" \
    import random --target kind=class:3 -o new.h5
for noise in -1 nan much 1x; do
    refused_import 64 "import random: option '--noise': '$noise' is no number from 0" \
        import random --noise $noise -o new.h5
done
refused_import 64 "import random: option '--samples': 0 is out of range (from 1)" \
    import random --samples 0 -o new.h5
refused_import 64 "split '0.5,0.2': shares must be positive and add up to 1, *" \
    import random --split 0.5,0.2 -o new.h5
refused_import 64 "of 2 rows none are left for the split 'train'" \
    import random --samples 2 --split 0.1,0.9 -o new.h5
refused_import 73 "nowhere/new.h5: cannot be written: No such file or directory" \
    import random -o nowhere/new.h5

# -- interrupted: nothing is left of it, and the exit status says so
awk 'BEGIN { print "x,y"; for (i = 0; i < 3000000; i++) print i "," i }' >large.csv
# interrupted SIGNAL ARGUMENTS...: the import ends so, and the directory is as before
interrupted() {
    local signal=$1 before pid
    shift
    before=$(ls -A)
    last="import $*, then $signal"
    env --default-signal=INT "$program" import "$@" -o new.h5 >out 2>err &
    pid=$!
    wait_for 10 sh -c 'ls -A | grep -q "new\.h5"' || fail "no temporary file was seen"
    kill -s "$signal" $pid
    wait $pid
    status=$?
    status 75
    says "import stopped; nothing was written to new.h5"
    same "$before" "$(ls -A)"
}
for signal in INT TERM; do
    interrupted $signal csv large.csv
    interrupted $signal random --samples 3000000
done

# -- a disk that is full: a limit of the size of files stands for it
run bash -c 'ulimit -f 1; "$0" import csv large.csv -o new.h5' "$program"
status 73
says_like "new.h5: cannot be written: File too large"
absent new.h5
run bash -c 'ulimit -f 1; "$0" import random -o new.h5' "$program"
status 73
says_like "new.h5: cannot be written: File too large"
absent new.h5

# -- under mpirun the first rank does it
run ranks 2 import idx images labels -o two.h5
status 0
same "two.h5: written" "$(cat out)"
cmp -s plain.h5 two.h5 || fail "another data file under mpirun"
run ranks 2 import idx nothing labels -o new.h5
status 66
says_like "nothing: *"
finish
