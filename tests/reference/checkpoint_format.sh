#!/usr/bin/env bash
# tests/reference/checkpoint_format.sh PROGRAM: writes checkpoint_format_N.h5, N the format of PROGRAM's
# checkpoints: the run of faults/files.sh after its step 8. One is made for each format that a release has; it stays
# as it is, since whoever has such checkpoints goes on with them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/common.bash"
make_points_run
run lockstep train points.yaml -o run --quiet --set "checkpoint.every=4 steps" --set checkpoint.keep=1000
status 0
cp run/checkpoints/step-00000008.h5 "$here/checkpoint_format_1.h5"
finish
