#!/usr/bin/env bash
# The run files of datasets/examples: prepared, trained to the end, and as good as they are to be.
. "$(dirname "$0")/common.bash"
touch out err
mkdir -p datasets
cp -r "$tests"/../datasets/{examples,mnist-5k} datasets/
examples=datasets/examples
data=build/examples

# -- prepare
run env LOCKSTEP="$program" $examples/prepare --nonsense
status 64
run env LOCKSTEP=nothing $examples/prepare
status 66
run env LOCKSTEP="$program" $examples/prepare
status 0
silent
prints "data files in $(pwd)/$data"
before=$(cat $data/*.h5 | cksum)
run env LOCKSTEP="$program" $examples/prepare
status 0
same "$before" "$(cat $data/*.h5 | cksum)" # the same again

fewer=()

# train NAME [OPTION...]: into NAME/
trained=
train() {
    run lockstep train $examples/"$1".yaml -o "$1" --quiet "${@:2}" "${fewer[@]}"
    status 0
    silent
    trained+=" $1 "
}

# -- perceptrons: the tables, exactly
# table NAME MODEL ANSWERS: what the model says of the rows of NAME's table
table() {
    run lockstep predict "$2" --data $data/"$1".h5:train -o answers.csv --classes
    status 0
    same "$3" "$(sed 1d answers.csv | tr '\n' ' ')"
    run lockstep evaluate "$2" --data $data/"$1".h5:train
    status 0
    prints_like "^(binary_)?accuracy +1$"
}
for name in and or xor; do train $name; done
table and and "0 0 0 1 "
table or or "0 1 1 1 "
table xor xor "0 1 1 0 "
table and $examples/and_step.yaml "0 0 0 1 "
table xor $examples/xor_sign.yaml "0 1 1 0 "
trained+=" and_step xor_sign "
run lockstep summary $examples/xor_sign.yaml
status 0

# -- the others, on data that they were not trained on
# Under sanitizers all is several times slower: fewer epochs, and no word on how good they are.
[ -z "${TESTS_SANITIZED-}" ] || fewer=(--epochs 1)

# metric NAME METRIC OPERATOR BOUND
metric() {
    [ ${#fewer[@]} = 0 ] || return 0
    run lockstep evaluate "$1" --json
    status 0
    local value
    value=$(sed -n "s/.*\"$2\": \([-0-9.e]*\)[,}].*/\1/p" out)
    awk -v value="$value" -v bound="$4" "BEGIN { exit !(value != \"\" && value $3 bound) }" ||
        fail "$2: expected $3 $4, found '$value'"
}
train house_prices
metric house_prices loss "<" 20 # the mean price as the answer: 84
train binary_functional
metric binary_functional accuracy ">" 0.85
train siamese
metric siamese accuracy ">" 0.86
train multi_io
metric multi_io kind_accuracy ">" 0.83
metric multi_io value_mae "<" 0.3
train residual
metric residual accuracy ">" 0.81

# -- those that know of places and times
run $examples/generate shapes 2 1
status 64
run $examples/generate waves 2 1 "$(pwd)/nowhere/waves"
status 73
grep -q "nowhere/waves-x.idx: No such file" err || fail "expected a message of the file"
run $examples/generate order 3 7 one && run $examples/generate order 3 7 two
same "$(cat one-*.idx | cksum)" "$(cat two-*.idx | cksum)"
for name in lenet5 convnet lstm gru conv1d transformer; do train $name; done
train resnet20 --epochs 2 # of 4, which bring it to 0.96
metric lenet5 accuracy ">" 0.92
metric convnet accuracy ">" 0.94
metric lstm accuracy ">" 0.88
metric gru accuracy ">" 0.95
metric conv1d accuracy ">" 0.95
metric transformer accuracy ">" 0.9
metric resnet20 accuracy ">" 0.35

# -- two ranks, and one process in their place: the same bits
for name in siamese residual conv1d transformer gru; do
    run lockstep train $examples/$name.yaml --epochs 2 --replicas 2 -o $name-one --quiet "${fewer[@]}"
    status 0
    run ranks 2 train $examples/$name.yaml --epochs 2 -o $name-two --quiet "${fewer[@]}"
    status 0
    run lockstep diff $name-one $name-two
    status 0
done

# -- none is forgotten, here or in the README
for file in "$examples"/*.yaml; do
    name=$(basename "$file" .yaml)
    last=$name
    [[ $trained == *" $name "* ]] || fail "no test of $name"
    grep -q "^| \`$name.yaml\`" $examples/README.md || fail "the README does not name $name.yaml"
done
finish
