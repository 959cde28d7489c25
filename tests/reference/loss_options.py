"""Makes loss_options_ref.h5 and mean_metrics_ref.h5: losses and metrics with other options than
their defaults, and at their edges (zeros, kinks, ties, clipped numbers). As losses_ref.h5 and
metrics_ref.h5 are laid out; `config` also has the options that Keras leaves out of its own.

    python loss_options.py    (Keras 3.15.1, TensorFlow 2.21, h5py)
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import h5py
import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(6)
ROWS, COLUMNS = 8, 4


def uniform(low, high, shape=(ROWS, COLUMNS)):
    return rng.uniform(low, high, shape).astype("float32")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return (e / e.sum(-1, keepdims=True)).astype("float32")


def one_hot(n=ROWS, columns=COLUMNS):
    return np.eye(columns, dtype="float32")[np.arange(n) % columns]


def classes(values):
    return np.array(values, "float32")


bits = (uniform(0, 1) > 0.5).astype("float32")
probabilities = softmax(uniform(-2, 2))
# What is clipped: 0 and 1, and what is near them.
sharp = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1 - 1e-6, 1e-6, 0, 0], [5e-8, 1 - 5e-8, 0, 0],
                  [0.25, 0.25, 0.25, 0.25], [0, 0, 0.5, 0.5], [1e-3, 0.999, 0, 0],
                  [0.1, 0.2, 0.3, 0.4]], "float32")
zeros = np.zeros((ROWS, COLUMNS), "float32")
# Margins that are met exactly, and ties.
margins = np.array([[1, -1, 1, -1], [0, 0, 0, 0], [2, -2, 0.5, -0.5], [-1, 1, -1, 1],
                    [1, 1, 1, 1], [0.5, 0.5, -0.5, -0.5], [3, 3, 2, 2], [-1, -1, -2, -2]],
                   "float32")

LOSSES = {
    "binary_focal_gamma": ("BinaryFocalCrossentropy", {"gamma": 3.5}, bits, uniform(0.05, 0.95)),
    "binary_focal_gamma_1": ("BinaryFocalCrossentropy", {"gamma": 1.0}, bits, uniform(0.05, 0.95)),
    "binary_focal_balanced": ("BinaryFocalCrossentropy",
                              {"apply_class_balancing": True, "alpha": 0.3}, bits,
                              uniform(0.05, 0.95)),
    "binary_focal_smooth": ("BinaryFocalCrossentropy",
                            {"label_smoothing": 0.2, "apply_class_balancing": True}, bits,
                            uniform(0.05, 0.95)),
    "binary_focal_logits": ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.5}, bits,
                            uniform(-4, 4)),
    "binary_focal_logits_large": ("BinaryFocalCrossentropy",
                                  {"from_logits": True, "apply_class_balancing": True}, bits,
                                  uniform(-40, 40)),
    "binary_focal_sharp": ("BinaryFocalCrossentropy", {}, one_hot(), sharp),
    "categorical_focal_options": ("CategoricalFocalCrossentropy", {"alpha": 0.5, "gamma": 1.5},
                                  one_hot(), probabilities),
    "categorical_focal_alphas": ("CategoricalFocalCrossentropy",
                                 {"alpha": [0.1, 0.2, 0.3, 0.4]}, one_hot(), probabilities),
    "categorical_focal_smooth": ("CategoricalFocalCrossentropy", {"label_smoothing": 0.1},
                                 one_hot(), probabilities),
    "categorical_focal_logits": ("CategoricalFocalCrossentropy",
                                 {"from_logits": True, "label_smoothing": 0.2}, one_hot(),
                                 uniform(-3, 3)),
    "categorical_focal_logits_large": ("CategoricalFocalCrossentropy", {"from_logits": True},
                                       one_hot(), uniform(-30, 30)),
    "categorical_focal_unnormalised": ("CategoricalFocalCrossentropy", {"gamma": 0.0}, one_hot(),
                                       uniform(0.1, 1)),
    "categorical_focal_sharp": ("CategoricalFocalCrossentropy", {}, one_hot(), sharp),
    "cosine_zero_target": ("CosineSimilarity", {"axis": -1}, zeros, uniform(-1, 1)),
    "cosine_small": ("CosineSimilarity", {"axis": -1}, uniform(-1, 1), uniform(-1e-9, 1e-9)),
    "dtype_and_mean": ("MeanSquaredError", {"reduction": "mean"}, uniform(-1, 1), uniform(-1, 1)),
    "generalized": ("CategoricalGeneralizedCrossEntropy", {},
                    classes([0, 1, 2, 3, 0, 1, 2, 3]), probabilities),
    "generalized_q": ("CategoricalGeneralizedCrossEntropy", {"q": 0.7},
                      classes([3, 2, 1, 0, 3, 2, 1, 0]), probabilities),
    "hinge_binary": ("Hinge", {}, bits, uniform(-2, 2)),
    "hinge_signs": ("Hinge", {}, 2 * bits - 1, uniform(-2, 2)),
    "hinge_margins": ("Hinge", {}, 2 * bits - 1, margins),
    "squared_hinge_binary": ("SquaredHinge", {}, bits, uniform(-2, 2)),
    "squared_hinge_margins": ("SquaredHinge", {}, 2 * bits - 1, margins),
    "categorical_hinge_ties": ("CategoricalHinge", {}, one_hot(), margins),
    "categorical_hinge_zeros": ("CategoricalHinge", {}, one_hot(), zeros),
    "kl_divergence_sharp": ("KLDivergence", {}, one_hot(), sharp),
    "kl_divergence_large": ("KLDivergence", {}, uniform(-0.5, 2), uniform(-0.5, 2)),
    "mape_zero_targets": ("MeanAbsolutePercentageError", {}, zeros, uniform(-1e-6, 1e-6)),
    "mape_exact": ("MeanAbsolutePercentageError", {}, margins, margins),
    "msle_negative": ("MeanSquaredLogarithmicError", {}, uniform(-1, 3), uniform(-1, 3)),
    "msle_zeros": ("MeanSquaredLogarithmicError", {}, zeros, np.abs(margins)),
    "poisson_zero_targets": ("Poisson", {}, zeros, uniform(0.1, 3)),
    "poisson_small": ("Poisson", {}, uniform(0, 3), uniform(0, 1e-5)),
    "sparse_ignore": ("SparseCategoricalCrossentropy", {"ignore_class": 2},
                      classes([0, 1, 2, 3, 2, 2, 1, 0]), probabilities),
    "sparse_ignore_outside": ("SparseCategoricalCrossentropy",
                              {"ignore_class": -1, "from_logits": True},
                              classes([0, -1, 2, 3, -1, 2, 1, -1]), uniform(-3, 3)),
    "sparse_ignore_all": ("SparseCategoricalCrossentropy", {"ignore_class": 255},
                          classes([255] * ROWS), probabilities),
}

METRICS = {
    "binary_crossentropy": ("BinaryCrossentropy", {}, bits, uniform(0.05, 0.95)),
    "cosine_similarity": ("CosineSimilarity", {}, uniform(-1, 1), uniform(-1, 1)),
    "binary_crossentropy_logits": ("BinaryCrossentropy", {"from_logits": True}, bits,
                                   uniform(-4, 4)),
    "binary_crossentropy_smooth": ("BinaryCrossentropy", {"label_smoothing": 0.2}, bits,
                                   uniform(0.05, 0.95)),
    "categorical_crossentropy": ("CategoricalCrossentropy", {}, one_hot(), probabilities),
    "categorical_crossentropy_options": ("CategoricalCrossentropy",
                                         {"from_logits": True, "label_smoothing": 0.1}, one_hot(),
                                         uniform(-3, 3)),
    "categorical_hinge": ("CategoricalHinge", {}, one_hot(), uniform(-2, 2)),
    "cosine_similarity_zero": ("CosineSimilarity", {"axis": -1}, zeros, uniform(-1, 1)),
    "hinge": ("Hinge", {}, bits, uniform(-2, 2)),
    "kl_divergence": ("KLDivergence", {}, softmax(uniform(-2, 2)), probabilities),
    "logcosh": ("LogCoshError", {}, uniform(-2, 2), uniform(-2, 2)),
    "mean_absolute_percentage_error": ("MeanAbsolutePercentageError", {}, uniform(-2, 2),
                                       uniform(-2, 2)),
    "mean_squared_logarithmic_error": ("MeanSquaredLogarithmicError", {}, uniform(0, 5),
                                       uniform(0, 5)),
    "poisson": ("Poisson", {}, uniform(0, 5), uniform(0.1, 5)),
    "root_mean_squared_error": ("RootMeanSquaredError", {}, uniform(-2, 2), uniform(-2, 2)),
    "sparse_categorical_crossentropy": ("SparseCategoricalCrossentropy", {},
                                        classes([0, 1, 2, 3, 0, 1, 2, 3]), probabilities),
    "sparse_categorical_crossentropy_logits": ("SparseCategoricalCrossentropy",
                                               {"from_logits": True},
                                               classes([3, 1, 2, 3, 0, 1, 2, 0]), uniform(-3, 3)),
    "sparse_ignore": ("SparseCategoricalCrossentropy",
                      {"from_logits": True, "ignore_class": -1, "name": "sparse_ignore"},
                      classes([3, -1, 2, -1, 0, 1, 2, 0]), uniform(-3, 3)),
    "squared_hinge": ("SquaredHinge", {}, bits, uniform(-2, 2)),
}


def start(file, name, made, options, y_true, y_pred):
    group = file.create_group(name)
    config = {**made.get_config(), **options}
    config.pop("fn", None)
    group.attrs["config"] = json.dumps({"class_name": type(made).__name__, "config": config})
    group["y_true"], group["y_pred"] = y_true, y_pred
    group["sample_weight"] = rng.uniform(0, 2, len(y_pred)).astype("float32")
    return group


with h5py.File("loss_options_ref.h5", "w") as file:
    for name, (kind, options, y_true, y_pred) in LOSSES.items():
        loss = getattr(keras.losses, kind)(**options)
        group = start(file, name, loss, options, y_true, y_pred)
        x = tf.Variable(y_pred)
        with tf.GradientTape() as tape:
            value = loss(y_true, x)
        group["grad"] = tape.gradient(value, x).numpy()
        group["value"] = value.numpy()
        group["value_weighted"] = loss(y_true, y_pred, group["sample_weight"][()]).numpy()
        plain = {k: v for k, v in options.items() if k != "reduction"}
        group["per_sample"] = getattr(keras.losses, kind)(reduction=None, **plain)(
            y_true, y_pred).numpy()
        bad = [k for k in ("grad", "value", "per_sample") if not np.isfinite(group[k][()]).all()]
        print(name, float(value), *bad)

with h5py.File("mean_metrics_ref.h5", "w") as file:
    for name, (kind, options, y_true, y_pred) in METRICS.items():
        metric = getattr(keras.metrics, kind)(**{"name": name, **options})
        group = start(file, name, metric, options, y_true, y_pred)
        metric.update_state(y_true, y_pred)
        group["result"] = metric.result().numpy()
        metric.reset_state()
        metric.update_state(y_true, y_pred, group["sample_weight"][()])
        group["result_weighted"] = metric.result().numpy()
        print(name, group["result"][()], json.loads(group.attrs["config"])["config"])
