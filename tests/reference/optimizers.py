#!/usr/bin/env python3
"""Makes optimizers_ref.h5 where it is called: the weights of a small model through ten steps of each of
Keras' optimizers, with gradients that are given."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
from keras import layers
from optimizer_cases import CASES

STEPS = 10
def make_model():
    return keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(5, name="wide"),
            layers.Dense(2, use_bias=False, name="tall"),
            layers.Dense(3, use_bias=False, name="My_Embedding"),
        ],
        name="trained",
    )


def flat(arrays):
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(a)) for a in arrays])


def main():
    rng = np.random.default_rng(3)
    shapes = [tuple(v.shape) for v in make_model().trainable_variables]
    start = [rng.normal(size=s).astype("f4") for s in shapes]
    gradients = [[rng.normal(size=s).astype("f4") for s in shapes] for _ in range(STEPS)]

    with h5py.File("optimizers_ref.h5", "w", libver=("v108", "v108")) as f:
        f["start"] = flat(start)
        f["gradient"] = np.stack([flat(g) for g in gradients])
        for name, optimizer in CASES.items():
            model = make_model()
            model.set_weights(start)
            weights = []
            for g in gradients:
                optimizer.apply([keras.ops.convert_to_tensor(a) for a in g], model.trainable_variables)
                weights.append(flat(model.trainable_variables))
            f[f"{name}/weights"] = np.stack(weights)
            state = [v for v in optimizer.variables if v.path.split("/")[-1] not in ("iteration", "learning_rate")]
            f[f"{name}/state"] = flat(state) if state else np.zeros(1, "f4")
            f[f"{name}"].attrs["config"] = json.dumps(keras.saving.serialize_keras_object(optimizer))
            f[f"{name}"].attrs["state_names"] = np.array([v.path for v in state], h5py.string_dtype())
            if optimizer.use_ema:
                optimizer.finalize_variable_values(model.trainable_variables)
                f[f"{name}/final"] = flat(model.trainable_variables)


if __name__ == "__main__":
    main()
