"""Milliseconds a step of PyTorch: the best of several rounds, data in memory, one thread a rank.

    mpirun -n N python peer_torch.py mpi MODEL BATCH     one flat MPI allreduce a step (mpi4py), as written by hand
    python peer_torch.py ddp MODEL BATCH N               DistributedDataParallel over gloo, N processes
MODEL is one of the run files in this folder; BATCH is the samples a rank. Prints the milliseconds alone.
"""
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

BATCHES, ROUNDS, SECONDS = 64, 4, 1.0
WARM, LEAST = 4, 5  # steps


class LastOfLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.dense = nn.Linear(128, 10)

    def forward(self, x):
        return self.dense(self.lstm(x)[0][:, -1])


def convolution(inputs, outputs, size, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(convolution(inputs, outputs, 3, stride), nn.ReLU(),
                                      convolution(outputs, outputs, 3, 1))
        straight = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if straight else convolution(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.residual(x) + self.shortcut(x))


def resnet20():
    blocks = [Block(i, o, s) for i, o, s in ((16, 16, 1), (16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1),
                                             (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1))]
    return nn.Sequential(convolution(3, 16, 3, 1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(64, 10))


def wide():
    layers = [nn.Linear(784, 4096), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Linear(4096, 4096), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(4096, 10))


MODELS = {  # and the shape of a sample
    "mlp": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)),
            (28, 28)),
    "convnet": (lambda: nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
                                      nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10)),
                (1, 28, 28)),
    "resnet20": (resnet20, (3, 32, 32)),
    "lstm": (LastOfLSTM, (28, 28)),
    "wide": (wide, (784,)),
}


def network(name):
    torch.manual_seed(0)
    return MODELS[name][0]()


def best_round(step, agree):
    """agree(n) makes all ranks take the same number of steps."""
    for i in range(WARM):
        step(i)
    start = time.perf_counter()
    for i in range(WARM):
        step(i)
    steps = agree(max(LEAST, int(SECONDS / ((time.perf_counter() - start) / WARM))))
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for i in range(steps):
            step(i)
        best = min(best, (time.perf_counter() - start) / steps)
    return best * 1e3


def stepper(name, model, batch, combine):
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    loss = nn.CrossEntropyLoss()
    x = torch.rand(BATCHES * batch, *MODELS[name][1])
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


def run_mpi(name, batch):
    from mpi4py import MPI
    comm = MPI.COMM_WORLD
    torch.set_num_threads(1)
    model = network(name)
    best = best_round(stepper(name, model, batch, Flat(model, comm)), comm.bcast)
    if comm.rank == 0:
        print(f"{best:.4f}")


def run_ddp(rank, size, name, batch):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29533")
    os.sched_setaffinity(0, {rank % os.cpu_count()})
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=size)

    def agree(steps):
        count = torch.tensor([steps])
        dist.broadcast(count, 0)
        return int(count)
    model = nn.parallel.DistributedDataParallel(network(name))
    best = best_round(stepper(name, model, batch, Wrapped()), agree)
    if rank == 0:
        print(f"{best:.4f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    if sys.argv[1] == "mpi":
        run_mpi(sys.argv[2], int(sys.argv[3]))
    else:
        mp.spawn(run_ddp, (int(sys.argv[4]), sys.argv[2], int(sys.argv[3])), int(sys.argv[4]))
