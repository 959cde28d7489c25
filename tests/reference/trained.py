#!/usr/bin/env python3
"""Writes the trained_*.* files of this directory with Keras 3, or the keras2_*.* files with
tf.keras 2.15, whichever this Python has: python3 trained.py DIRECTORY

Each is a model after 4 steps on all of its 12 samples; NAME_ref.h5 has the samples (/train/x,
/train/y) and, in Keras' order, the weights after 3 steps more (/after/0, ...) and the predictions
of the model as it was saved (/predictions).
"""
import sys

import h5py
import keras
import numpy as np

version = int(keras.__version__.split(".")[0])
directory = sys.argv[1] + "/"
random = np.random.default_rng(7)
x = random.normal(size=(12, 3)).astype("float32")
y = (x @ [[0.5], [-1.0], [2.0]] + 0.1 * random.normal(size=(12, 1))).astype("float32")


def sequential():
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((3,)) if version > 2 else layers.InputLayer((3,)),
            layers.Dense(4, activation="tanh"),
            layers.Dropout(0.0),
            layers.Dense(3, activation="tanh", trainable=False, name="frozen"),
            layers.Dense(1),
        ],
        name="trained",
    )


def nested():
    """Models in a model, one of them called twice, and one in it; two layers of a class in each."""
    layers = keras.layers
    inner_in = layers.Input((4,), name="inner_in")
    inner = layers.Dense(4, activation="tanh", name="first")(inner_in)
    inner = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(4, activation="tanh", trainable=False, name="frozen"),
            layers.Dense(4, name="last"),
        ],
        name="innermost",
    )(inner)
    inner = keras.Model(inner_in, layers.Add(name="sum")([inner, inner_in]), name="inner")
    whole_in = layers.Input((3,), name="whole_in")
    whole = layers.Dense(4, activation="tanh", name="begin")(whole_in)
    whole = inner(inner(whole))
    whole = layers.Dense(1, name="end")(whole)
    return keras.Model(whole_in, whole, name="trained")


def held():
    """Constraints, and a regularizer of whole matrices."""
    layers, constraints = keras.layers, keras.constraints
    return keras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(
                4,
                activation="tanh",
                kernel_constraint=constraints.MaxNorm(1, axis=1),
                bias_constraint=constraints.NonNeg(),
                kernel_regularizer=keras.regularizers.OrthogonalRegularizer(0.1, mode="columns"),
                activity_regularizer=keras.regularizers.L1(0.02),
            ),
            layers.ActivityRegularization(l1=0.05, l2=0.1),
            layers.Dense(
                3,
                activation="tanh",
                kernel_constraint=constraints.MinMaxNorm(0.5, 0.75, rate=0.5),
                kernel_regularizer=keras.regularizers.OrthogonalRegularizer(0.05),
            ),
            layers.Dense(1, kernel_constraint=constraints.UnitNorm()),
        ],
        name="trained",
    )


def heads():
    """Attention with a gate, penalties, and over some of the axes."""
    layers = keras.layers
    start = layers.Input((3,), name="start")
    whole = layers.Reshape((2, 2, 2), name="axes")(layers.Dense(8, activation="tanh", name="begin")(start))
    penalty = keras.regularizers.L1L2(0.01, 0.05)
    gated = layers.MultiHeadAttention(
        2, 3, use_gate=True, attention_axes=[-2], activity_regularizer=penalty, name="gated"
    )
    whole = gated(whole, whole)
    both = layers.MultiHeadAttention(1, 2, use_gate=True, use_bias=False, attention_axes=[2, 1], name="both")
    whole = layers.Flatten(name="flat")(both(whole, whole))
    return keras.Model(start, layers.Dense(1, name="end")(whole), name="trained")


def model_of(optimizer, make):
    model = make()
    model.compile(optimizer=optimizer, loss="mean_squared_error", metrics=["mae"])
    for variable in model.weights:
        variable.assign(random.uniform(-1, 1, variable.shape).astype("float32"))
    return model


