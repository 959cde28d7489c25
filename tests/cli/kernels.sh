#!/usr/bin/env bash
# The kernels that a run is computed with: others are refused on a resume and between ranks; and the
# memory that their libraries want.
. "$(dirname "$0")/common.bash"
make_points_run
lockstep train points.yaml --quiet || exit 1

# -- on a resume
export LOCKSTEP_KERNELS=baseline
refused_like 65 "the run was started with the kernels *, OpenBLAS *, oneDNN *, probe *, now it is baseline, *, probe * (--accept kernels takes the change)" \
    train points.yaml --resume --epochs 4
run lockstep train points.yaml --resume --epochs 4 --accept kernels --quiet
status 0
silent
run lockstep train points.yaml --resume --epochs 5 --quiet # they are the run's now
status 0
silent
unset LOCKSTEP_KERNELS
run lockstep train points.yaml --resume --epochs 6 --accept kernels --quiet
status 0
silent

# -- what makes another plan, or other sums, is accepted by its own key
run lockstep train points.yaml --resume --epochs 7 --batch-size 9 --accept fit.batch_size --quiet
status 0
silent
run lockstep train points.yaml --resume --epochs 8 --batch-size 9 --threads 2 --accept threads --quiet
status 0
silent

# -- ranks
cat >unlike <<'TEXT'
#!/usr/bin/env bash
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export LOCKSTEP_KERNELS=baseline
exec "$@"
TEXT
chmod +x unlike
unlike() {
    local result
    "$tests/mpirun" 2 ./unlike "$program" "$@" 2>err.all
    result=$?
    without_mpirun <err.all | grep '^lockstep: ' >&2
    return $result
}
run unlike train points.yaml -o apart --quiet
status 1
says_like "ranks compute differently: rank 0 (host *) with *; rank 1 (host *) with baseline, OpenBLAS * Prescott, oneDNN *: set LOCKSTEP_KERNELS=baseline for all of them"
absent apart/run.yaml

# -- memory: enough for the libraries, not for what OpenBLAS takes (it would try for ever)
little() {
    ulimit -v 180000
    timeout 60 "$program" "$@"
}
if ! grep -q libasan "$program"; then # whose own memory is beyond any limit
    run little version
    status 1
    says "not enough memory for OpenBLAS: no room for 129 MB more (ulimit -v, or the batch system's limit)"
    quiet
fi

finish
