"""Random Keras models: `Maker(random).model(heads)` gives one, not compiled. What it is made of follows from
the random numbers alone, so that a seed gives the same model again."""

import keras
import numpy as np
from keras import layers, regularizers

ACTIVATIONS = ["linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign"]
ACTIVATIONS += ["exponential", "sigmoid", "hard_sigmoid", "tanh", "softmax", "log_softmax", "mish"]
INITIALIZERS = ["glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform"]
INITIALIZERS += ["orthogonal", "random_normal", "random_uniform", "truncated_normal"]
SUMS = [layers.Add, layers.Average, layers.Subtract]
MERGES = SUMS + [layers.Multiply, layers.Maximum, layers.Minimum]
SIZE_MAX = 48  # elements of a sample


def unique(names):
    """Names that are there already get a number, as Keras does it with layers."""
    made = []
    for name in names:
        numbers = (f"_{n}" for n in range(1, len(names)))
        made.append(name if name not in made else next(name + n for n in numbers if name + n not in made))
    return made


class Tensor:
    """A tensor of the graph, and whether something takes it."""

    def __init__(self, tensor, masked=False):
        self.tensor = tensor
        self.shape = tuple(tensor.shape[1:])
        self.masked = masked
        self.used = False


def use(*tensors):
    for t in tensors:
        t.used = True
    return [t.tensor for t in tensors]


