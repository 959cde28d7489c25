"""Random losses, metrics, optimizers and data for the outputs of a random model."""

import keras
import numpy as np
from graphs import unique
from keras import layers


class Output:
    """One output: the layers at its end, its loss and its metrics, and targets for it."""

    def __init__(self, maker, kind=None):
        self.maker = maker
        self.kind = kind or maker.pick(["regression", "regression", "binary", "categorical", "sparse"])
        self.logits = maker.chance(0.5)
        self.classes = maker.some(2, 5)
        self.layers = []

    def head(self, shape, masked=False):
        """The last layers, for an input of this shape."""
        maker, kind = self.maker, self.kind
        if len(shape) > 1 and not masked and maker.chance(0.5):
            self.layers.append(layers.Flatten())
        if kind == "regression":
            self.layers += [maker.dense(maker.some(1, 3))] if maker.chance(0.8) else []
            return self.layers or [layers.Identity()]
        units = maker.some(1, 3) if kind == "binary" else self.classes
        function = "sigmoid" if kind == "binary" else "softmax"
        if self.logits:
            self.layers.append(maker.dense(units, None))
        elif maker.chance(0.6):
            self.layers.append(maker.dense(units, function))
        else:
            self.layers += [maker.dense(units, None), layers.Activation(function)]
            if kind != "binary" and not masked and maker.chance(0.5):
                self.layers[-1] = layers.Softmax()
        if not self.logits and maker.chance(0.15):  # no logits behind these
            self.layers.append(layers.Rescaling(1.0) if maker.chance(0.5) else layers.Identity())
        return self.layers

    def loss(self):
        maker, losses = self.maker, keras.losses
        plain = not self.logits and maker.chance(0.5)
        smooth = maker.pick([0.0, 0.0, 0.1])
        if self.kind == "regression":
            chosen = [losses.MeanSquaredError(), losses.Huber(), losses.MeanAbsoluteError(reduction="sum")]
            return maker.pick(["mse", "mae", "huber", *chosen])
        if self.kind == "binary":
            made = losses.BinaryCrossentropy(from_logits=self.logits, label_smoothing=smooth)
            return "binary_crossentropy" if plain else made
        if self.kind == "categorical":
            made = losses.CategoricalCrossentropy(from_logits=self.logits, label_smoothing=smooth)
            return "categorical_crossentropy" if plain else made
        made = losses.SparseCategoricalCrossentropy(from_logits=self.logits)
        return "sparse_categorical_crossentropy" if plain else made

    def metrics(self):
        maker, metrics = self.maker, keras.metrics
        known = {
            "regression": ["mae", "mse", metrics.MeanAbsoluteError(name="away")],
            "binary": ["accuracy", metrics.BinaryAccuracy(threshold=0.4)],
            "categorical": ["accuracy", metrics.CategoricalAccuracy(), "mse",
                            metrics.TopKCategoricalAccuracy(k=2)],
            "sparse": ["accuracy", metrics.SparseCategoricalAccuracy(name="right"),
                       metrics.SparseTopKCategoricalAccuracy(k=2)],
        }[self.kind]
        return maker.random.sample(known, maker.some(0, 2))

    def targets(self, numbers, samples, shape):
        if self.kind == "regression":
            return numbers.normal(size=(samples, *shape)).astype("f4")
        if self.kind == "binary":
            return numbers.integers(0, 2, (samples, *shape)).astype("f4")
        classes = numbers.integers(0, shape[-1], (samples, *shape[:-1]))
        if self.kind == "sparse":
            return classes.astype("i4")
        return np.eye(shape[-1], dtype="f4")[classes]


def optimizer(maker):
    rate = maker.number(0.002, 0.05)
    choices = [
        lambda: keras.optimizers.SGD(rate),
        lambda: keras.optimizers.SGD(rate, momentum=0.9, nesterov=maker.chance(0.5)),
        lambda: keras.optimizers.Adam(rate, amsgrad=maker.chance(0.4), beta_1=maker.pick([0.9, 0.8])),
        lambda: keras.optimizers.Adam(rate, epsilon=1e-3),
        lambda: keras.optimizers.RMSprop(
            rate, rho=maker.pick([0.9, 0.7]), momentum=maker.pick([0.0, 0.5]), centered=maker.chance(0.4)
        ),
        lambda: maker.pick(["sgd", "adam", "rmsprop"]),
    ]
    if getattr(maker, "vocabulary", None):
        # On TensorFlow the gradient of an Embedding is slices, one an id of the batch: Adam and RMSprop
        # square them one by one where an id comes twice, elsewhere their sum.
        choices = choices[:2]
    return maker.pick(choices)()


