#!/usr/bin/env bash
# lockstep check: its page, its JSON, its exit status, every message, and that it changes nothing.
. "$(dirname "$0")/common.bash"
make_points_run

# The page with a line a finding, "level topic text". ok, warns and fails look for one of that level: an extended regular
# expression of the text, or of the topic and the text.
page() {
    awk '/^(ok|warning|error) / {
             if (substr($0, 10, 1) != " ") topic = $2
             printf "\n%s %s", $1, topic
             $0 = substr($0, 21)
         }
         { $1 = $1; printf " %s", $0 }' out
}
has() { page | grep -qE -- "^$1 ([a-z]+ )?$2" || fail "expected the line: $1 $2"; }
ok() { has ok "$1"; }
warns() { has warning "$1"; }
fails() { has error "$1"; }

# -- a run that goes well
run lockstep check points.yaml
status 0
silent
ok "run points.yaml on 1 host: 1 rank x 1 thread"
ok "model 4 layers, 82 parameters \(328 bytes\), of which 82 train"
ok "data 160 samples, 40 for validation: 10 steps an epoch, 3 epochs"
ok "slices 1 replica x 16 samples = batch of 16"
ok "memory [0-9.]+ kB for rank 0: validation "
ok "1 rank takes [0-9.]+ kB of [0-9.]+ [GT]B free"
ok "cores 1 rank x 1 thread on [0-9]+ cores?"
ok "speed [0-9]+ GFLOPS in products of matrices"
ok "directory points: can be written, locked, synced; holds no run"
ok "3 checkpoints and the next one take [0-9.]+ kB of [0-9.]+ [GT]B free"
ok "kernels (baseline|avx2|avx512), OpenBLAS [0-9.]+ .*, oneDNN [0-9.]+, SLEEF .*; probe [0-9a-f]{16}"
ok "steps [0-9.]+[mu]?s/step, [0-9]+ samples/s: forward [0-9]+%, backward [0-9]+%, .* rest [0-9]+%"
ok "30 steps: about .*s, without validation and checkpoints"
[ "$(wc -l <out)" -le 40 ] || fail "more than a page"
[ "$(awk '{ if (length($0) > most) most = length($0) } END { print most }' out)" -le 100 ] ||
    fail "a line is longer than 100 columns"
prints_like '^(no warnings: it would run well|[12] warnings?: it would run)$' # on a busy machine
same "points.csv points.h5 points.yaml" "$(find . -type f ! -name out ! -name err -printf '%f\n' | sort | paste -sd' ')"

# -- JSON
run lockstep check points.yaml --json --batch-size 8 --threads 1 --set fit.epochs=2 --data points.h5:test
status 0
silent
python3 - <<'TEXT' || fail "the JSON is not as it should be"
import json
check = json.load(open("out"))
assert check["status"] == 0
assert {line["level"] for line in check["lines"]} <= {"ok", "warning"}
assert [l["text"] for l in check["lines"] if l["topic"] == "data"] == [
    "40 samples, 40 for validation: 5 steps an epoch, 2 epochs"]
figures = check["figures"]
assert figures["parameters"] == 82 and figures["samples"] == 40 and figures["steps"] == 5
for name in ["memory_bytes", "memory_free_bytes", "gflops", "checkpoint_bytes", "disk_free_bytes", "step_seconds"]:
    assert figures[name] > 0, name
TEXT

# -- what train refuses, in its words; what can be looked at without it is
refused 66 "cannot read 'none.yaml': No such file or directory" check none.yaml
run lockstep check none.yaml --json
status 66
[ "$(cat out)" = '{"status": 66, "lines": [], "figures": {}}' ] || fail "the JSON of a run file that is not there"
refused_like 64 "check: unknown option '--epoch'*" check points.yaml --epoch 2
refused_like 64 "check: missing operand*" check
run lockstep check points.yaml --data none.h5:train
status 66
says_like "data train: */none.h5: no such file"
fails "run data train: .*/none.h5: no such file"
ok "cores 1 rank"
prints_like '^1 error, [012] warnings?: it would not run$'
run lockstep check points.yaml --set model.layers.0.unit=3 --json
status 65
says_like "*unknown option 'unit' (did you mean 'units'?)"
python3 -c 'import json; check = json.load(open("out")); assert check["status"] == 65 and "error" in [l["level"] for l in check["lines"]]' ||
    fail "the JSON has no error"
run ranks 2 check points.yaml --replicas 1
status 64
says "2 ranks for 1 replica: use at most 1 rank (-n 1), or -o DIR for a new run"
run lockstep check points.yaml --set model.layers.0.units=200000000 # 4 GB of weights
status 65
warns "1 rank takes [0-9.]+ GB of [0-9.]+ GB free"
fails "memory the training takes [0-9.]+ [GT]B of memory, but [0-9.]+ GB are free \(.*"

