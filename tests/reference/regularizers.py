#!/usr/bin/env python3
"""Makes regularizers_ref.h5 where it is called: penalties of each of Keras' regularizers on a matrix, and their gradients."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
import tensorflow as tf
from keras import regularizers as r

CASES = {
    "l1": (r.L1(0.02), (5, 4)),
    "l2": (r.L2(0.03), (5, 4)),
    "l1_l2": (r.L1L2(0.02, 0.01), (5, 4)),
    "orthogonal_rows": (r.OrthogonalRegularizer(), (5, 4)),
    "orthogonal_columns": (r.OrthogonalRegularizer(0.5, mode="columns"), (5, 4)),
    "orthogonal_wide": (r.OrthogonalRegularizer(0.25, mode="rows"), (3, 40)),
    "orthogonal_tall": (r.OrthogonalRegularizer(0.25, mode="columns"), (70, 30)),
    "orthogonal_tiny": (r.OrthogonalRegularizer(0.25), (5, 4)),
}


def main():
    numbers = np.random.default_rng(8)
    with h5py.File("regularizers_ref.h5", "w", libver=("v108", "v108")) as f:
        for name, (regularizer, shape) in CASES.items():
            weights = numbers.normal(size=shape).astype("f4")
            if name == "orthogonal_tiny":  # norms that are taken for 1e-7
                weights[0] *= 1e-9
                weights[1] *= 1e-8
            variable = tf.Variable(weights)
            with tf.GradientTape() as tape:
                penalty = regularizer(variable)
            f[f"{name}/weights"] = weights
            f[f"{name}/penalty"] = np.array([penalty.numpy()])
            f[f"{name}/gradient"] = tape.gradient(penalty, variable).numpy()
            f[name].attrs["config"] = json.dumps(r.serialize(regularizer))


if __name__ == "__main__":
    main()
