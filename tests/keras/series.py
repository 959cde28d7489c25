"""Random Keras models of series: embeddings, recurrent layers and their states, attention, convolutions over
time, masks."""

import keras
from graphs import Tensor, use
from keras import layers
from places import Placed

RNNS = [layers.SimpleRNN, layers.LSTM, layers.GRU]


class Series(Placed):
    def start(self):
        steps = self.some(3, 9)
        self.tokens = self.chance(0.5)
        start = keras.Input((steps,) if self.tokens else (steps, self.some(1, 4)), name=self.name("series"))
        if self.tokens:
            self.vocabulary[start._keras_history.operation.name] = self.some(4, 20)
        return start

    def model(self, heads):
        self.first, self.lost = True, False
        return super().model(heads)

    def begin(self, t):
        """Tokens are embedded; numbers may be masked."""
        if self.tokens:
            mask = self.chance(0.5)
            self.masks |= mask
            size = next(iter(self.vocabulary.values()))
            layer = layers.Embedding(
                size,
                self.some(2, 5),
                mask_zero=mask,
                embeddings_initializer=keras.initializers.RandomUniform(-1, 1, seed=self.some(0, 999)),
                embeddings_regularizer=self.regularizer(),
                name=self.name("embedding"),
            )
            return Tensor(self.apply(layer, t).tensor, mask)
        if self.chance(0.3):
            self.masks = True
            return Tensor(self.apply(layers.Masking(self.pick([0.0, -1.0]), name=self.name("masking")), t).tensor, True)
        return t

    def rnn(self, sequences, kind=None, units=None, backwards=0.2, **other):
        kind = kind or self.pick(RNNS)
        gru = {"reset_after": self.chance(0.5)} if kind is layers.GRU else {}
        if kind is layers.LSTM:
            gru["unit_forget_bias"] = self.chance(0.7)
        plain = self.chance(0.7)
        if kind is not layers.SimpleRNN and not plain:
            gru["recurrent_activation"] = self.pick(["sigmoid", "hard_sigmoid", "tanh"])
        return kind(
            units or self.some(1, 5),
            activation="tanh" if plain else self.pick(["tanh", "relu", "sigmoid", "softsign"]),
            use_bias=self.chance(0.8),
            kernel_initializer=keras.initializers.GlorotUniform(seed=self.some(0, 999)),
            recurrent_initializer=keras.initializers.Orthogonal(seed=self.some(0, 999)),
            bias_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=self.some(0, 999)),
            kernel_regularizer=self.regularizer(),
            recurrent_regularizer=self.regularizer(),
            activity_regularizer=self.regularizer(),
            return_sequences=sequences,
            go_backwards=self.chance(backwards),
            trainable=not self.chance(0.1),
            name=self.name("rnn"),
            **gru,
            **other,
        )

    def recurrent(self, t):
        sequences = self.chance(0.75)
        kind = self.random.random()
        if kind < 0.25:
            inner = self.rnn(sequences, backwards=0)
            mode = self.pick(["concat", "concat", "sum", "mul", "ave"])
            layer = layers.Bidirectional(inner, merge_mode=mode, name=self.name("both"))
            return Tensor(self.apply(layer, t).tensor, t.masked and sequences)
        if kind < 0.4 and not self.branched:  # a second one begins with the states of the first
            self.branched = True
            cell = self.pick(RNNS)
            first = self.rnn(sequences, cell, return_state=True)
            first.activity_regularizer = None  # it would be of the states too, which the program refuses
            made = first(use(t)[0])
            second = self.rnn(sequences, cell, first.units)
            source = t if not sequences else Tensor(made[0], t.masked)
            return Tensor(second(use(source)[0], initial_state=list(made[1:])), t.masked and sequences)
        return Tensor(self.apply(self.rnn(sequences), t).tensor, t.masked and sequences)

    def attending(self, heads, size, **more):
        return layers.MultiHeadAttention(
            heads,
            size,
            value_dim=self.pick([None, self.some(2, 4)]),
            use_bias=self.chance(0.8),
            use_gate=self.chance(0.4),
            kernel_initializer=keras.initializers.GlorotUniform(seed=self.some(0, 999)),
            bias_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=self.some(0, 999)),
            activity_regularizer=self.regularizer(),
            name=self.name("attention"),
            **more,
        )

    def plane_attention(self, t):
        """Over some axes of a series that is laid out in a plane, and back."""
        steps, features = t.shape
        axes = self.pick([None, 1, [2], [-2], [-3], [1, 2], [2, 1], [3], [-1, 1]])
        layer = self.attending(self.some(1, 3), self.some(2, 3), attention_axes=axes)
        plane = self.apply(layers.Reshape((steps, features, 1), name=self.name("plane")), t)
        (x,) = use(plane)
        made = Tensor(layer(x, x))
        return self.apply(layers.Reshape((steps, features), name=self.name("line")), made)

    def attention(self, t):
        self.branched = True
        # Of size 1, and as many heads as steps, Keras on TensorFlow adds a bias along the wrong axis.
        layer = self.attending(self.some(1, 3), self.some(2, 4))
        # In a run Keras takes the mask from the tensor that is the query: layers behind both of them have it
        # as an argument, but an output, whose loss it is for, and another attention have not.
        self.lost |= t.masked
        (x,) = use(t)
        made = Tensor(layer(x, x, use_causal_mask=self.chance(0.4)), t.masked)
        if self.chance(0.6) and t.shape == made.shape:
            made = Tensor(layers.Add(name=self.name("sum"))(use(t, made)), t.masked)
        elif self.chance(0.3) and t.shape[1:] == made.shape[1:]:
            made = Tensor(layers.Concatenate(axis=1, name=self.name("behind"))(use(t, made)), t.masked)
        return made

    def over_time(self, t):
        kind = self.pick(["conv", "conv", "separable", "pool", "pad", "crop", "up", "transpose"])
        size = self.some(1, 4)
        if kind == "conv":
            groups = self.pick([n for n in range(1, t.shape[-1] + 1) if t.shape[-1] % n == 0])
            padding = self.pick(["valid", "same", "causal"])
            moves = self.strides_or_dilation(1)
            return layers.Conv1D(
                groups * self.some(1, 3), size, groups=groups, padding=padding, **moves, **self.common()
            )
        if kind == "separable":
            return layers.SeparableConv1D(self.some(1, 4), size, padding=self.padding(), **self.common())
        if kind == "transpose":
            return layers.Conv1DTranspose(self.some(1, 4), size, strides=self.some(1, 3), padding=self.padding())
        if kind == "pool":
            kind = self.pick([layers.MaxPooling1D, layers.AveragePooling1D])
            return kind(size, strides=self.pick([None, 1, 2]), padding=self.padding(), name=self.name("pool"))
        if kind == "pad":
            return layers.ZeroPadding1D(self.pick([1, (0, 2)]), name=self.name("pad"))
        if kind == "crop" and t.shape[0] > 3:
            return layers.Cropping1D(self.pick([1, (1, 0)]), name=self.name("crop"))
        return layers.UpSampling1D(2, name=self.name("up"))

    def step(self, t):
        if self.first:
            self.first = False
            t = self.begin(t)
            if self.tokens:
                return t
        if len(t.shape) != 2:
            return self.apply(self.dense(self.some(1, 5)), t)
        kind = self.random.random()
        if kind < 0.45:
            return self.recurrent(t)
        if kind < 0.57:
            if t.masked or self.chance(0.6):
                return None if t.masked and self.lost else self.attention(t)
            return self.plane_attention(t)
        if kind < 0.67:
            inner = self.dense(self.some(1, 5))
            inner.activity_regularizer = None
            return self.apply(layers.TimeDistributed(inner, name=self.name("each")), t)
        if kind < 0.75:
            return self.apply(self.normalization_layer(t.shape, t.masked), t)
        if t.masked:
            return self.apply(self.dense(self.some(1, 5)), t)
        layer = self.over_time(t) if kind < 0.92 else self.small(t.shape)
        try:
            following = layer.compute_output_shape((None, *t.shape))
        except ValueError:
            return None
        return self.apply(layer, t) if min(following[1:]) >= 1 else None

    def flatten(self, t):
        if len(t.shape) != 2 or (t.masked and not self.lost and self.chance(0.4)):
            return t
        if self.chance(0.5) or (t.masked and self.lost):
            kind = layers.GlobalAveragePooling1D if t.masked else self.pick(
                [layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D]
            )
            return Tensor(self.apply(kind(name=self.name("all")), t).tensor)
        if t.masked:
            return t
        return self.apply(layers.Flatten(name=self.name("flat")), t)