little() {
    ulimit -v 900000
    "$program" "$@"
}
if ! grep -q libasan "$program"; then # whose own memory is beyond any limit
    run little check points.yaml --set model.layers.0.units=2000000 --batch-size 8
    status 65
    warns "1 rank takes .* free( in the control group)?, but rank 0 takes [0-9.]+ GB of the [0-9.]+ MB that it may have \(ulimit -v\)"
    fails "memory the training takes [0-9.]+ GB of memory, but [0-9.]+ MB are free"
fi

# -- the run directory
run lockstep check points.yaml -o points.csv
status 73
says "cannot write 'points.csv': Not a directory"
fails "directory cannot write 'points.csv': Not a directory"
ok "steps "
run lockstep check points.yaml -o none/run
status 73
says "cannot write 'none/run': No such file or directory"
run lockstep check points.yaml -o /proc/run
status 73
says_like "/proc: cannot write there: *"
run lockstep train points.yaml --epochs 1 -o begun -q
find begun -type f -exec md5sum {} + | sort >before
run lockstep check points.yaml -o begun
status 0
ok "directory begun holds a run: train --resume goes on in epoch 2 of 3, after step 0, from begun/checkpoints/step-00000010.h5"
ok "20 steps are left: about "
run lockstep check begun --set fit.epochs=1
status 0
warns "directory begun holds a run that is finished: train --resume does nothing"
run lockstep check points.yaml -o begun --batch-size 8
status 65
fails "run the run was started with fit.batch_size: 16, now it is 8"
same "$(cat before)" "$(find begun -type f -exec md5sum {} + | sort)"
flock begun/lock "$program" check points.yaml -o begun >out 2>err
status=$?
status 73
says_like "begun: in use by process * on *"
run lockstep check points.yaml --set checkpoint.keep=2000000000
status 0
warns "2000000000 checkpoints and the next one take [0-9.]+ TB of .* free: use a smaller checkpoint.keep, or -o DIR elsewhere"

# -- slices
run lockstep check points.yaml --replicas 32
status 0
warns "slices a batch of 16 samples leaves 16 of 32 replicas without: use --batch-size 32 or more, or fewer replicas"
run ranks 3 check points.yaml --replicas 8 --batch-size 20
status 0
warns "slices 8 replicas x 2 to 3 samples = batch of 20, which does not divide: some wait for the others"
warns "3 ranks hold 2 to 3 replicas: those with fewer wait; with 1, 2, 4 or 8 ranks they hold as many"
warns "a rank has up to [2-9] partial sums for the others, as the ranks do not align with the tree over the replicas; with 1, 2, 4 or 8 ranks it is one"
ok "data .*; all ranks read them"
ok "combine [0-9]+ bytes of gradients in .* ms a step, .*B/s; the ranks of a host share memory"

# -- what does not train, and a last batch of few samples
run lockstep check points.yaml --set model.layers.0.activation=step --set model.layers.2.activation=sign --batch-size 7 --replicas 7
status 0
warns "model the activation step of layer 'dense' has a gradient of zero: neither that layer nor those before it train"
warns "model the activation sign of layer 'dense_1' has a gradient of zero"
ok "slices the last batch of an epoch has 6 samples and leaves 1 of 7 replicas without"

# -- cores
cores=$(nproc)
run lockstep check points.yaml --threads $((cores + 1))
status 0
warns "cores 1 rank x $((cores + 1)) threads on $cores cores?.*: they take turns: use --threads $cores"
run ranks $((cores + 1)) check points.yaml
status 0
warns "cores $((cores + 1)) ranks x 1 thread on $cores cores?.*: they take turns, and all wait for the last: use $cores ranks? a host, or more hosts"
if [ "$cores" -gt 1 ]; then
    run taskset -c 0 "$program" check points.yaml --threads 2
    status 0
    warns "1 rank of 2 threads is bound to CPU 0 alone: mpirun --map-by slot:PE=2 --bind-to core, or --bind-to none"
fi

# -- kernels that differ
cat >unlike <<'TEXT'
#!/usr/bin/env bash
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export LOCKSTEP_KERNELS=baseline
exec "$@"
TEXT
chmod +x unlike
unlike() {
    "$tests/mpirun" 3 ./unlike "$program" "$@" 2>err.all
    local result=$?
    without_mpirun <err.all | grep '^lockstep: ' >&2
    return $result
}
run unlike check points.yaml
status 1
says_like "ranks compute differently: *: set LOCKSTEP_KERNELS=baseline for all of them"
fails "run ranks compute differently: .*: set LOCKSTEP_KERNELS=baseline for all of them"
ok "kernels rank 0, host .*: (avx2|avx512), OpenBLAS"
ok "ranks 1-2, host .*: baseline, OpenBLAS"

finish
