#!/usr/bin/env bash
# The tests' own means can fail: every check in common.bash, given something wrong, counts a failure.
. "$(dirname "$0")/common.bash"

# must_fail CHECK...: a check that has to find fault
must_fail() {
    local before=$failures
    "$@" >/dev/null
    if [ $failures = $((before + 1)) ]; then
        failures=$before
    else
        failures=$((before + 1))
        printf 'FAILED: this check found no fault: %s\n' "$*"
    fi
}

run bash -c 'echo some text; echo lockstep: some message >&2; exit 3'
status 3
says "some message"
says_like "some m*"
prints "some text"
prints_like "^some te?xt$"
prints_no "other"
there out
absent nothing
same a a
must_fail status 0
must_fail quiet
must_fail silent
must_fail says "some"
must_fail says_like "other*"
must_fail prints "some"
must_fail prints_like "^text"
must_fail prints_no "text"
must_fail there out nothing
must_fail absent out
must_fail same a b
run bash -c 'printf "lockstep: one\nlockstep: two\n" >&2'
must_fail says "one"
must_fail says_like "one*"
run true
must_fail says ""
wait_for 0 false && fail "wait_for waited for nothing"
last=ranks
same 5 "$(printf '%s\n' ------ "Primary job" ------ 5 '' | without_mpirun)"
finish