def by_output(maker, names, values, only_names=False):
    """Values by output as a list or by name."""
    return dict(zip(names, values)) if only_names or (maker.chance(0.5) and names) else list(values)


def compile_arguments(maker, model, outputs):
    """Arguments of compile; outputs in the order of model.outputs."""
    arguments = {"optimizer": optimizer(maker)}
    structure = model._outputs_struct if hasattr(model, "_outputs_struct") else model.outputs[0]
    names = output_names(model)
    if len(outputs) == 1 and not isinstance(structure, (list, dict)):
        arguments["loss"] = outputs[0].loss()
        arguments["metrics"] = outputs[0].metrics() or None
        arguments["weighted_metrics"] = outputs[0].metrics() or None if maker.chance(0.2) else None
        return arguments
    only_names = isinstance(structure, dict)
    if not has_own_names(model):
        names = []
    losses = [o.loss() for o in outputs]
    if len(outputs) > 1 and maker.chance(0.1):  # an output that nothing trains
        losses[maker.some(0, len(losses) - 1)] = None
    arguments["loss"] = by_output(maker, names, losses, only_names)
    if all(o.kind == "regression" for o in outputs) and maker.chance(0.3):
        arguments["loss"] = "mse"  # one for all
    if len(outputs) > 1 and None not in losses and arguments["loss"] != "mse" and maker.chance(0.5):
        weights = [maker.number(0.2, 2.0) for _ in outputs]
        arguments["loss_weights"] = dict(zip(names, weights)) if isinstance(arguments["loss"], dict) else weights
    if maker.chance(0.6):
        arguments["metrics"] = by_output(maker, names, [o.metrics() for o in outputs], only_names)
    if maker.chance(0.2):
        arguments["weighted_metrics"] = by_output(maker, names, [o.metrics() for o in outputs], only_names)
    return arguments


def sample_weights(maker, numbers, samples, shapes):
    """By output, or None: one a sample, or, where an output has several axes, one a position (Keras
    would take the samples' for those of the last axis)."""
    if not maker.chance(0.2):
        return None
    return [numbers.uniform(0.1, 2, (samples, *shape[:-1])).astype("f4") for shape in shapes]


def output_names(model):
    """As columns and losses name them, in the order of model.outputs."""
    structure = getattr(model, "_outputs_struct", None)
    if isinstance(structure, dict):
        return sorted(structure)
    return unique([t._keras_history.operation.name for t in model.outputs])


def has_own_names(model):
    """Whether Keras has a name for each output: of two calls of a layer it has not."""
    layers_of = [t._keras_history.operation.name for t in model.outputs]
    return isinstance(getattr(model, "_outputs_struct", None), dict) or len(set(layers_of)) == len(layers_of)


def input_names(model):
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, dict):
        return sorted(structure)
    return [t._keras_history.operation.name for t in model.inputs]


def inputs(maker, model, numbers, samples):
    """Arrays by the order of model.inputs; where there are masks some positions are masked."""
    made = []
    for tensor in model.inputs:
        shape = tuple(tensor.shape[1:])
        x = numbers.normal(size=(samples, *shape)).astype("f4")
        tokens = getattr(maker, "vocabulary", {}).get(tensor._keras_history.operation.name)
        if tokens:
            x = numbers.integers(1, tokens, (samples, *shape)).astype("f4")
            for row in x:  # padded, as texts are
                row[numbers.integers(1, shape[0] + 1) :] = 0
        if maker.masks and not tokens and len(shape) == 2:
            gone = numbers.random((samples, shape[0])) < 0.3
            gone[:, 0] = False
            x[gone] = maker.pick([0.0, -1.0])
        made.append(x)
    return made
