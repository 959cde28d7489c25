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

# shellcheck disable=SC2016 # the ranks expand them
text=$("$run" -n 2 --program sh -c 'echo $OMPI_COMM_WORLD_SIZE $OMP_NUM_THREADS $LOCKSTEP_OUTPUT $1' \
    sh "a  b" | sort -u)
expect "environment and arguments of the ranks" "2 1 plain a b" "$text"
# shellcheck disable=SC2016
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

# Only a training saves: another command ends at once, without a word of saving.
ln -s rank "$work/lockstep"
(cd "$work" && exec env --default-signal=INT "$run" -n 2 --program "$work/lockstep" evaluate 2>said) &
for _ in {1..200}; do
    [ "$(cat "$work/evaluate.ready" 2>/dev/null | wc -l)" = 2 ] && break
    sleep 0.05
done
kill -s INT $!
wait $!
expect "status of an evaluation after INT" 1 $?
expect "what an evaluation says after INT" "" \
    "$(grep -h "launch/run:\|saved" "$work/said" "$work"/evaluate.[01] 2>/dev/null)"

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
wrong "--net nonesuch0 train" 64 "--net: 'nonesuch0' is neither a network, as 10.1.0.0/16, nor an interface of this host"
wrong "--net lo,10.1.0.0 train" 64 \
    "--net: '10.1.0.0' is neither a network, as 10.1.0.0/16, nor an interface of this host"
text=$("$run" --hosts "" train 2>&1)
expect "status of no hosts" 64 $?
expect "message of no hosts" "launch/run: --hosts: which? there is no name" "$text"
wrong "--mca a" 64 "--mca needs a name and a value"
wrong "--ranks 2" 64 "unknown option '--ranks' (see launch/run --help)"
wrong "--program $work/none" 66 "$work/none: no such program"

text=$("$run" --dry-run -n 2 --host a,b --net lo --mca btl self --program echo "a b")
# shellcheck disable=SC2076
for part in "mpirun " " -n 2 " " --host a:1\\,b:1 " " --mca btl_tcp_if_include lo " " --mca btl self " " echo a\\ b "; do
    [[ $text == *"$part"* ]] || expect "dry run" "$part" "$text"
done
[[ $text != *oversubscribe* ]] || expect "dry run on hosts" "no oversubscription" "$text"

# -- starting again: a program that keeps a count, and a checkpoint a start where it is told to

mkdir "$work/bin" "$work/fake"
cat >"$work/bin/lockstep" <<'TEXT'
#!/usr/bin/env bash
trap : USR1
echo "$OMPI_COMM_WORLD_SIZE $*" >>starts
count=$(wc -l <starts)
[ -z "${SAVES-}" ] || { mkdir -p a/checkpoints && touch "a/checkpoints/step-0000000$count.h5"; }
[ "$count" -le "$CRASHES" ] || exit 0
sh -c "$HOW"
TEXT
# Where it only matters what mpirun is told: this one starts a program at once, and only once.
cat >"$work/fake/mpirun" <<'TEXT'
#!/usr/bin/env bash
export OMPI_COMM_WORLD_SIZE='' HOSTS=''
while [[ $1 == -* ]]; do
    case $1 in
    --quiet | --oversubscribe) shift ;;
    --mca) shift 3 ;;
    -n) OMPI_COMM_WORLD_SIZE=$2 && shift 2 ;;
    --host) HOSTS=$2 && shift 2 ;;
    *) shift 2 ;;
    esac
done
exec "$@"
TEXT
chmod +x "$work/bin/lockstep" "$work/fake/mpirun"

