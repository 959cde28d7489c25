#!/usr/bin/env bash
# tests/launch/run.sh: launch/run starts ranks, passes settings, signals and statuses.
set -uo pipefail
run=$(cd "$(dirname "$0")/../.." && pwd)/launch/run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT EXPECTED FOUND
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# A rank that tells when it is there, and what becomes of it.
cat >"$work/rank" <<'TEXT'
#!/usr/bin/env bash
trap 'echo saved >"$1.$OMPI_COMM_WORLD_RANK"; exit 75' USR1
trap 'exit 1' TERM
echo ready >>"$1.ready"
for _ in {1..600}; do sleep 0.1; done
TEXT
chmod +x "$work/rank"

# signal NAME EXPECTED_STATUS: to launch/run, once both ranks are there
signal() {
    rm -f "$work"/out*
    : >"$work/out.ready"
    # A shell has its background commands ignore INT; env gives it back to them.
    env --default-signal=INT "$run" -n 2 --program "$work/rank" "$work/out" 2>/dev/null &
    local pid=$!
    for _ in {1..200}; do
        [ "$(wc -l <"$work/out.ready")" = 2 ] && break
        sleep 0.05
    done
    for name in $1; do
        kill -s "$name" $pid
    done
    wait $pid
    expect "status after $1" "$2" $?
    expect "ranks that saved after $1" "saved saved" "$(cat "$work"/out.[01] 2>/dev/null | xargs)"
}

text=$("$run" -n 2 --program sh -c 'echo $OMPI_COMM_WORLD_SIZE $OMP_NUM_THREADS $LOCKSTEP_OUTPUT $1' \
    sh "a  b" | sort -u)
expect "environment and arguments of the ranks" "2 1 plain a b" "$text"
text=$(OMP_NUM_THREADS=3 LOCKSTEP_KERNELS=avx2 LOCKSTEP_OUTPUT=terminal "$run" -n 1 --program \
    sh -c 'echo $OMP_NUM_THREADS $LOCKSTEP_KERNELS $LOCKSTEP_OUTPUT')
expect "settings of the user" "3 avx2 terminal" "$text"
text=$("$run" -n $(($(nproc) + 2)) --program sh -c 'echo x' | wc -l)
expect "more ranks than cores" $(($(nproc) + 2)) "$text"

"$run" -n 2 --program sh -c 'exit 65'
expect "status of the program" 65 $?
text=$("$run" -n 2 --program sh -c 'kill -9 $$' 2>&1)
expect "status of a killed rank" 137 $?
expect "message of a killed rank" "launch/run: a rank was killed by signal 9 (KILL)" "$text"
for name in TERM INT HUP USR1; do
    signal $name 75
done

# wrong ARGUMENTS STATUS MESSAGE
wrong() {
    # shellcheck disable=SC2086
    text=$("$run" $1 2>&1)
    expect "status of $1" "$2" $?
    expect "message of $1" "launch/run: $3" "$text"
}
wrong "-n" 64 "-n needs a value"
wrong "-n 0 train" 64 "-n needs a number of ranks, not '0'"
wrong "-n two train" 64 "-n needs a number of ranks, not 'two'"
wrong "--mca a" 64 "--mca needs a name and a value"
wrong "--ranks 2" 64 "unknown option '--ranks' (see launch/run --help)"
wrong "--program $work/none" 66 "$work/none: no such program"

text=$("$run" --dry-run -n 2 --host a,b --mca btl self --program echo "a b")
# shellcheck disable=SC2076
for part in "mpirun " " -n 2 " " --host a\\,b " " --mca btl self " " echo a\\ b "; do
    [[ $text == *"$part"* ]] || expect "dry run" "$part" "$text"
done
[[ $text != *oversubscribe* ]] || expect "dry run on hosts" "no oversubscription" "$text"

exit $((failures > 0))
