"""Makes all_losses.h5, all_losses.keras and all_losses_ref.h5 where it is called: a model with an
output for every loss, compiled with options that its config keeps, and metrics that are means of
losses. all_losses_ref.h5 has the samples (/train/x, /train/OUTPUT, /train/sample_weight), what
evaluate gives (attributes of /evaluate) and the weights after 3 steps (/after/0, ...).

    python all_losses.py    (Keras 3.15.1, TensorFlow 2.21, h5py)
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import h5py
import keras
import numpy as np
from keras import layers, losses, metrics

SAMPLES, CLASSES, STEPS = 12, 4, 3
random = np.random.default_rng(11)
keras.utils.set_random_seed(11)


def numbers(low, high):
    return random.uniform(low, high, (SAMPLES, CLASSES)).astype("float32")


def one_hot():
    return np.eye(CLASSES, dtype="float32")[random.integers(0, CLASSES, SAMPLES)]


def bits():
    return (numbers(0, 1) > 0.5).astype("float32")


def classes(*shape):
    return random.integers(0, CLASSES, (SAMPLES, *shape)).astype("float32")


# name: activation, loss, metric, targets
OUTPUTS = {
    "mape": (None, "mean_absolute_percentage_error", "mape", numbers(1, 2)),
    "msle": ("softplus", losses.MeanSquaredLogarithmicError(reduction="sum"), "msle", numbers(0, 3)),
    "cosine": (None, losses.CosineSimilarity(), metrics.CosineSimilarity(), numbers(-1, 1)),
    "poisson": ("softplus", "poisson", metrics.Poisson(), numbers(0, 3)),
    "kld": ("softmax", losses.KLDivergence(reduction="mean_with_sample_weight"),
            metrics.KLDivergence(name="kld"), one_hot()),
    "hinge": ("tanh", "hinge", "hinge", bits()),
    "squared": ("tanh", losses.SquaredHinge(), metrics.SquaredHinge(), 2 * bits() - 1),
    "margin": (None, losses.CategoricalHinge(), "categorical_hinge", one_hot()),
    "focal": ("sigmoid", losses.BinaryFocalCrossentropy(apply_class_balancing=True, gamma=1.5),
              "binary_crossentropy", bits()),
    "focal_logits": (None, losses.BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1),
                     metrics.BinaryCrossentropy(from_logits=True, label_smoothing=0.1), bits()),
    "focals": ("softmax", losses.CategoricalFocalCrossentropy(alpha=[0.1, 0.2, 0.3, 0.4]),
               metrics.CategoricalCrossentropy(label_smoothing=0.2), one_hot()),
    "focals_logits": (None, losses.CategoricalFocalCrossentropy(from_logits=True, gamma=1.0),
                      metrics.CategoricalCrossentropy(from_logits=True), one_hot()),
    "ignored": ("softmax", losses.SparseCategoricalCrossentropy(ignore_class=-1),
                metrics.SparseCategoricalCrossentropy(ignore_class=-1),
                np.array([0, 1, -1, 2, 3, -1, -1, 0, 2, 3, 1, -1], "float32")),
    "ignored_steps": (None, losses.SparseCategoricalCrossentropy(ignore_class=2, from_logits=True),
                      metrics.SparseCategoricalCrossentropy(from_logits=True), classes(STEPS)),
    # Logits so large that probabilities are 0 and 1: Keras takes the logits of the activation.
    "sure": ("sigmoid", "binary_crossentropy", metrics.BinaryCrossentropy(), bits()),
    "sure_class": ("softmax", "categorical_crossentropy", "categorical_crossentropy", one_hot()),
    # from_logits where there are none: Keras takes the logits all the same, or applies sigmoid again.
    "mistaken": ("softmax", losses.CategoricalCrossentropy(from_logits=True),
                 metrics.CategoricalCrossentropy(from_logits=True), one_hot()),
    "twice": ("sigmoid", losses.BinaryFocalCrossentropy(from_logits=True),
              metrics.BinaryCrossentropy(from_logits=True), bits()),
    "logcosh": (None, losses.LogCosh(reduction="mean"), metrics.LogCoshError(), numbers(-2, 2)),
    "root": (None, "mean_squared_error", metrics.RootMeanSquaredError(), numbers(-2, 2)),
}

inputs = layers.Input((6,), name="x")
outputs = []
for name, (activation, *_) in OUTPUTS.items():
    if name == "ignored_steps":
        hidden = layers.Dense(STEPS * CLASSES, name="steps")(inputs)
        hidden = layers.Reshape((STEPS, CLASSES), name="shaped")(hidden)
        outputs.append(layers.Activation("linear", name=name)(hidden))
    else:
        outputs.append(layers.Dense(CLASSES, activation, name=name)(inputs))
model = keras.Model(inputs, outputs, name="all_losses")
model.set_weights([w + random.normal(scale=0.3, size=w.shape) * (w.ndim == 1)
                   for w in model.get_weights()])
for name in ("sure", "sure_class"):
    kernel, bias = model.get_layer(name).get_weights()
    model.get_layer(name).set_weights([20 * kernel, 20 * bias])
model.compile(optimizer=keras.optimizers.SGD(0.02),
              loss=[loss for _, loss, _, _ in OUTPUTS.values()],
              metrics=[[metric] for _, _, metric, _ in OUTPUTS.values()])

x = random.normal(size=(SAMPLES, 6)).astype("float32")
y = [target for *_, target in OUTPUTS.values()]
weight = random.uniform(0.2, 2, SAMPLES).astype("float32")
# Keras takes weights of steps by sample with an axis of 1.
weights = [weight[:, None] if t.ndim == 2 and n == "ignored_steps" else weight
           for n, t in zip(OUTPUTS, y)]
model.evaluate(x, y, sample_weight=weights, batch_size=SAMPLES, verbose=0)
model.save("all_losses.keras")  # first: saving the other takes the optimizer out of the config
model.save("all_losses.h5")
with h5py.File("all_losses_ref.h5", "w") as file:
    file["train/x"] = x
    file["train/sample_weight"] = weight
    for name, target in zip(OUTPUTS, y):
        file["train/" + name] = target
    results = model.evaluate(x, y, sample_weight=weights, batch_size=SAMPLES, verbose=0,
                             return_dict=True)
    print(results)
    group = file.create_group("evaluate")
    for name, value in results.items():
        group.attrs[name] = np.float32(value)
    for _ in range(3):
        model.train_on_batch(x, y, sample_weight=weights)
    for i, value in enumerate(model.get_weights()):
        file[f"after/{i}"] = value
again = keras.models.load_model("all_losses.h5")
other = again.evaluate(x, y, sample_weight=weights, batch_size=SAMPLES, verbose=0, return_dict=True)
print({k: (v, other.get(k)) for k, v in results.items() if other.get(k) != v})
