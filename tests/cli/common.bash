# Sourced by each test of the command line: PROGRAM is its first argument. Works in a directory of
# its own that is gone afterwards. `run` starts something; what follows looks at what it did.
set -uo pipefail
program=$1
tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
unset LOCKSTEP_OUTPUT LOCKSTEP_KERNELS
export LC_ALL=C TERM=dumb

fail() {
    printf 'FAILED: %s\n  %s\n' "$last" "$*"
    sed 's/^/  stdout: /' out
    sed 's/^/  stderr: /' err
    failures=$((failures + 1))
}

lockstep() { "$program" "$@"; }
ranks() { # N ARGUMENTS...: the program on N ranks, without what mpirun itself says
    local n=$1 result
    shift
    "$tests/mpirun" "$n" "$program" "$@" 2>err.all
    result=$?
    without_mpirun <err.all >&2
    return $result
}

# mpirun tells in a box of its own that a rank's exit status was not 0.
without_mpirun() {
    sed -e '/^-----*$/,/^-----*$/d' -e '/^mpirun: Forwarding signal/d' -e '/^$/d'
}

# run COMMAND...: its output in the files out and err, its exit status in $status
run() {
    last="$*"
    "$@" >out 2>err
    status=$?
}

status() { [ "$status" = "$1" ] || fail "exit status: expected $1, found $status"; }
quiet() { [ ! -s out ] || fail "expected no standard output"; }
silent() { [ ! -s err ] || fail "expected no message"; }
# The whole of standard error is this one line / one line of this pattern (bash's)
says() { [ "$(cat err)" = "lockstep: $1" ] || fail "expected the message: lockstep: $1"; }
says_like() {
    # shellcheck disable=SC2053
    [[ "$(cat err)" == lockstep:\ $1 && "$(cat err)" != *$'\n'* ]] ||
        fail "expected a message like: lockstep: $1"
}
# Standard output holds this line, or a line that matches this extended regular expression
prints() { grep -qxF -- "$1" out || fail "expected the line: $1"; }
prints_like() { grep -qE -- "$1" out || fail "expected a line like: $1"; }
prints_no() { ! grep -qE -- "$1" out || fail "expected no line like: $1"; }
there() { for f in "$@"; do [ -e "$f" ] || fail "expected the file $f"; done; }
absent() { for f in "$@"; do [ ! -e "$f" ] || fail "expected no file $f"; done; }
same() { [ "$1" = "$2" ] || fail "expected '$1', found '$2'"; }

# refused STATUS MESSAGE ARGUMENTS...: the program ends so, with this one line and nothing else.
refused() {
    local expected=$1 message=$2
    shift 2
    run lockstep "$@"
    status "$expected"
    says "$message"
    quiet
}
refused_like() {
    local expected=$1 message=$2
    shift 2
    run lockstep "$@"
    status "$expected"
    says_like "$message"
    quiet
}

# wait_for SECONDS COMMAND...: until it succeeds; false when it did not in that time.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

finish() {
    [ $failures = 0 ] || printf '%d failures\n' $failures
    [ $failures = 0 ]
    exit
}

# -- data

# points.csv: ROWS of two numbers and one of two words that a line parts, the second one in four
make_points() {
    awk -v rows="${1:-200}" 'BEGIN {
        print "x,y,kind"
        for (i = 0; i < rows; i++) {
            x = (i * 37 % 101) / 100; y = (i * 59 % 103) / 102
            printf "%.4f,%.4f,%s\n", x, y, (x + y > 1 ? "above" : "below")
        }
    }' >points.csv
}

# A run file on points.h5: two numbers in, two classes out, with dropout to need random numbers.
make_run_file() {
    cat >"${1:-points.yaml}" <<'TEXT'
model:
  input: {shape: [2]}
  layers:
    - Dense: {units: 16, activation: relu}
    - Dropout: {rate: 0.2}
    - Dense: {units: 2}
compile:
  optimizer: {Adam: {learning_rate: 0.01}}
  loss: {SparseCategoricalCrossentropy: {from_logits: true}}
  metrics: [accuracy]
data:
  train: points.h5:train
  validation: points.h5:test
fit: {batch_size: 16, epochs: 3, seed: 1}
TEXT
}

# points.h5 with 160 and 40 samples, and points.yaml
make_points_run() {
    make_points
    lockstep import csv points.csv --target kind --split 0.8,0.2 -o points.h5 --quiet || exit 1
    make_run_file
}

# bytes NUMBER...: as they are
bytes() {
    local octal
    for byte in "$@"; do
        printf -v octal '\\%03o' "$byte"
        printf '%b' "$octal"
    done
}

# make_idx IMAGES LABELS COUNT: images of 2 x 3, image i full of i, label i % 3
make_idx() {
    { bytes 0 0 8 3 0 0 0 "$3" 0 0 0 2 0 0 0 3
      for ((i = 0; i < $3; i++)); do bytes $i $i $i $i $i $i; done; } >"$1"
    { bytes 0 0 8 1 0 0 0 "$3"
      for ((i = 0; i < $3; i++)); do bytes $((i % 3)); done; } >"$2"
}
