"""Every optimizer of Keras', with the options of all, and every schedule, with constraints: a model trained by the program is trained on by Keras,
and the other way; a line an optimizer with the largest difference of a weight.

    python optimizers.py PROGRAM"""

import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["KERAS_BACKEND"] = "tensorflow"
import logging

logging.disable(logging.WARNING)
sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))

import keras
import numpy as np
from optimizer_cases import CASES
from program import Program, file_weights
from schedules import CASES as SCHEDULES

STEPS, SAMPLES, TOLERANCE = 3, 9, 1e-6


HELD = {
    "kernel_regularizer": keras.regularizers.OrthogonalRegularizer(0.1),
    "kernel_constraint": keras.constraints.MaxNorm(1, axis=[0, 1]),
    "bias_constraint": keras.constraints.NonNeg(),
}
HELD_TOO = {
    "kernel_regularizer": keras.regularizers.L1L2(0.01, 0.02),
    "kernel_constraint": keras.constraints.MinMaxNorm(0.5, 0.75, rate=0.5, axis=1),
    "bias_constraint": keras.constraints.UnitNorm(),
}


def make_model(optimizer, held):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(5, activation="tanh", name="wide", **(HELD if held else {})),
            layers.Dense(2, activation="tanh", name="tall", **(HELD_TOO if held else {})),
            layers.Dense(3, use_bias=False, name="My_Embedding"),
        ],
        name="trained",
    )
    model.compile(optimizer=type(optimizer).from_config(optimizer.get_config()), loss="mean_squared_error")
    numbers = np.random.default_rng(5)
    for variable in model.weights:
        variable.assign(numbers.uniform(-1, 1, variable.shape))
    return model


def train(model, x, y):
    for _ in range(STEPS):
        model.train_on_batch(x, y)


def finished(model):
    """The weights, as fit leaves them."""
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model.get_weights()


def apart(ours, keras_weights):
    ours = [array for _, arrays in ours for array in arrays]
    return max(float(abs(a - b).max()) for a, b in zip(ours, keras_weights, strict=True))


def check(optimizer, program, x, y, held):
    """Differences: of the program's steps from Keras', of Keras' steps after them, of the program's after Keras'."""
    path = lambda name: os.path.join(program.directory, name)
    model = make_model(optimizer, held)
    model.save(path("start.keras"))
    train(model, x, y)
    model.save(path("theirs.keras"))
    run = program.train("start.keras", STEPS, SAMPLES)
    program.export(run, "ours.keras")
    on = program.weights(program.train("theirs.keras", STEPS, SAMPLES))
    further = program.weights(program.train("ours.keras", STEPS, SAMPLES))
    loaded = keras.models.load_model(path("ours.keras"))
    assert len(loaded.optimizer.variables) == len(model.optimizer.variables)
    train(loaded, x, y)
    train(model, x, y)
    return apart(further, finished(loaded)), apart(on, finished(model))


def main():
    numbers = np.random.default_rng(6)
    x, y = (numbers.normal(size=(SAMPLES, 3)).astype("f4") for _ in range(2))
    failed = 0
    scheduled = {name: keras.optimizers.SGD(schedule, momentum=0.5) for name, schedule in SCHEDULES.items()}
    for name, optimizer in (CASES | scheduled).items():
        with tempfile.TemporaryDirectory(prefix="lockstep-keras-") as directory:
            program = Program(os.path.abspath(sys.argv[1]), directory)
            program.write_data({"x": x, "y": y})
            ours, theirs = check(optimizer, program, x, y, name in scheduled)
        bad = max(ours, theirs) > TOLERANCE
        failed += bad
        print(f"{'FAILED' if bad else 'passed'}  {name:22} Keras after the program {ours:.1e}, the program after Keras {theirs:.1e}", flush=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
