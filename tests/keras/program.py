"""The program under test, called as a user calls it: files in, files out."""

import os
import subprocess

import h5py

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Refused(Exception):
    """The program ended with another status than 0; its message."""


class Program:
    def __init__(self, path, directory):
        self.path = path
        self.directory = directory
        self.runs = 0

    def call(self, *arguments, ranks=1):
        command = [self.path, *arguments]
        if ranks > 1:
            command = [os.path.join(TESTS, "mpirun"), str(ranks), *command]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True, timeout=120
        )
        if done.returncode != 0:
            messages = [m for m in done.stderr.splitlines() if m.startswith("lockstep:") and "warning:" not in m]
            message = messages[0] if messages else done.stderr[-500:]
            raise Refused(f"{' '.join(arguments)}: status {done.returncode}: {message}")

    def write_data(self, columns):
        with h5py.File(os.path.join(self.directory, "data.h5"), "w") as f:
            for name, values in columns.items():
                f[f"all/{name}"] = values

    def predict(self, model):
        """Predictions by the name of the output."""
        self.call("predict", model, "--data", "data.h5:all", "-o", "predicted.h5", "--quiet")
        with h5py.File(os.path.join(self.directory, "predicted.h5")) as f:
            return {name: values[()] for name, values in f["predictions"].items()}

    def train(self, model, steps, batch, ranks=1):
        """Trains from a model's file with its own compile, a step an epoch; the run directory."""
        self.runs += 1
        name = f"run{self.runs}"
        with open(os.path.join(self.directory, f"{name}.yaml"), "w") as f:
            f.write(
                f"model: {model}\ndata: {{train: data.h5:all}}\n"
                f"fit: {{batch_size: {batch}, epochs: {steps}, shuffle: false}}\n"
            )
        self.call("train", f"{name}.yaml", "--quiet", ranks=ranks)
        return name

    def resume(self, run, steps):
        self.call("train", run, "--resume", "--epochs", str(steps), "--quiet")

    def export(self, model, out):
        self.call("export", model, "-o", out, "--quiet")

    def weights(self, run):
        """Arrays of a run's newest checkpoint, by layer: [(name, [array])]."""
        return file_weights(os.path.join(self.directory, run, "model.h5"))

    def history(self, run):
        with h5py.File(os.path.join(self.directory, run, "history.h5")) as f:
            return {name: values[()] for name, values in f["epoch"].items()}


def file_weights(path):
    with h5py.File(path) as f:
        group = f["model_weights"]
        layers = [text(n) for n in listed(group, "layer_names")]
        return [(n, [group[n][text(w)][()] for w in listed(group[n], "weight_names")]) for n in layers]


def listed(group, name):
    """An attribute, or its pieces one behind the other."""
    if name in group.attrs:
        return list(group.attrs[name])
    pieces, n = [], 0
    while f"{name}{n}" in group.attrs:
        pieces += list(group.attrs[f"{name}{n}"])
        n += 1
    return pieces


def text(value):
    return value.decode() if isinstance(value, bytes) else value
