"""The numbers of tests/unit/train_outputs.c: two outputs with their own losses, weights, metrics and
sample weights, in Keras. `python two_outputs.py` prints them as they stand there. On torch: on
TensorFlow Keras gives the means of the batches' losses to each OUTPUT_loss as if the short last batch
were as large as the others (its size is not known in the graph), but not to the loss."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np


def numbers(count, step, size, scale):
    """The same whole numbers over a power of 2 as in the C test."""
    return (((np.arange(count) * step) % size - size // 2) / scale).astype("float32")


def model():
    x = keras.Input((3,), name="x")
    hidden = keras.layers.Dense(4, activation="tanh", name="hidden")(x)
    price = keras.layers.Dense(2, name="price")(hidden)
    kind = keras.layers.Dense(4, activation="softmax", name="kind")(hidden)
    made = keras.Model(x, [price, kind])
    for place, (name, inputs, outputs) in enumerate([("hidden", 3, 4), ("price", 4, 2), ("kind", 4, 4)]):
        kernel = numbers(inputs * outputs, 7, 11, 8).reshape(inputs, outputs)
        made.get_layer(name).set_weights([kernel, numbers(outputs, 3 + place, 5, 4)])
    return made


SAMPLES = 12
x = numbers(SAMPLES * 3, 5, 13, 8).reshape(SAMPLES, 3)
targets = [numbers(SAMPLES * 2, 3, 7, 4).reshape(SAMPLES, 2), (np.arange(SAMPLES) % 4).astype("float32")]
common = (np.arange(SAMPLES) % 4 + 1).astype("float32") / 2
own = (np.arange(SAMPLES) % 5).astype("float32") / 2

made = model()
made.compile(
    optimizer=keras.optimizers.SGD(0.25, momentum=0.5),
    loss={"price": "mse", "kind": "sparse_categorical_crossentropy"},
    loss_weights={"price": 2.0, "kind": 0.5},
    metrics={"price": "mae", "kind": ["accuracy"]},
    weighted_metrics={"price": ["mae", "mse"], "kind": "accuracy"},
)
history = made.fit(
    x, targets, sample_weight=[common, own], batch_size=5, epochs=2, shuffle=False, verbose=0
).history
evaluated = made.evaluate(x, targets, sample_weight=[common, own], batch_size=12, verbose=0, return_dict=True)
ORDER = ["loss", "price_loss", "kind_loss", "price_mae", "kind_accuracy"]
ORDER += ["price_weighted_mae", "price_mse", "kind_weighted_accuracy"]
assert sorted(ORDER) == sorted(history) == sorted(evaluated), (history, evaluated)
for name in ORDER:
    print('{"%s", {%.9g, %.9g}, %.9g},' % (name, *history[name], evaluated[name]))
print("kernel of hidden:", ", ".join("%.9g" % v for v in made.get_layer("hidden").get_weights()[0].flat))
