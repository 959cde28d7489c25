"""What the random models of images and of series have in common: layers whose elements have places, one
behind the other; one input, one output."""

import keras
import numpy as np
from graphs import Maker, Tensor
from keras import layers

ELEMENTS_MAX = 500  # of a sample


class Placed(Maker):
    """What images and series have in common."""

    def __init__(self, random):
        super().__init__(random)
        self.vocabulary = {}  # the number of tokens, by the name of an input of tokens
        self.row = []  # the layers, one behind the other
        self.branched = False  # they are no row

    def model(self, heads):
        start = Tensor(self.start())
        end = start
        for _ in range(self.some(1, 5)):
            made = self.step(end)
            if made is not None and np.prod(made.shape) <= ELEMENTS_MAX:
                end = made
        end = self.flatten(end)
        for layer in heads[0](end.shape, masked=end.masked):
            end = self.apply(layer, end)
        if self.branched or self.chance(0.6):
            return keras.Model(start.tensor, end.tensor, name=self.name("model"))
        return keras.Sequential([start.tensor, *self.row], name=self.name("sequential"))

    def apply(self, layer, t, **arguments):
        self.row.append(layer)
        return super().apply(layer, t, **arguments)

    def common(self, **other):
        """Arguments of layers with a kernel."""
        return {
            "activation": self.activation(),
            "use_bias": self.chance(0.8),
            "bias_initializer": keras.initializers.RandomNormal(stddev=0.3, seed=self.some(0, 999)),
            "bias_regularizer": self.regularizer(),
            "activity_regularizer": self.regularizer(),
            "trainable": not self.chance(0.1),
            **other,
        }

    def window(self, largest, rank):
        """A number, or one for each axis."""
        if rank == 1 or self.chance(0.5):
            return self.some(1, largest)
        return tuple(self.some(1, largest) for _ in range(rank))

    def strides_or_dilation(self, rank):
        kind = self.pick(["neither", "neither", "strides", "dilation"])
        return {} if kind == "neither" else {"strides" if kind == "strides" else "dilation_rate": self.window(3, rank)}

    def padding(self):
        return self.pick(["valid", "same"])

    def batch_normalization(self, shape, masked=False):
        axis = self.pick([-1, -1, self.some(1, len(shape))])
        if masked:  # along other axes Keras has no means of what is masked
            axis = -1
        numbers = keras.initializers.RandomUniform(0.5, 1.5, seed=self.some(0, 999))
        return layers.BatchNormalization(
            axis=axis,
            momentum=self.pick([0.99, 0.8]),
            epsilon=self.pick([1e-3, 1e-2]),
            center=self.chance(0.8),
            scale=self.chance(0.8),
            gamma_initializer=numbers,
            moving_variance_initializer=numbers,
            beta_regularizer=self.regularizer(),
            trainable=not self.chance(0.2),
            name=self.name("bn"),
        )

    def normalization_layer(self, shape, masked=False):
        kind = self.pick(["batch"] * 3 + ["layer", "layer", "group", "unit"])
        axis = self.pick([-1, self.some(1, len(shape))])
        if kind == "batch" or masked:
            return self.batch_normalization(shape, masked)
        if kind == "layer":
            several = [self.pick([-1, [1, -1], list(range(1, len(shape) + 1))])] if len(shape) > 1 else [-1]
            return layers.LayerNormalization(
                axis=several[0] if self.chance(0.5) else axis,
                epsilon=self.pick([1e-3, 1e-2]),
                center=self.chance(0.8),
                scale=self.chance(0.8),
                gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5, seed=self.some(0, 999)),
                name=self.name("ln"),
            )
        if kind == "group":
            size = shape[-1]
            groups = self.pick([n for n in range(1, size + 1) if size % n == 0] + [-1])
            return layers.GroupNormalization(groups, epsilon=1e-2, scale=self.chance(0.8), name=self.name("gn"))
        return layers.UnitNormalization(axis=self.pick([axis, list({1, len(shape)})]), name=self.name("unit"))

    def small(self, shape):
        """Layers that leave the shape as it is."""
        kind = self.pick(["prelu", "activation", "noise", "dropout", "spatial"])
        rate = 0.3 if self.chance(0.05) else 0.0
        self.drops |= rate > 0 and kind in ("noise", "dropout", "spatial")
        if kind == "prelu":
            axes = self.pick([None, [1], list(range(1, len(shape)))]) or None
            return layers.PReLU(
                alpha_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=self.some(0, 999)),
                alpha_regularizer=self.regularizer(),
                shared_axes=axes,
                name=self.name("prelu"),
            )
        if kind == "activation":
            return layers.Activation(self.activation() or "relu", name=self.name("activation"))
        if kind == "noise":
            return self.pick([layers.GaussianNoise, layers.GaussianDropout])(rate, name=self.name("noise"))
        if kind == "dropout":
            return layers.Dropout(rate, name=self.name("dropout"))
        spatial = layers.SpatialDropout2D if len(shape) == 3 else layers.SpatialDropout1D
        return spatial(rate, name=self.name("spatial"))
