#!/usr/bin/env python3
"""Makes class_weight_ref.h5 where it is called: fits of Keras' with class_weight, and with sample weights that are the
products of both."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np

SAMPLES, CLASSES = 12, 3
WEIGHTS = {0: 0.5, 2: 3.0}


def fit(f, name, columns, loss, metric, x, y, **weights):
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dense(columns, activation="softmax" if columns > 1 else "sigmoid")]
    )
    model.compile(keras.optimizers.SGD(0.5), loss=loss, weighted_metrics=[metric])
    kernel, bias = model.get_weights()
    f[f"{name}/kernel"], f[f"{name}/bias"] = kernel, bias
    history = model.fit(x, y, batch_size=5, epochs=3, shuffle=False, verbose=0, **weights).history
    f[f"{name}/y"] = y
    f[f"{name}/kernel_after"], f[f"{name}/bias_after"] = model.get_weights()
    f[f"{name}/loss"] = np.array(history["loss"])
    f[f"{name}/metric"] = np.array(next(v for k, v in history.items() if k != "loss"))


def main():
    numbers = np.random.default_rng(9)
    x = numbers.normal(size=(SAMPLES, 2)).astype("f4")
    classes = numbers.integers(0, CLASSES, SAMPLES)
    sample_weight = numbers.uniform(0.5, 2, SAMPLES).astype("f4")
    one_hot = np.eye(CLASSES, dtype="f4")[classes]
    binary = (classes > 0).astype("f4")
    both = sample_weight * np.array([WEIGHTS.get(c, 1.0) for c in classes], "f4")
    with h5py.File("class_weight_ref.h5", "w", libver=("v108", "v108")) as f:
        f["x"], f["sample_weight"] = x, sample_weight
        sparse = "sparse_categorical_crossentropy", "sparse_categorical_accuracy"
        fit(f, "integers", CLASSES, *sparse, x, classes.astype("f4"), class_weight=WEIGHTS)
        fit(f, "one_hot", CLASSES, "categorical_crossentropy", "mse", x, one_hot, class_weight=WEIGHTS)
        fit(f, "binary", 1, "binary_crossentropy", "mae", x, binary[:, None], class_weight={0: 2.0, 1: 0.25})
        fit(f, "both", CLASSES, *sparse, x, classes.astype("f4"), sample_weight=both)
        counts = np.bincount(classes)
        balanced = {c: SAMPLES / (np.count_nonzero(counts) * n) for c, n in enumerate(counts)}
        fit(f, "balanced", CLASSES, *sparse, x, classes.astype("f4"), class_weight=balanced)


if __name__ == "__main__":
    main()
