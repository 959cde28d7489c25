#!/usr/bin/env bash
# CSV after training: a checkpoint knows how its data's CSV was read, so that predict and evaluate
# read a new one in the same way, by column name, and name the classes.
. "$(dirname "$0")/common.bash"

# pets.csv: a number, a class, a number; what they tell is a class with names that need quotes
awk 'BEGIN {
    print "weight,colour,age,kind"
    for (i = 0; i < 120; i++) {
        c = i % 3 == 0 ? "red" : i % 3 == 1 ? "blue" : "\"green, dark\""
        printf "%.3f,%s,%d,%s\n", (i * 37 % 101) / 100, c, i % 7, \
            (i * 37 % 101 > 50 ? "\"big \"\"one\"\"\"" : "small")
    }
}' >pets.csv
# new.csv: the same rows, columns in another order, one more, and a target that nobody knows yet
awk 'BEGIN {
    print "kind,age,note,colour,weight"
    for (i = 0; i < 120; i++) {
        c = i % 3 == 0 ? "red" : i % 3 == 1 ? "blue" : "\"green, dark\""
        printf "?,%d,,%s,%.3f\n", i % 7, c, (i * 37 % 101) / 100
    }
}' >new.csv
lockstep import csv pets.csv --target kind -o pets.h5 --quiet || exit 1
cat >pets.yaml <<'TEXT'
model:
  input: {shape: [3]}
  layers:
    - Dense: {units: 8, activation: relu}
    - Dense: {units: 2}
compile:
  optimizer: {Adam: {learning_rate: 0.02}}
  loss: {SparseCategoricalCrossentropy: {from_logits: true}}
  metrics: [accuracy, f1_score, FBetaScore: {average: micro}, TrueNegatives: {thresholds: [0.4, 0.6]}]
data: {train: "pets.h5:train"}
fit: {batch_size: 16, epochs: 4, seed: 1}
TEXT
lockstep train pets.yaml --quiet || exit 1

# predict pets.csv's split, and the new file with MODEL: the same numbers
expect_same() {
    run lockstep predict "$1" --data pets.h5:train -o split.csv --quiet
    status 0
    run lockstep predict "$1" --data new.csv -o new-out.csv
    status 0
    silent
    prints "new-out.csv: predictions of 120 samples"
    cmp -s split.csv new-out.csv || fail "other predictions for the new file with $1"
}
expect_same pets
expect_same pets/model.h5

# -- classes come out by name, from the split and from a file without them
run lockstep predict pets --data pets.h5:train -o split.csv --classes -q
run lockstep predict pets --data new.csv -o classes.csv --classes
status 0
prints "classes.csv: classes of 120 samples"
cmp -s split.csv classes.csv || fail "other classes for the new file"
same '"big ""one""" small' "$(tail -n +2 classes.csv | sort -u | xargs -d '\n')"
run ranks 3 predict pets --data new.csv -o ranks.csv --classes
status 0
silent
cmp -s classes.csv ranks.csv || fail "other classes on 3 ranks"
gzip -k new.csv
run lockstep predict pets --data new.csv.gz -o packed.csv --classes -q
status 0
cmp -s classes.csv packed.csv || fail "other classes for the packed file"
# The numbers of a layer in the model's midst are no classes of the target.
run lockstep predict pets --data new.csv -o layer.csv --classes --layer dense -q
status 0
same "" "$(tail -n +2 layer.csv | grep -v '^[0-7]$')"

# -- evaluate: with the target, which is in the file
run lockstep evaluate pets --data pets.h5:train --json
expected=$(cat out)
# a metric that is a list is an array under its name
n='[0-9.]+'
[[ $expected =~ ^\{\"samples\":\ 120,\ \"loss\":\ $n,\ \"accuracy\":\ $n,\ \"f1_score\":\ \[$n,\ $n\],\ \"fbeta_score\":\ $n,\ \"true_negatives\":\ \[$n,\ $n\],\ \"confusion_matrix\":.*\}$ ]] ||
    fail "not the arrays that were expected: $expected"
run lockstep evaluate pets --data pets.csv --json
status 0
silent
same "$expected" "$(cat out)"
run ranks 2 evaluate pets --data pets.csv --json
same "$expected" "$(cat out)"
refused_like 65 "new.csv:2: column 1 'kind': '[?]' is none of the 2 classes known from before *" \
    evaluate pets --data new.csv
cut -d, -f2- new.csv >no-target.csv
refused 65 "no-target.csv: no column 'kind', which is the target" \
    evaluate pets --data no-target.csv

# -- it is still known after the run went on
run lockstep train pets.yaml --resume --epochs 5 -q
status 0
expect_same pets

# bad MESSAGE SED-SCRIPT: of a file bad.csv, new.csv changed so
bad() {
    sed "$2" new.csv >bad.csv
    refused_like 65 "$1" predict pets --data bad.csv -o no.csv
    absent no.csv
}
bad "bad.csv: no column 'age'; the columns are: kind, years, note, colour, weight" '1s/age/years/'
bad "bad.csv:2: column 4 'colour': 'pink' is none of the 3 classes known from before ('blue' to 'red')" \
    '2s/red/pink/'
bad "bad.csv:3: column 5 'weight': 'heavy' is not a number, as those known from before" \
    '3s/[0-9.]*$/heavy/'
bad "bad.csv:4: column 5 'weight': a missing value" '4s/[0-9.]*$//'
bad "bad.csv:5: 6 columns, but the first line has 5" '5s/$/,1/'
bad "bad.csv: no rows after the header" '2,$d'
refused 66 "nothing.csv: no such file" predict pets --data nothing.csv -o no.csv
refused_like 64 "predict: option '--data': 'new.csv,train' is neither FILE:SPLIT, *" predict pets --data new.csv,train -o no.csv
run ranks 3 predict pets --data nothing.csv -o no.csv
status 66
says "nothing.csv: no such file"

# -- models that know nothing of CSV
make_idx images labels 20
lockstep import idx images labels -o images.h5 -q || exit 1
cat >pictures.yaml <<'TEXT'
model:
  input: {shape: [2, 3]}
  layers: [Flatten, {Dense: {units: 3}}]
compile: {optimizer: sgd, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
data: {train: "images.h5:train"}
TEXT
lockstep train pictures.yaml -q || exit 1
unknown="does not say what a CSV file's columns are, since it was not trained on what 'lockstep \
import csv' wrote: import this file with it and name the result as FILE:SPLIT"
refused 65 "new.csv: pictures $unknown" predict pictures --data new.csv -o no.csv
refused 65 "pets.csv: pictures/model.h5 $unknown" evaluate pictures/model.h5 --data pets.csv
keras="$tests/reference/linear_gd.h5"
refused 65 "new.csv: $keras $unknown" predict "$keras" --data new.csv -o no.csv
absent no.csv
run lockstep predict pictures --data images.h5:train -o numbers.csv --classes -q
status 0
same "" "$(tail -n +2 numbers.csv | grep -v '^[0-2]$')"
finish
