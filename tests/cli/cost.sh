#!/usr/bin/env bash
# lockstep check --ranks N --net RATE,LATENCY: what a run would take on other ranks.
. "$(dirname "$0")/common.bash"

lockstep import random --input 784 --target classes:10 --samples 256 -o data.h5 --quiet
cat >run.yaml <<'E'
model:
  input: {shape: [784]}
  layers:
    - Dense: {units: 128, activation: relu}
    - Dense: {units: 10}
compile: {optimizer: adam, loss: {SparseCategoricalCrossentropy: {from_logits: true}}}
data: {train: "data.h5:train"}
fit: {batch_size: 64}
E

# What is measured changes from run to run; what follows from it does not: a link of 1 Mbit/s needs for 407,080
# bytes times 7/8, there and back, 5.7 s; and a batch of 64 is 16 samples a replica on 4 ranks.
row() { # RANKS COMBINE-LEAST COMBINE-MOST: the row of so many ranks
    awk -v r="$1" -v least="$2" -v most="$3" 'NF > 8 && $2 == r { found = $6 > least && $6 < most }
        END { exit !found }' out || fail "expected a combine of $2 to $3 ms on $1 ranks"
}
run lockstep check run.yaml --ranks 4 --net 1Mbit,1ms
status 0
silent
prints_like 'links as given: 0.001 Gbit/s each way, latency 1e\+03 us, 200 us of a'
prints_like 'measured here, 64 samples a replica'
prints_like 'measured here, 16 samples a replica'
prints_like ' 8 +8 +512 .* 14 .*%$'
row 8 5690 6500
row 4 4880 5500
prints_like '^warning .*of a step on 4 ranks (9.|100)% would be waiting'
absent run

# A fixed number of replicas is dealt over the ranks; several ranks a node send nothing among themselves.
run lockstep check run.yaml --replicas 6 --ranks 3 --net 1Tbit,1ns --ranks-per-node 8 --json
status 0
prints_like '"text": "the run as it is, with 6 replicas:"'
prints_like ' 3 +1 +66 .* 0 '
prints_like '"predicted_efficiency": 0\.'

# Between nodes that are there the links are measured; on one there are none.
run ranks 2 check run.yaml --ranks 8
status 64
says "--ranks: there is one node here, so say what the links between nodes are, as in --net 25Gbit,5us"
wrong="give its bandwidth and latency, as in 25Gbit,5us, or the overhead of a message too, as in 25Gbit,5us,1us"
for net in 25Gbit 25Gbit,5 5us,25Gbit "25Gbit,5us,"; do
    run lockstep check run.yaml --net "$net"
    status 64
    says "'$net' is no network: $wrong"
    prints_no .
done
run lockstep check run.yaml --replicas 4 --ranks 8 --net 25Gbit,5us
status 64
says "--ranks 8: the run has 4 replicas, and no more ranks can train it; choose their number with --replicas"
run lockstep check run.yaml --ranks 100 --net 25Gbit,5us
status 0
prints_like '^warning .*a batch of 64 is less than a sample for each of 100 replicas'

finish
