#!/usr/bin/env bash
# tests/examples/digits.sh DIGITS LOCKSTEP MPIRUN: the example reads digits well, and comes to the same
# weights alone and on 2 and 3 processes.
set -euo pipefail
digits=$1
lockstep=$2
mpirun=$3
data=$(cd "$(dirname "$0")/../../datasets/mnist-5k" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$lockstep" import idx "$data"/*.gz -o mnist-5k.h5 >/dev/null
"$digits" mnist-5k.h5 | tee 1
"$mpirun" 2 "$digits" mnist-5k.h5 | tee 2
"$mpirun" 3 "$digits" mnist-5k.h5 | tee 3
[ -s digits.h5 ]

grep -q '^epoch 3 .*val_accuracy 0\.9' 1 || {
    echo "expected a val_accuracy of 0.9 or more in the third epoch" >&2
    exit 1
}
for ranks in 2 3; do
    diff <(grep ^weights 1) <(grep ^weights $ranks) || {
        echo "other weights on $ranks processes than on one" >&2
        exit 1
    }
done
