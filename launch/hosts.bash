# Sourced by launch/run: the hosts of a run, which of them answer, and how many ranks each takes.
# names[i] may have slots[i] ranks; slots[i] is empty where nobody said.
# shellcheck disable=SC2034,SC2154 # launch/run gives `by` and `remote_shell`, and reads the rest
names=()
slots=()

add_host() { # NAME SLOTS: a name that comes again, as in PBS' file, adds to its slots
    local i
    for i in "${!names[@]}"; do
        [ "${names[i]}" = "$1" ] || continue
        slots[i]=$((${slots[i]:-1} + ${2:-1}))
        return
    done
    names+=("$1")
    slots+=("$2")
}

# A,B:2 as --hosts has it
add_list() {
    local entry entries
    [ -n "$1" ] || fail 64 "--hosts: which? there is no name"
    IFS=, read -ra entries <<<"$1"
    for entry in "${entries[@]}"; do
        [[ $entry =~ ^([^:]+)(:([1-9][0-9]*))?$ ]] ||
            fail 64 "--hosts: '$entry' is neither HOST nor HOST:RANKS"
        add_host "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]}"
    done
}

# A line a host: `A`, `A slots=2`, `A:2`, or A twice
add_file() {
    local name rest
    [ -r "$1" ] || fail 66 "$1: no such file of hosts, or it cannot be read"
    while read -r name rest || [ -n "$name" ]; do
        [[ $name != \#* && -n $name ]] || continue
        if [[ $rest =~ slots=([0-9]+) ]]; then
            add_host "$name" "${BASH_REMATCH[1]}"
        elif [[ $name =~ ^(.+):([0-9]+)$ ]]; then
            add_host "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        else
            add_host "$name" 1
        fi
    done <"$1"
}

# What Slurm gave to the job: SLURM_TASKS_PER_NODE is like 4(x2),3
add_slurm() {
    local name part tasks=() i=0
    for part in ${SLURM_TASKS_PER_NODE//,/ }; do
        [[ $part =~ ^([0-9]+)(\(x([0-9]+)\))?$ ]] || return
        for ((i = 0; i < ${BASH_REMATCH[3]:-1}; i++)); do
            tasks+=("${BASH_REMATCH[1]}")
        done
    done
    i=0
    for name in $(scontrol show hostnames "$SLURM_JOB_NODELIST"); do
        add_host "$name" "${tasks[i]-1}"
        i=$((i + 1))
    done
}

# share RANKS PER_NODE: fills slots and sets `wanted`, the number of ranks; either may be empty.
share() {
    local i sum=0
    for i in "${!names[@]}"; do
        if [ -n "$2" ]; then
            slots[i]=$2
        elif [ -z "${slots[i]}" ]; then
            [ -n "$1" ] || fail 64 "how many ranks? -n N, --ranks-per-node K, or --hosts A:4,B:4"
            slots[i]=$((($1 + ${#names[@]} - 1) / ${#names[@]}))
        fi
        sum=$((sum + slots[i]))
    done
    wanted=${1:-$sum}
    [ "$wanted" -le $sum ] || fail 64 "-n $wanted: the hosts have room for $sum ranks"
}

# -- which of them answer

probe_seconds=15

# HOST: by what mpirun would start its daemon with; what that says goes to standard output.
probe() {
    local agent words
    case $1 in
    localhost | "$(hostname)" | "$(hostname -s)") return 0 ;;
    esac
    if [ "$by" = slurm ]; then
        agent=(srun --overlap --mpi=none --nodes=1 --ntasks=1 --ntasks-per-node=1 --nodelist="$1")
    else
        read -ra words <<<"$remote_shell ${OMPI_MCA_plm_rsh_args-}"
        agent=("${words[@]}" "$1")
    fi
    # Without a terminal ssh asks nobody for a password; mpirun's could not either.
    setsid -w timeout -k 1 $probe_seconds "${agent[@]}" true </dev/null 2>&1
}

# Sets `list`, as mpirun's --host has it, and `room`, the ranks that fit there; says who is left
# out. The hosts are asked all at once.
find_hosts() {
    local i said directory probes=()
    list=
    room=0
    directory=$(mktemp -d)
    for i in "${!names[@]}"; do
        { probe "${names[i]}" >"$directory/$i" && : >"$directory/$i.answers"; } &
        probes+=($!)
    done
    wait "${probes[@]}"
    for i in "${!names[@]}"; do
        if [ -e "$directory/$i.answers" ]; then
            list+=,${names[i]}:${slots[i]}
            room=$((room + slots[i]))
            continue
        fi
        said=$(tail -n 1 "$directory/$i" | tr -d '\r')
        say "host ${names[i]} is left out: ${said:-no answer in $probe_seconds s}"
    done
    rm -rf "$directory"
    list=${list#,}
}

# The same with nobody asked.
all_hosts() {
    local i
    list=
    room=0
    for i in "${!names[@]}"; do
        list+=,${names[i]}:${slots[i]}
        room=$((room + slots[i]))
    done
    list=${list#,}
}
