#!/usr/bin/env bash
# tests/launch/setup.sh: launch/setup installs what is missing, asks nobody when nothing is, and says
# what is wrong; against a package system that only writes down what it is asked.
set -uo pipefail
setup=$(cd "$(dirname "$0")/../.." && pwd)/launch/setup
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT EXPECTED FOUND
expect() {
    [ "$2" = "$3" ] && return
    printf '%s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}

# stub NAME: a command that does what follows on standard input
stub() {
    { echo '#!/bin/bash' && cat; } >"$work/bin/$1"
    chmod +x "$work/bin/$1"
}

mkdir "$work/bin"
export WORK=$work
stub dpkg-query <<'TEXT'
sed 's/^/installed /' "$WORK/installed"
TEXT
stub apt-cache <<'TEXT'
shift
for package; do
    echo "  Candidate: $([ -e "$WORK/lists" ] && echo 1.0 || echo '(none)')"
done
TEXT
stub apt-get <<'TEXT'
while [[ $1 == -* ]]; do
    [ "$1" = -o ] && shift
    shift
done
echo "$*" >>"$WORK/asked"
case $1 in
update) [ -e "$WORK/offline" ] && exit 100; touch "$WORK/lists" ;;
install) [ -e "$WORK/broken" ] && echo "E: broken" >&2 && exit 100 ;;
esac
exit 0
TEXT
stub id <<'TEXT'
cat "$WORK/uid"
TEXT
stub sudo <<'TEXT'
echo sudo >>"$WORK/asked"
exec "$@"
TEXT

# setup WHAT STATUS ASKED [ARGUMENTS]: runs it; leaves what it said in $said
setup() {
    : >"$work/asked"
    said=$(PATH=$work/bin:$PATH "$setup" "${@:4}" 2>&1)
    expect "$1: status" "$2" $?
    expect "$1: asked of the package system" "$3" "$(paste -sd ';' "$work/asked")"
}

echo 0 >"$work/uid"
"$setup" --list >"$work/installed"
setup "nothing missing" 0 ""
expect "nothing missing: message" "" "$said"
setup "missing for tests" 0 "update;install --no-install-recommends clang-format" --tests
setup "lists are there" 0 "install --no-install-recommends clang-format" --tests
expect "what Slurm's tests need" "munge slurm-wlm" \
    "$("$setup" --slurm --list | grep -vxFf "$work/installed" | sort | paste -sd ' ')"
sed -i '/^gcc$/d' "$work/installed"
setup "one missing" 0 "install --no-install-recommends gcc"
expect "one missing: message" "launch/setup: installing gcc" "$said"

touch "$work/broken"
setup "an install that fails is tried again with new lists" 1 \
    "install --no-install-recommends gcc;update;install --no-install-recommends gcc"
expect "its message" "launch/setup: apt-get install failed" "$(tail -n 1 <<<"$said")"
rm "$work/broken" "$work/lists"
touch "$work/offline"
setup "no network" 1 "update"
expect "no network: message" "launch/setup: apt-get update failed" "$(tail -n 1 <<<"$said")"
rm "$work/offline"

echo 1000 >"$work/uid"
setup "by sudo" 0 "sudo;update;sudo;install --no-install-recommends gcc"
setup "wrong option" 64 "" --wrong

# Without sudo, and on a system of another kind, only with what the script itself needs.
mkdir "$work/tools"
for tool in bash env cat sed grep dirname; do
    ln -s "$(command -v $tool)" "$work/tools/$tool"
done
rm "$work/bin/sudo"
said=$(PATH=$work/bin:$work/tools "$setup" 2>&1)
expect "no sudo: status" 1 $?
expect "no sudo: message" \
    "launch/setup: not root, and there is no sudo. As root: apt-get install gcc" "$said"
rm "$work/bin/apt-get"
said=$(PATH=$work/bin:$work/tools "$setup" 2>&1)
expect "another system: status" 1 $?
expect "another system: message" "launch/setup: this system has no apt-get" "${said%%.*}"

exit $((failures > 0))
