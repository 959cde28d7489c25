#!/usr/bin/env bash
# Reports of `evaluate` against scikit-learn's numbers, by models that answer what they are given: as
# text, as JSON, as a file, on one rank and on three.
. "$(dirname "$0")/common.bash"
data=$tests/reference/reports_ref.h5

# model NAME SHAPE LOSS METRICS LAYER...: a run file of these layers
model() {
    local name=$1 shape=$2 loss=$3 metrics=$4
    shift 4
    {
        echo "model:"
        echo "  input: {shape: $shape}"
        echo "  layers:"
        printf '    - %s\n' "$@"
        echo "compile: {loss: $loss, metrics: $metrics}"
    } >"$name.yaml"
}
one='weights: {kernel: [[1]], bias: [0]}'
five='weights: {kernel: [[9, 0, 0, 0, 0], [0, 9, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 9, 0], [0, 0, 0, 0, 9]], bias: [0, 0, 0, 0, 0]}'
four='weights: {kernel: [[9, 0, 0, 0], [0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 0, 9]], bias: [-4, -4, -4, -4]}'
three='weights: {kernel: [[1, 0, 0], [0, 1, 0], [0, 0, 1]], bias: [0, 0, 0]}'
model classes '[1]' sparse_categorical_crossentropy '[accuracy]' \
    'CategoryEncoding: {num_tokens: 5, output_mode: one_hot}' "Dense: {units: 5, activation: softmax, $five}"
model logits '[1]' '{SparseCategoricalCrossentropy: {from_logits: true}}' '[accuracy]' \
    'CategoryEncoding: {num_tokens: 5, output_mode: one_hot}' "Dense: {units: 5, $five}"
model labels '[4]' binary_crossentropy '[accuracy]' "Dense: {units: 4, activation: sigmoid, $four}"
model scores '[1]' mse '[AUC, {AUC: {num_thresholds: 20, name: few}}]' "Dense: {units: 1, activation: sigmoid, $one}"
model numbers '[3]' mse '[mae]' "Dense: {units: 3, $three}"
model number '[1]' mse '[mae]' "Dense: {units: 1, $one}"

# everywhere MODEL CASE: the same JSON and file from one rank and from three; the text is in `text`
everywhere() {
    run lockstep evaluate "$1.yaml" --data "$data:xy_$2" -o one.h5 --json
    status 0
    silent_errors
    cp out json
    run ranks 3 evaluate "$1.yaml" --data "$data:xy_$2" -o three.h5 --json
    status 0
    same "$(cat json)" "$(cat out)"
    cmp -s one.h5 three.h5 || fail "the files of one rank and of three differ"
    run lockstep evaluate "$1.yaml" --data "$data:xy_$2"
    status 0
    cp out text
}
silent_errors() { [ ! -s err ] || fail "standard error is not empty"; }

# has TEXT: in the JSON
has() { grep -qF -- "$1" json || fail "no '$1' in $(cat json)"; }
# shows LINE: whole, in the text
shows() { grep -qxF -- "$1" text || fail "no line '$1' in the text"; }

# -- classes: of probabilities and of logits alike
everywhere classes classes_five
has '"confusion_matrix": [[17, 4, 3, 1, 2], [7, 7, 4, 1, 2], [3, 0, 14, 3, 3], [0, 0, 0, 18, 1], [2, 3, 2, 2, 21]]'
has '"4": {"precision": 0.7241379310344828, "recall": 0.7, "f1-score": 0.711864406779661, "support": 30}, "accuracy": 0.6416666666666667, "macro avg"'
shows '           4       0.72      0.70      0.71        30'
shows '    accuracy                           0.64       120'
shows 'confusion matrix (a row: the target, a column: the prediction)'
shows '0    17     4     3     1     2'
reports() { grep -o '"confusion_matrix".*' json; }
before=$(reports)
everywhere logits classes_five
same "$before" "$(reports)"

# -- labels: each a question of its own
everywhere labels labels_four
has '"confusion_matrix": [[[18, 11], [15, 16]], '
has '"samples avg": {"precision": 0.5083333333333333, '
shows '   micro avg       0.58      0.54      0.56       125'
shows '0             18             11             15            16'

# -- one probability: two classes, whatever the loss, as all targets are 0 or 1; and the exact AUC
everywhere scores curve_ties
has '"AUC": 0.5275610244097639, '
has '"confusion_matrix": '

# -- numbers: residuals
everywhere number residuals_one
has '"residuals": {"count": 150, '
everywhere numbers residuals_three
has '"std": 0.6176789577043701, '
has '"r2_score": 0.5833272783198655, '
shows 'residuals (target - prediction) of 240 numbers'
shows 'median_absolute_error     0.200818'

# -- nowhere to write: nothing is left behind
run lockstep evaluate numbers.yaml --data "$data:xy_residuals_three" -o none/e.h5
status 73
says_like "*none/e.h5*No such file or directory"
absent none

finish
