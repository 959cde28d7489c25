"""Milliseconds a step of PyTorch on 784-128-10: the best of several rounds, data in memory, one thread a rank.

    mpirun -n N python peer_torch.py mpi BATCH     one flat MPI allreduce a step (mpi4py), as written by hand
    python peer_torch.py ddp BATCH N               DistributedDataParallel over gloo, N processes
BATCH is the samples a rank. Prints the milliseconds alone.
"""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

BATCHES, ROUNDS, SECONDS = 64, 4, 1.0


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))


def best_round(step, agree):
    """agree(n) makes all ranks take the same number of steps."""
    for i in range(20):
        step(i)
    start = time.perf_counter()
    for i in range(20):
        step(i)
    steps = agree(max(20, int(SECONDS / ((time.perf_counter() - start) / 20))))
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for i in range(steps):
            step(i)
        best = min(best, (time.perf_counter() - start) / steps)
    return best * 1e3


def stepper(model, batch, combine):
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss = nn.CrossEntropyLoss()
    x = torch.rand(BATCHES * batch, 28, 28)
    y = torch.randint(0, 10, (BATCHES * batch,))

    def step(i):
        first = i % BATCHES * batch
        combine.before(optimizer)
        loss(model(x[first:first + batch]), y[first:first + batch]).backward()
        combine.after()
        optimizer.step()
    return step


class Flat:
    """All gradients are views of one array, which one allreduce sums."""

    def __init__(self, model, comm):
        parameters = list(model.parameters())
        self.comm = comm
        self.flat = torch.zeros(sum(p.numel() for p in parameters))
        offset = 0
        for p in parameters:
            p.grad = self.flat[offset:offset + p.numel()].view_as(p)
            offset += p.numel()

    def before(self, optimizer):
        self.flat.zero_()

    def after(self):
        from mpi4py import MPI
        if self.comm.size > 1:
            self.comm.Allreduce(MPI.IN_PLACE, self.flat.numpy())
            self.flat.div_(self.comm.size)


class Wrapped:
    """DistributedDataParallel combines in backward."""

    def before(self, optimizer):
        optimizer.zero_grad(set_to_none=True)

    def after(self):
        pass


def run_mpi(batch):
    from mpi4py import MPI
    comm = MPI.COMM_WORLD
    torch.set_num_threads(1)
    model = network()
    best = best_round(stepper(model, batch, Flat(model, comm)), comm.bcast)
    if comm.rank == 0:
        print(f"{best:.4f}")


def run_ddp(rank, size, batch):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    os.sched_setaffinity(0, {rank % os.cpu_count()})
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)

    def agree(steps):
        count = torch.tensor([steps])
        dist.broadcast(count, 0)
        return int(count)
    model = nn.parallel.DistributedDataParallel(network())
    best = best_round(stepper(model, batch, Wrapped()), agree)
    if rank == 0:
        print(f"{best:.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1] == "mpi":
        run_mpi(int(sys.argv[2]))
    else:
        mp.spawn(run_ddp, (int(sys.argv[3]), int(sys.argv[2])), int(sys.argv[3]))
