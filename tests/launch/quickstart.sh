#!/usr/bin/env bash
# tests/launch/quickstart.sh: the quickstart trains well, names files that are there, and does not
# build again what is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    cat "$work/out"
    echo "expected $1" >&2
    exit 1
}

launch/quickstart --no-setup >"$work/out" 2>&1 || fail "the quickstart to succeed"
grep -qE '^accuracy +0\.9' "$work/out" || fail "an accuracy of 0.9 or more on the test data"
for what in checkpoint history metrics run; do
    file=$(sed -n "s/^$what  *\\([^ ,]*\\).*/\\1/p" "$work/out")
    [ -s "$file" ] || fail "the file of '$what' to be there: '$file'"
done

launch/quickstart --no-setup >"$work/out" 2>&1 || fail "a second quickstart to succeed"
! grep -q Building "$work/out" || fail "nothing to be built again"
go_on=$(sed -n 's/^    \(launch\/run .*\)/\1/p' "$work/out")
$go_on >"$work/out" 2>&1 || fail "the last line's command to succeed: $go_on"
grep -q '^Epoch 10/10' "$work/out" || fail "training to go on to epoch 10"