# restarted CRASHES HOW OPTIONS ARGUMENTS: leaves `status`, what it said in `text`, and `starts`
restarted() {
    rm -f "$work/starts"
    # shellcheck disable=SC2086
    text=$(cd "$work" && CRASHES=$1 HOW=$2 "$run" $3 --program "$work/bin/lockstep" $4 2>&1)
    status=$?
    starts=$(cat "$work/starts" 2>/dev/null)
    last=${starts##*$'\n'}
}

# shellcheck disable=SC2016
restarted 2 'kill -9 $PPID' "-n 1 --restarts 2" "train a.yaml -o a"
expect "status after two crashes" 0 $status
expect "starts after two crashes" $'1 train a.yaml -o a\n1 train a.yaml -o a --resume\n1 train a.yaml -o a --resume' "$starts"
expect "what is said" "launch/run: a rank was killed by signal 9 (KILL): starts again (1 of 2 without a newer checkpoint)
launch/run: a rank was killed by signal 9 (KILL): starts again (2 of 2 without a newer checkpoint)" "$text"
real=$PATH
PATH=$work/fake:$PATH
# One that stays when nothing it started lives
"$run" -n 1 --program sh -c 'sleep 1.5 & wait; exec sleep 100' >"$work/stays" 2>&1 &
stays=$!
restarted 9 'exit 1' "-n 1 --restarts 2" "train a.yaml --resume"
expect "status when it goes on crashing" 1 $status
expect "starts when it goes on crashing" 3 "$(wc -l <<<"$starts")"
expect "what is said in the end" \
    "launch/run: 3 crashes without a newer checkpoint between them: not started again" "${text##*$'\n'}"
SAVES=yes restarted 4 'exit 1' "-n 1 --restarts 1" "train a.yaml --resume"
expect "status when it gets further each time" 0 $status
expect "starts when it gets further each time" 5 "$(wc -l <<<"$starts")"
for final in 64 65 66 73 75; do
    restarted 1 "exit $final" "-n 1 --restarts 2" "train a.yaml --resume"
    expect "status of an end that is no crash" $final $status
    expect "starts after status $final" 1 "$(wc -l <<<"$starts")"
done
restarted 1 'exit 1' "-n 1" "train a.yaml --resume"
expect "status without --restarts" 1 $status
restarted 1 'exit 1' "-n 1 --restarts 2" "evaluate a"
expect "another command has no --resume" "1 evaluate a" "$last"

rm -rf "$work/a"

# A run that was asked to end and then crashes stays as it is.
crashing() { # HOW: in the background, its process in `pid`, until the program has started
    rm -f "$work/starts"
    (cd "$work" && CRASHES=9 HOW=$1 exec "$run" -n 1 --restarts 5 --program "$work/bin/lockstep" \
        train a.yaml 2>/dev/null) &
    pid=$!
    for _ in {1..200}; do [ ! -e "$work/starts" ] || break; sleep 0.05; done
}
crashing 'while [ ! -e there ]; do sleep 0.05; done; exit 1'
kill -TERM $pid
sleep 0.3
touch "$work/there"
wait $pid
expect "status of a crash after TERM" 1 $?
expect "starts of a crash after TERM" 1 "$(wc -l <"$work/starts")"

# -- hosts: `agent HOST COMMAND` is this machine by other names, but for those named in the file dead

cat >"$work/agent" <<TEXT
#!/bin/sh
host=\$1
shift
if grep -qx "\$host" $work/dead; then
    echo "agent: connect to host \$host: No route to host" >&2
    exit 255
fi
exec sh -c "\$*"
TEXT
chmod +x "$work/agent"
: >"$work/dead"
agent="--mca plm_rsh_agent $work/agent"

PATH=$real
restarted 0 '' "$agent --hosts a:2,b:1" "train a.yaml"
PATH=$work/fake:$PATH
expect "ranks of all hosts" $'3 train a.yaml\n3 train a.yaml\n3 train a.yaml' "$starts"
restarted 0 '' "$agent --hosts a,b --ranks-per-node 2 -n 3" "train a.yaml"
expect "ranks a node" "3 train a.yaml" "$starts"
echo b >"$work/dead"
restarted 0 '' "$agent --hosts a:2,b:1" "train a.yaml"
expect "a host that does not answer" "launch/run: host b is left out: agent: connect to host b: No route to host
launch/run: 2 of 3 ranks are left; the run keeps its replicas, and so its bits" "$text"
expect "the replicas of a run that begins so" "2 train a.yaml --replicas 3" "$last"
mkdir -p "$work/a/checkpoints"
touch "$work/a/checkpoints/step-00000001.h5"
touch "$work/a/run.yaml"
restarted 0 '' "$agent --hosts a:2,b:1" "train a --resume"
expect "the replicas of a run that goes on" "2 train a --resume" "$last"
rm -rf "$work/a"
printf 'a slots=1\n# c\nb:2\na slots=1\n' >"$work/hosts"
restarted 0 '' "$agent --hostfile $work/hosts" "train a.yaml"
expect "hosts from a file" "2 train a.yaml --replicas 4" "$last"
printf 'a\na\na\nb\n' >"$work/hosts"
PBS_NODEFILE=$work/hosts restarted 0 '' "$agent" "train a.yaml"
expect "hosts of PBS" "3 train a.yaml --replicas 4" "$last"
LSB_DJOB_HOSTFILE=$work/hosts restarted 0 '' "$agent" "train a.yaml --replicas 8"
expect "hosts of LSF" "3 train a.yaml --replicas 8" "$last"
printf 'a slots=1\nb slots=2\n' >"$work/hosts"
OMPI_MCA_orte_default_hostfile=$work/hosts OMPI_MCA_plm_rsh_agent=$work/agent restarted 0 '' "" "train a.yaml"
expect "hosts of Kubernetes" "1 train a.yaml --replicas 3" "$last"
# A host that is lost on the way is left out of the next start.
: >"$work/dead"
restarted 1 "echo b >$work/dead; exit 1" "$agent --hosts a,b -n 2 --restarts 1" "train a.yaml"
expect "status after a host was lost" 0 $status
expect "the start after a host was lost" "1 train a.yaml --resume --replicas 2" "$last"
echo a >>"$work/dead"
wrong "$agent --hosts b:1,b:2 train a.yaml" 1 "host b is left out: agent: connect to host b: No route to host
launch/run: no host answers"
wrong "--hosts a,b train a.yaml" 64 "how many ranks? -n N, --ranks-per-node K, or --hosts A:4,B:4"
wrong "-n 4 --hosts a:1,b:2 train a.yaml" 64 "-n 4: the hosts have room for 3 ranks"
wrong "--hosts a:b train a.yaml" 64 "--hosts: 'a:b' is neither HOST nor HOST:RANKS"
wrong "--hostfile $work/none train a.yaml" 66 "$work/none: no such file of hosts, or it cannot be read"
wrong "--restarts x train a.yaml" 64 "--restarts needs a number of restarts, not 'x'"
wrong "--ranks-per-node 0 train a.yaml" 64 "--ranks-per-node needs a number of ranks, not '0'"

wait $stays
expect "status when mpirun stays without processes" 137 $?
expect "what is said when mpirun stays" "launch/run: a rank was killed by signal 9 (KILL)" "$(cat "$work/stays")"

exit $((failures > 0))