class Maker:
    def __init__(self, random):
        self.random = random
        self.names = 0
        self.shared = []  # [layer, input shape]: what can be called again
        self.masks = False
        self.drops = False  # training is random
        self.extra = 0  # outputs beside those with heads
        self.keys = []  # of the last dictionary of tensors

    # -- choices

    def chance(self, part):
        return self.random.random() < part

    def some(self, first, last):
        return self.random.randint(first, last)

    def pick(self, choices):
        return self.random.choice(choices)

    def number(self, low, high):
        return round(self.random.uniform(low, high), 3)

    def name(self, what):
        """None: the name that Keras gives."""
        self.names += 1
        if self.chance(0.05):
            return f"{self.pick(['a b', 'x.y', 'p-q', 'w:0', 'kernel', 'Dense'])} {self.names}"
        return f"{what}_{chr(97 + self.some(0, 25))}{self.names}" if self.chance(0.6) else None

    def regularizer(self):
        if not self.chance(0.15):
            return None
        l1, l2 = self.number(0.001, 0.02), self.number(0.001, 0.02)
        return self.pick([regularizers.L1(l1), regularizers.L2(l2), regularizers.L1L2(l1, l2), "l2"])

    def initializer(self):
        if self.chance(0.7):
            return "glorot_uniform"
        # A seed makes the weights the same in another process.
        return keras.initializers.get({"class_name": self.pick(INITIALIZERS), "config": {"seed": self.some(0, 999)}})

    # -- layers of one input

    def activation(self):
        return None if self.chance(0.3) else self.pick(ACTIVATIONS)

    def dense(self, units, activation="random", name=None):
        return layers.Dense(
            units,
            activation=self.activation() if activation == "random" else activation,
            use_bias=self.chance(0.8),
            kernel_initializer=self.initializer(),
            bias_initializer=self.pick(["zeros", "zeros", "ones", keras.initializers.RandomNormal(stddev=0.3)]),
            kernel_regularizer=self.regularizer(),
            bias_regularizer=self.regularizer(),
            activity_regularizer=self.regularizer(),
            trainable=not self.chance(0.1),
            name=name or self.name("dense"),
        )

    def normalization(self, shape):
        axis = self.pick([-1, len(shape)]) if self.chance(0.8) else None
        if axis is not None and len(shape) > 1 and self.chance(0.3):
            axis = (1, len(shape)) if self.chance(0.5) else 1
        axes = [] if axis is None else [axis] if isinstance(axis, int) else axis
        kept = [shape[a - 1 if a > 0 else a] for a in axes]
        numbers = np.random.default_rng(self.some(0, 9999))
        mean, variance = numbers.normal(size=kept).astype("f4"), numbers.uniform(0.3, 2, size=kept).astype("f4")
        if self.chance(0.3) and axis is not None:  # as weights
            layer = layers.Normalization(axis=axis, name=self.name("normalization"))
            layer.adapt(numbers.normal(size=(20, *shape)).astype("f4"))
            return layer
        if not kept:
            mean, variance = float(mean), float(variance)
        invert = self.chance(0.2)
        return layers.Normalization(axis=axis, mean=mean, variance=variance, invert=invert, name=self.name("norm"))

    def reshape(self, shape):
        count = int(np.prod(shape))
        first = self.pick([n for n in range(1, count + 1) if count % n == 0])
        rest = count // first
        second = self.pick([n for n in range(1, rest + 1) if rest % n == 0])
        target = self.pick([(count,), (first, rest), (first, -1), (-1, second), (first, second, rest // second)])
        return layers.Reshape(target, name=self.name("reshape"))

    def unary(self, shape, masked=False):
        """A layer for an input of this shape."""
        kinds = ["dense"] * 6 + ["activation"] * 2 + ["relu", "leaky", "elu", "softmax", "identity", "rescaling"]
        kinds += ["dropout", "normalization"]
        if not masked:
            kinds += ["flatten", "reshape", "reshape"] + ["repeat"] * (len(shape) == 1) + ["permute"] * (len(shape) > 1)
        kind = self.pick(kinds)
        if masked and kind == "softmax":  # takes masks of the features, not of the positions
            kind = "relu"
        if kind == "dense":
            return self.dense(self.some(1, 6))
        if kind == "activation":
            return layers.Activation(self.pick(ACTIVATIONS), name=self.name("activation"))
        if kind == "relu":
            limits = [{}, {"max_value": 1.5}, {"negative_slope": 0.1}, {"threshold": 0.2, "max_value": 2.0}]
            return layers.ReLU(**self.pick(limits), name=self.name("relu"))
        if kind == "leaky":
            return layers.LeakyReLU(**self.pick([{}, {"negative_slope": 0.15}]), name=self.name("leaky"))
        if kind == "elu":
            return layers.ELU(alpha=self.pick([1.0, 0.7]), name=self.name("elu"))
        if kind == "rescaling":
            scale, offset = self.number(0.3, 1.5), self.number(-0.5, 0.5)
            if self.chance(0.3):
                scale = [self.number(0.3, 1.5) for _ in range(shape[-1])]
            return layers.Rescaling(scale, self.pick([0.0, offset]), name=self.name("rescaling"))
        if kind == "normalization":
            return self.normalization(shape)
        if kind == "reshape":
            return self.reshape(shape)
        if kind == "repeat":
            return layers.RepeatVector(self.some(1, 4), name=self.name("repeat"))
        if kind == "permute":
            dims = list(range(1, len(shape) + 1))
            self.random.shuffle(dims)
            return layers.Permute(dims, name=self.name("permute"))
        if kind == "dropout":
            drops = self.chance(0.1)
            self.drops |= drops
            return layers.Dropout(0.3 if drops else 0.0, name=self.name("dropout"))
        return {"softmax": layers.Softmax, "identity": layers.Identity, "flatten": layers.Flatten}[kind](
            name=self.name(kind)
        )

    def chain(self, shape, count, out=None):
        """Layers one behind the other; the last one a Dense of `out` features."""
        made = []
        for _ in range(count):
            layer = self.unary(shape)
            following = tuple(layer.compute_output_shape((None, *shape))[1:])
            if int(np.prod(following)) <= SIZE_MAX:
                made.append(layer)
                shape = following
        if out or not made:
            made.append(self.dense(out or self.some(1, 6)))
        return made

    # -- models in a layer's place

    def freeze(self, model):
        if self.chance(0.15):
            model.trainable = False
        elif self.chance(0.2):
            self.pick(model.layers).trainable = False
        return model

    def enter(self):
        inside = Maker(self.random)
        inside.names = 100 if self.chance(0.2) else self.names + 100
        return inside

    def leave(self, inside):
        self.names = max(self.names, inside.names)
        self.drops |= inside.drops

    def nested(self, shape, depth):
        """A model of one input and one output."""
        if self.chance(0.5):
            made = keras.Sequential(
                [keras.Input(shape), *self.chain(shape, self.some(1, 3))], name=self.name("inner")
            )
            if depth < 1 and self.chance(0.25):
                made.add(self.nested(tuple(made.output_shape[1:]), depth + 1))
            return self.freeze(made)
        inside = self.enter()
        start = Tensor(keras.Input(shape, name=self.name("start")))
        ends = inside.grow([start], self.some(1, 4), depth + 1)
        end = inside.join(ends)
        self.leave(inside)
        return self.freeze(keras.Model(start.tensor, end.tensor, name=self.name("inner")))

    def nested_wide(self, shapes, depth):
        """A model of several inputs and two outputs."""
        inside = self.enter()
        starts = [Tensor(keras.Input(s, name=self.name("start"))) for s in shapes]
        ends = inside.grow(list(starts), self.some(2, 4), depth + 1)
        ends = [t for t in ends if t not in starts] or ends
        first = inside.join(ends)
        second = inside.apply(inside.dense(2), first)
        self.leave(inside)
        return self.freeze(keras.Model(use(*starts), [first.tensor, second.tensor], name=self.name("wide")))

    # -- graphs

    def apply(self, layer, t, **arguments):
        return Tensor(layer(*use(t), **arguments), t.masked)

    def like(self, t):
        """A tensor of the same shape that comes from t."""
        layer = self.dense(t.shape[-1])
        self.shared.append([layer, t.shape])
        return self.apply(layer, t)

    def merge(self, tensors, t):
        mix = self.chance(0.3)  # what is masked with what is not
        others = [o for o in tensors if o is not t and o.shape == t.shape and (mix or o.masked == t.masked)]
        with_it = [t]
        for _ in range(self.some(1, 2)):
            with_it.append(self.pick(others) if others and self.chance(0.7) else self.like(t))
        # The others leave masked elements out, which the program refuses to do.
        kind = self.pick(SUMS if any(o.masked for o in with_it) else MERGES)
        if kind is layers.Subtract:
            with_it = with_it[:2]
        elif self.chance(0.15) and len(t.shape) > 1 and not t.masked:  # one feature stands for all
            with_it[-1] = self.apply(self.dense(1), with_it[-1])
        self.random.shuffle(with_it)
        layer = kind(name=self.name(kind.__name__.lower()))
        return Tensor(layer(use(*with_it)), all(o.masked for o in with_it))

    def concatenate(self, tensors, t):
        axis = self.some(1, len(t.shape)) if not t.masked else len(t.shape)

        def fits(o):
            other = o.shape[: axis - 1] + o.shape[axis:]
            return len(o.shape) == len(t.shape) and other == t.shape[: axis - 1] + t.shape[axis:] and o.masked == t.masked

        others = [o for o in tensors if o is not t and fits(o)]
        other = self.pick(others) if others else self.like(t)
        with_it = [t, other]
        if self.chance(0.2) and len(others) > 1:
            with_it.append(self.pick(others))
        self.random.shuffle(with_it)
        axis = axis - 1 - len(t.shape) if self.chance(0.5) else axis
        return Tensor(layers.Concatenate(axis=axis, name=self.name("joined"))(use(*with_it)), t.masked)

    def dot(self, tensors, t):
        pairs = []
        for o in tensors:
            for i, a in enumerate(t.shape):
                for j, b in enumerate(o.shape):
                    size = np.prod(t.shape) * np.prod(o.shape) / a / b
                    if o is not t and a == b and len(t.shape) + len(o.shape) <= 5 and size <= SIZE_MAX:
                        pairs.append((o, i + 1, j + 1))
        if not pairs:
            return self.merge(tensors, t)
        other, i, j = self.pick(pairs)
        axes = self.pick([i, [i, j]]) if i == j else [i, j]
        if self.chance(0.3):
            axes = [i - 1 - len(t.shape), j - 1 - len(other.shape)]
        normalize = self.chance(0.4)
        return Tensor(layers.Dot(axes=axes, normalize=normalize, name=self.name("dot"))(use(t, other)))

    def residual(self, t):
        inner = self.apply(self.dense(self.some(2, 6)), t)
        back = self.apply(self.dense(t.shape[-1], None), inner)
        return Tensor(layers.Add(name=self.name("residual"))(use(t, back)), t.masked)

    def again(self, tensors):
        """Another call of a layer or nested model, or None."""
        choices = [(layer, t) for layer, shape in self.shared for t in tensors if t.shape == shape and not t.masked]
        if not choices:
            return None
        layer, t = self.pick(choices)
        return self.apply(layer, t)

    def add_nested(self, tensors, t, depth):
        others = [o for o in tensors if o is not t and not o.masked]
        if others and self.chance(0.25):
            other = self.pick(others)
            wide = self.nested_wide([t.shape, other.shape], depth)
            return [Tensor(made) for made in wide(use(t, other))]
        model = self.nested(t.shape, depth)
        self.shared.append([model, t.shape])
        return [self.apply(model, t, **({"training": False} if self.chance(0.1) else {}))]

    def step(self, tensors, depth):
        """What one more layer gives."""
        free = [t for t in tensors if not t.used]
        t = self.pick(free) if free and self.chance(0.7) else self.pick(tensors)
        kind = self.random.random()
        if t.masked and kind < 0.3:
            return [self.merge(tensors, t) if kind < 0.2 else self.concatenate(tensors, t)]
        if kind < 0.12:
            return [self.merge(tensors, t)]
        if kind < 0.22:
            return [self.concatenate(tensors, t)]
        if kind < 0.30 and not t.masked:
            return [self.dot([o for o in tensors if not o.masked], t)]
        if kind < 0.36:
            return [self.residual(t)]
        if kind < 0.50:
            made = self.again(tensors)
            if made:
                return [made]
        if kind < 0.62 and depth < 2 and not t.masked:
            return self.add_nested(tensors, t, depth)
        if kind < 0.70 and depth == 0 and len(t.shape) == 2 and not t.masked:
            self.masks = True
            made = Tensor(layers.Masking(mask_value=self.pick([0.0, -1.0]), name=self.name("masking"))(*use(t)), True)
            return [made]
        layer = self.unary(t.shape, t.masked)
        if int(np.prod(layer.compute_output_shape((None, *t.shape))[1:])) > SIZE_MAX:
            layer = self.dense(self.some(1, 4))
        if isinstance(layer, layers.Dense):
            self.shared.append([layer, t.shape])
        return [self.apply(layer, t)]

    def grow(self, tensors, count, depth):
        for _ in range(count):
            tensors += [t for t in self.step(tensors, depth) if np.prod(t.shape) <= 4 * SIZE_MAX]
        return [t for t in tensors if not t.used] or tensors[-1:]

    def join(self, tensors):
        """One tensor of all."""
        if len(tensors) == 1 and not (tensors[0].used and len(tensors[0].shape) == 0):
            only = tensors[0]
            return self.apply(self.dense(self.some(1, 4)), only)
        flat = [Tensor(layers.Flatten(name=self.name("flat"))(*use(t))) if len(t.shape) > 1 else t for t in tensors]
        return Tensor(layers.Concatenate(name=self.name("all"))(use(*flat)))

    # -- whole models

    def model(self, heads):
        if len(heads) == 1 and self.chance(0.4):
            return self.sequential(heads)
        return self.functional(heads)

    def input_shape(self):
        rank = self.pick([1, 1, 1, 2, 2, 3])
        return tuple(self.some(2, 4) for _ in range(rank)) if rank > 1 else (self.some(2, 8),)

    def sequential(self, heads):
        shape = self.input_shape()
        inside = self.chain(shape, self.some(1, 5))
        first = [keras.Input(shape, name=self.name("first"))] if self.chance(0.8) else []
        if self.chance(0.2):
            inside.insert(0, self.nested(shape, 0))
            inside[1:] = self.chain(tuple(inside[0].output_shape[1:]), self.some(1, 3))
        model = keras.Sequential([*first, *inside], name=self.name("sequential"))
        if not first:
            model.build((None, *shape))
        if len(shape) == 2 and self.chance(0.2):
            model = keras.Sequential([keras.Input(shape), layers.Masking(), self.dense(3), self.dense(4)])
            self.masks = True
        elif self.chance(0.4):
            model.add(self.nested(tuple(model.output_shape[1:]), 0))
        for layer in heads[0](tuple(model.output_shape[1:])):
            model.add(layer)
        return model

    def functional(self, heads):
        starts = [Tensor(keras.Input(self.input_shape(), name=self.name("in"))) for _ in range(self.pick([1, 1, 2, 3]))]
        all_of_them = list(starts)
        free = self.grow(all_of_them, self.pick([self.some(2, 9), self.some(8, 25)]), 0)
        for t in starts:
            if not t.used and t not in free:
                free.append(t)
        self.random.shuffle(free)
        groups = [free[i :: len(heads)] or [self.pick(free)] for i in range(len(heads))]
        ends = []
        for head, group in zip(heads, groups):
            end = group[0] if len(group) == 1 else self.join(group)
            for layer in head(end.shape, masked=end.masked):
                end = self.apply(layer, end)
            ends.append(end.tensor)
        if self.chance(0.15):  # outputs that others read, inputs, and the same output twice
            self.extra = self.some(1, 2)
            # An input of several has a column of its name, where the target would be.
            from_here = all_of_them[len(starts) :] if len(starts) > 1 else all_of_them
            ends += self.random.sample([t.tensor for t in from_here] + ends, self.extra)
        return keras.Model(self.structure([t.tensor for t in starts]), self.structure(ends), name=self.name("model"))

    def structure(self, tensors):
        """A tensor, a list or a dictionary."""
        form = self.random.random()
        if len(tensors) == 1 and form < 0.7:
            return tensors[0]
        if form < 0.8:
            return list(tensors)
        other = self.chance(0.3)  # keys that are no layers' names
        self.keys = unique([t._keras_history.operation.name + ("_key" if other else "") for t in tensors])
        return dict(zip(self.keys, tensors))
