#!/usr/bin/env python3
"""Makes constraints_ref.h5 where it is called: weights before and after each of Keras' constraints."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
from keras import constraints as c

CASES = {
    "max_norm": (c.MaxNorm(), (5, 4)),
    "max_norm_rows": (c.MaxNorm(0.5, axis=1), (5, 4)),
    "max_norm_bias": (c.MaxNorm(0.75), (7,)),
    "max_norm_filters": (c.MaxNorm(1.5, axis=[0, 1, 2]), (3, 2, 4, 5)),
    "max_norm_middle": (c.MaxNorm(1, axis=[1, 2]), (3, 2, 4, 5)),
    "max_norm_ends": (c.MaxNorm(1, axis=[0, -1]), (3, 2, 4, 5)),
    "max_norm_every_other": (c.MaxNorm(1, axis=[1, 3]), (3, 2, 4, 5)),
    "max_norm_all": (c.MaxNorm(1, axis=None), (3, 4)),
    "non_neg": (c.NonNeg(), (5, 4)),
    "unit_norm": (c.UnitNorm(), (5, 4)),
    "unit_norm_last": (c.UnitNorm(axis=-1), (3, 5, 4)),
    "min_max_norm": (c.MinMaxNorm(), (5, 4)),
    "min_max_norm_options": (c.MinMaxNorm(0.5, 1.25, rate=0.25, axis=1), (6, 2)),
    "min_max_norm_up": (c.MinMaxNorm(3.0, 4.0, rate=1.0, axis=[0, 1]), (3, 2, 4)),
}


def main():
    numbers = np.random.default_rng(8)
    with h5py.File("constraints_ref.h5", "w", libver=("v108", "v108")) as f:
        for name, (constraint, shape) in CASES.items():
            before = numbers.normal(size=shape).astype("f4")
            before[0] = 0  # vectors of norm 0, and zeros in others
            f[f"{name}/before"] = before
            f[f"{name}/after"] = keras.ops.convert_to_numpy(constraint(keras.ops.convert_to_tensor(before)))
            f[name].attrs["config"] = json.dumps(c.serialize(constraint))


if __name__ == "__main__":
    main()
