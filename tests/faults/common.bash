# Sourced by each test of faults: what cli/common.bash has, and more. Their second argument --all asks for
# every case in place of a sample.
all=no
[ "${2-}" != --all ] || all=yes
# shellcheck source=../cli/common.bash
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.bash"

# sample COUNT WHOLE: how many cases to try
sample() { if [ $all = yes ]; then echo "$2"; else echo "$1"; fi; }

# -- a disk that breaks (shim.c): the directory disk, and what is below it
shim=$(dirname "$program")/tests/fault-shim.so

# broken MODE AT ARGUMENTS...: the program, with call AT on the disk going wrong. The calls that it made are in
# the file calls; what a crash of the machine would have left of the disk is for `lost` when SYNCED is set.
broken() {
    local mode=$1 at=$2
    shift 2
    rm -rf calls synced
    [ -z "${SYNCED-}" ] || mkdir synced
    FAULT_UNDER=$(pwd -P)/disk FAULT_MODE=$mode FAULT_AT=$at FAULT_LOG=$PWD/calls \
        FAULT_DISK=${SYNCED:+$PWD/synced} LD_PRELOAD=$shim "$program" "$@"
}

# lost WHAT HOW: makes disk what a crash would have left of it. WHAT dir: names are those of the last fsync of
# their directory; now: all names reached the disk. HOW empty or zeros: what a file has that was not synced.
lost() {
    local what=$1 how=$2
    mv disk before
    lost_directory disk "$(cat synced/root)" before "$what" "$how"
    rm -rf before
}
lost_directory() { # TO ID BEFORE WHAT HOW
    local type id name
    mkdir "$1"
    [ ! -e "synced/$4-$2" ] || while read -r type id name; do
        if [ "$type" = d ]; then
            lost_directory "$1/$name" "$id" "$3/$name" "$4" "$5"
        elif [ -e "synced/file-$id" ]; then
            cp "synced/file-$id" "$1/$name"
        elif [ "$5" = zeros ] && [ -e "$3/$name" ]; then
            truncate -s "$(stat -c %s "$3/$name")" "$1/$name"
        else
            : >"$1/$name"
        fi
    done <"synced/$4-$2"
}

# places COUNT WHOLE WHAT: numbers from 1 to WHOLE: COUNT of them at random (by SEED and WHAT), or all of them
seed=${SEED-1}
places() {
    local count
    count=$(sample "$1" "$2")
    [ "$count" -lt "$2" ] || { seq 1 "$2"; return; }
    awk -v seed="$(cksum <<<"$seed $3" | cut -d ' ' -f 1)" -v count="$count" -v whole="$2" 'BEGIN {
        srand(seed); for (i = 0; i < count; i++) print int(rand() * whole) + 1 }'
}
