#!/usr/bin/env python3
"""Makes schedules_ref.h5 where it is called: the learning rate of each of Keras' schedules at many steps."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
from keras.optimizers import schedules as s

STEPS = list(range(200)) + [999, 1000, 1001, 12345, 99999, 100000, 100001, 1000000, 16777217, 123456789]
CASES = {
    "exponential": s.ExponentialDecay(0.1, 100, 0.96),
    "exponential_staircase": s.ExponentialDecay(0.02, 7, 0.5, staircase=True, name="mine"),
    "exponential_rising": s.ExponentialDecay(1e-4, 30000000, 1.5),
    "exponential_zero": s.ExponentialDecay(0.1, 10, 0.0),
    "inverse_time": s.InverseTimeDecay(0.1, 100, 0.5),
    "inverse_time_staircase": s.InverseTimeDecay(0.03, 9.5, 2.0, staircase=True),
    "polynomial": s.PolynomialDecay(0.1, 150),
    "polynomial_root": s.PolynomialDecay(0.1, 1000, end_learning_rate=0.01, power=0.5),
    "polynomial_square": s.PolynomialDecay(0.1, 100000, end_learning_rate=0.0, power=2.0),
    "polynomial_cycle": s.PolynomialDecay(0.1, 25, end_learning_rate=0.001, power=1.5, cycle=True),
    "polynomial_flat": s.PolynomialDecay(0.1, 25, power=0.0),
    "cosine": s.CosineDecay(0.1, 180),
    "cosine_alpha": s.CosineDecay(0.1, 1000, alpha=0.05),
    "cosine_warmup": s.CosineDecay(0.001, 100, warmup_target=0.1, warmup_steps=20),
    "cosine_warmup_alpha": s.CosineDecay(0.0, 100000.5, alpha=0.3, warmup_target=0.2, warmup_steps=1000),
    "cosine_no_warmup_steps": s.CosineDecay(0.5, 50, warmup_target=0.1),
    "restarts": s.CosineDecayRestarts(0.1, 10),
    "restarts_even": s.CosineDecayRestarts(0.1, 30, t_mul=1.0, m_mul=0.5, alpha=0.1),
    "restarts_options": s.CosineDecayRestarts(0.1, 15, t_mul=1.5, m_mul=0.9, alpha=0.01),
    "piecewise": s.PiecewiseConstantDecay([10, 50, 100000], [0.1, 0.05, 0.01, 0.001]),
    "piecewise_two": s.PiecewiseConstantDecay([99], [1.0, 0.5], name="mine"),
}


def main():
    with h5py.File("schedules_ref.h5", "w", libver=("v108", "v108")) as f:
        f["step"] = np.array(STEPS, "i8")
        for name, schedule in CASES.items():
            rates = [keras.ops.convert_to_numpy(schedule(keras.ops.convert_to_tensor(t, "int64"))) for t in STEPS]
            f[f"{name}/rate"] = np.array(rates, "f4")
            f[name].attrs["config"] = json.dumps(s.serialize(schedule))


if __name__ == "__main__":
    main()
