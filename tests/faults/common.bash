# Sourced by each test of faults: what cli/common.bash has, and more. Their second argument --all asks for
# every case in place of a sample.
all=no
[ "${2-}" != --all ] || all=yes
# shellcheck source=../cli/common.bash
. "$(dirname "${BASH_SOURCE[0]}")/../cli/common.bash"

# sample COUNT WHOLE: how many cases to try
sample() { if [ $all = yes ]; then echo "$2"; else echo "$1"; fi; }
