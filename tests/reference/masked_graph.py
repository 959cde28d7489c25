"""Makes masked_graph.h5 and masked_graph_ref.h5 where it is called: masks of an Embedding and a Masking on all
their ways through a Functional model, joined, ended, and at an output; Keras writes what computes them as layers."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
from keras import layers

SAMPLES, STEPS, TOKENS = 6, 5, 7

keras.utils.set_random_seed(5)
words = keras.Input((STEPS,), name="words")
numbers = keras.Input((STEPS, 4), name="numbers")
left = layers.Embedding(TOKENS, 4, mask_zero=True, name="embedding")(words)
left = layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both")(left)
right = layers.Masking(-1.0, name="masking")(numbers)
right, *states = layers.LSTM(4, return_sequences=True, return_state=True, name="encode")(right)
sum_ = layers.BatchNormalization(momentum=0.5, name="norm")(layers.Add(name="sum")([left, right]))
seen = layers.MultiHeadAttention(2, 2, name="attention")(sum_, left)
behind = layers.Concatenate(axis=1, name="behind")([seen, right])
tags = layers.TimeDistributed(layers.Dense(3, activation="softmax"), name="tags")(behind)
decoded = layers.LSTM(4, return_sequences=True, name="decode")(sum_, initial_state=states)
value = layers.Dense(1, name="value")(layers.GlobalAveragePooling1D(name="mean")(decoded))
model = keras.Model([words, numbers], [tags, value], name="masked_graph")

rng = np.random.default_rng(7)
x = [rng.integers(1, TOKENS, (SAMPLES, STEPS)).astype("f4"), rng.normal(size=(SAMPLES, STEPS, 4)).astype("f4")]
for row in range(SAMPLES):
    x[0][row, rng.integers(1, STEPS + 1) :] = 0
x[1][rng.random((SAMPLES, STEPS)) < 0.4] = -1
y = [np.eye(3, dtype="f4")[rng.integers(0, 3, (SAMPLES, 2 * STEPS))], rng.normal(size=(SAMPLES, 1)).astype("f4")]
start = [w + rng.normal(scale=0.2, size=w.shape) * (w.ndim == 1) for w in model.get_weights()]
start = [np.abs(w) if v.name == "moving_variance" else w for v, w in zip(model.weights, start)]


def compiled(optimizer):
    model.compile(optimizer=optimizer, loss=["categorical_crossentropy", "mse"], run_eagerly=True)
    model.set_weights(start)


def weights():
    """Layer by layer, as files have them."""
    listed = [layer.trainable_weights + layer.non_trainable_weights for layer in model.layers]
    return [keras.ops.convert_to_numpy(w) for ws in listed for w in ws if "seed_generator" not in w.path]


with h5py.File("masked_graph_ref.h5", "w") as f:
    compiled(keras.optimizers.SGD(1.0))
    before = [keras.ops.convert_to_numpy(w) for w in model.trainable_weights]
    model.train_on_batch(x, y)
    for i, w in enumerate(model.trainable_weights):
        f[f"grad/{i}"] = before[i] - keras.ops.convert_to_numpy(w)
    compiled(keras.optimizers.SGD(0.1, momentum=0.9))
    model.save("masked_graph.h5")
    for tensor, values in zip(model.inputs, x):
        f[f"x/{tensor.name}"] = values
    for name, values, predicted in zip(["tags", "value"], y, model.predict(x, verbose=0)):
        f[f"y/{name}"], f[f"pred/{name}"] = values, predicted
    losses = []
    for step in range(6):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x, y, return_dict=True)["loss"]))
        if step in (0, 4):
            for i, w in enumerate(weights()):
                f[f"w{step + 1}/{i}"] = w
    f["loss"] = losses
