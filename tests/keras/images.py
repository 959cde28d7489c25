"""Random Keras models of images: convolutions, pooling, normalizations, residual connections."""

import keras
import numpy as np
from graphs import Tensor, use
from keras import layers
from places import ELEMENTS_MAX, Placed


class Images(Placed):
    def start(self):
        return keras.Input((self.some(4, 9), self.some(4, 9), self.pick([1, 2, 3, 4])), name=self.name("image"))

    def kernel(self):
        return {
            "kernel_initializer": keras.initializers.GlorotUniform(seed=self.some(0, 999)),
            "kernel_regularizer": self.regularizer(),
        }

    def convolution(self, t):
        channels = t.shape[-1]
        kind = self.pick(["plain"] * 4 + ["depthwise", "separable", "transpose"])
        size = self.window(4, 2)
        depth = self.some(1, 2)
        if kind == "depthwise":  # TensorFlow's has one stride for both axes
            moves = self.pick([{}, {"strides": self.some(1, 3)}, {"dilation_rate": self.window(2, 2)}])
            return layers.DepthwiseConv2D(
                size,
                depth_multiplier=depth,
                padding=self.padding(),
                depthwise_regularizer=self.regularizer(),
                **moves,
                **self.common(),
                name=self.name("depthwise"),
            )
        if kind == "separable":
            moves = self.pick([{}, {"strides": self.some(1, 3)}, {"dilation_rate": self.some(1, 2)}])
            return layers.SeparableConv2D(
                self.some(1, 5),
                size,
                depth_multiplier=depth,
                padding=self.padding(),
                pointwise_regularizer=self.regularizer(),
                **moves,
                **self.common(),
                name=self.name("separable"),
            )
        if kind == "transpose":
            strides = self.window(3, 2)
            least = min(strides) if isinstance(strides, tuple) else strides
            extra = self.some(0, least - 1) if least > 1 and self.chance(0.3) else None
            return layers.Conv2DTranspose(
                self.some(1, 4),
                size,
                strides=strides,
                padding=self.padding(),
                output_padding=extra,
                **self.kernel(),
                **self.common(),
                name=self.name("transpose"),
            )
        groups = self.pick([n for n in range(1, channels + 1) if channels % n == 0])
        return layers.Conv2D(
            groups * self.some(1, 3),
            size,
            groups=groups,
            padding=self.padding(),
            **self.strides_or_dilation(2),
            **self.kernel(),
            **self.common(),
            name=self.name("conv"),
        )

    def pooling(self):
        kind = self.pick([layers.MaxPooling2D, layers.AveragePooling2D])
        strides = self.pick([None, self.window(3, 2)])
        return kind(self.window(3, 2), strides=strides, padding=self.padding(), name=self.name("pool"))

    def frame(self, shape):
        kind = self.pick(["pad", "crop", "up"])
        if kind == "pad":
            sizes = self.pick([1, (1, 2), ((0, 1), (2, 0))])
            return layers.ZeroPadding2D(sizes, name=self.name("pad"))
        if kind == "crop" and min(shape[:2]) > 3:
            return layers.Cropping2D(self.pick([1, (1, 0), ((0, 1), (1, 1))]), name=self.name("crop"))
        interpolation = self.pick(["nearest", "nearest", "bilinear"])
        return layers.UpSampling2D(self.window(2, 2), interpolation=interpolation, name=self.name("up"))

    def residual(self, t):
        self.branched = True
        branch = self.apply(layers.Conv2D(t.shape[-1], 3, padding="same", **self.kernel(), **self.common()), t)
        branch = self.apply(self.batch_normalization(t.shape), branch)
        return Tensor(layers.Add(name=self.name("sum"))(use(t, branch)))

    def step(self, t):
        kind = self.random.random()
        if kind < 0.45:
            layer = self.convolution(t)
        elif kind < 0.57:
            layer = self.pooling()
        elif kind < 0.74:
            layer = self.normalization_layer(t.shape)
        elif kind < 0.84:
            layer = self.frame(t.shape)
        elif kind < 0.92:
            layer = self.small(t.shape)
        else:
            return self.residual(t)
        try:
            following = layer.compute_output_shape((None, *t.shape))
        except ValueError:  # a window larger than the image
            return None
        if min(following[1:]) < 1 or np.prod(following[1:]) > ELEMENTS_MAX:
            return None
        return self.apply(layer, t)

    def flatten(self, t):
        if self.chance(0.5):
            kind = self.pick([layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D])
            return self.apply(kind(keepdims=self.chance(0.2), name=self.name("all")), t)
        return self.apply(layers.Flatten(name=self.name("flat")), t)