def train(model, steps):
    for _ in range(steps):
        model.train_on_batch(x, y)


def write(name, optimizer, endings, make=sequential):
    model = model_of(optimizer, make)
    train(model, 4)
    for ending in endings:
        path = directory + name + ending
        model.save_weights(path) if "weights" in ending else model.save(path)
    with h5py.File(directory + name + "_ref.h5", "w") as ref:
        ref.create_dataset("train/x", data=x)
        ref.create_dataset("train/y", data=y)
        ref.create_dataset("predictions", data=model.predict(x, verbose=0))
        train(model, 3)
        if version > 2:  # as fit does
            model.optimizer.finalize_variable_values(model.trainable_variables)
        for i, weight in enumerate(model.get_weights()):
            ref.create_dataset("after/%d" % i, data=weight)


optimizers = keras.optimizers
if version > 2:
    write("trained_adam", optimizers.Adam(0.05, amsgrad=True), [".keras", ".h5", ".weights.h5"])
    write("trained_sgd", optimizers.SGD(0.05, momentum=0.9, nesterov=True), [".keras", ".h5"])
    write(
        "trained_rmsprop",
        optimizers.RMSprop(0.05, momentum=0.5, centered=True),
        [".keras", ".h5"],
    )
    write("trained_nadam", optimizers.Nadam(0.05), [".keras"])
    write("trained_nested", optimizers.Adam(0.05), [".keras", ".h5", ".weights.h5"], nested)
    write("trained_adafactor", optimizers.Adafactor(0.05), [".keras"])
    write("trained_adamw", optimizers.AdamW(0.05, weight_decay=0.1), [".keras", ".h5"])
    write("trained_adamax", optimizers.Adamax(0.05), [".keras"])
    write("trained_adagrad", optimizers.Adagrad(0.05), [".keras"])
    write("trained_adadelta", optimizers.Adadelta(1.0), [".keras"])
    write("trained_ftrl", optimizers.Ftrl(0.05, l1_regularization_strength=0.1), [".keras", ".h5"])
    write("trained_lion", optimizers.Lion(0.05), [".keras"])
    write("trained_lamb", optimizers.Lamb(0.05), [".keras"])
    write("trained_muon", optimizers.Muon(0.05, exclude_layers=["dense_[0-9]+"]), [".keras", ".h5"])
    write(
        "trained_common",
        optimizers.Nadam(
            0.05,
            weight_decay=0.1,
            global_clipnorm=0.5,
            use_ema=True,
            ema_momentum=0.75,
            ema_overwrite_frequency=2,
            gradient_accumulation_steps=3,
        ),
        [".keras", ".h5"],
    )
    schedules = optimizers.schedules
    warm = schedules.CosineDecay(0.01, 6, alpha=0.1, warmup_target=0.2, warmup_steps=3)
    write("trained_held", optimizers.Adam(warm), [".keras", ".h5"], held)
    write(
        "trained_held_mean",
        optimizers.SGD(
            schedules.PiecewiseConstantDecay([2, 4], [0.5, 0.25, 0.1]),
            momentum=0.5,
            use_ema=True,
            ema_momentum=0.5,
            ema_overwrite_frequency=3,
            gradient_accumulation_steps=2,
        ),
        [".keras", ".h5"],
        held,
    )
    write("trained_heads", optimizers.Adam(0.05), [".keras", ".h5"], heads)
else:
    legacy = optimizers.legacy
    write("keras2_adam", optimizers.Adam(0.05, amsgrad=True), [".h5", "_weights.h5"])
    write("keras2_sgd", optimizers.SGD(0.05, momentum=0.9), [".h5"])
    write("keras2_rmsprop", optimizers.RMSprop(0.05, momentum=0.5, centered=True), [".h5"])
    write("keras2_old_adam", legacy.Adam(0.05, amsgrad=True), [".h5"])
    write("keras2_old_sgd", legacy.SGD(0.05, momentum=0.9), [".h5"])
    write("keras2_old_rmsprop", legacy.RMSprop(0.05, momentum=0.5, centered=True), [".h5"])
