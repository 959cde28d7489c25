#!/usr/bin/env python3
"""Makes heads_ref.h5 where it is called: calls of MultiHeadAttention with a gate, penalties, axes and masks. A case
has in attributes the layer's `options`, the `input` as in the registry's examples, and the `names` of its weights; in
datasets, flat and one behind the other, `in` (the tensors, an attention_mask, and masks of inputs), `weights`, `out`,
`penalty`, `out_grad` (what the sum of the results is weighted by), and the gradients of that sum and the penalty."""

import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
import tensorflow as tf

ROWS = 3


class Case:
    """Shapes by name, in the order of the call; of `masked` inputs a part of the places is masked."""

    def __init__(self, shapes, options, masked="", **call):
        self.shapes, self.masked, self.call = shapes, masked.split(), call
        self.options = {"num_heads": 2, "key_dim": 3, **options}


def qv(query, value):
    return {"query": query, "value": value}


PENALTY = {"activity_regularizer": {"L1L2": {"l1": 0.03, "l2": 0.2}}}
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}

CASES = {
    "gate": Case(qv([4, 3], [5, 2]), {"use_gate": True, "value_dim": 2}),
    "gate_masked": Case(
        qv([4, 3], [4, 3]), {"use_gate": True, "use_bias": False, "output_shape": [2, 3]}, "query value", **CAUSAL
    ),
    "gate_window": Case(qv([5, 2], [5, 2]), {"use_gate": True, "sliding_window": 2}, **CAUSAL),
    "gate_scores": Case(qv([4, 3], [5, 2]), {"use_gate": True, **PENALTY}, "value", **SCORES),
    "penalty": Case({**qv([4, 3], [5, 2]), "key": [5, 4]}, PENALTY),
    "penalty_gate": Case(qv([4, 3], [5, 2]), {"use_gate": True, "value_dim": 4, **PENALTY}),
    "penalty_axes": Case(qv([2, 3, 2], [2, 4, 3]), {"attention_axes": [2], "use_gate": True, **PENALTY}),
    "all_axes": Case(qv([2, 3, 2], [3, 2, 2]), {}),
    "first": Case(qv([3, 2, 2], [4, 2, 3]), {"attention_axes": 1}, **SCORES),
    "first_masked": Case(qv([3, 3, 2], [3, 3, 2]), {"attention_axes": [1]}, "query value", **SCORES),
    "second": Case(qv([2, 3, 2], [2, 4, 2]), {"attention_axes": [-2]}, **SCORES),
    "second_masked": Case({**qv([2, 3, 2], [2, 4, 2]), "key": [2, 4, 3]}, {"attention_axes": 2}, "query value key"),
    "second_given": Case({**qv([2, 3, 2], [2, 4, 2]), "attention_mask": [2, 3, 4]}, {"attention_axes": 2}),
    "second_for_all": Case({**qv([2, 3, 2], [2, 4, 2]), "attention_mask": [3, 4]}, {"attention_axes": 2}, **SCORES),
    "second_heads": Case({**qv([2, 3, 2], [2, 4, 2]), "attention_mask": [2, 2, 3, 1]}, {"attention_axes": 2}),
    "second_causal": Case(qv([3, 3, 2], [3, 3, 2]), {"attention_axes": 2, "sliding_window": 2}, "query", **CAUSAL),
    "both_given": Case(
        {**qv([2, 3, 2], [3, 2, 2]), "attention_mask": [2, 3, 3, 2]}, {"attention_axes": [1, 2]}, **SCORES
    ),
    "both_causal": Case({**qv([2, 2, 2], [2, 2, 2]), "attention_mask": [1, 2, 2, 1]}, {}, **CAUSAL, **SCORES),
    "swapped": Case(qv([2, 3, 2], [3, 2, 2]), {"attention_axes": [2, 1]}, **SCORES),
    "apart": Case(
        qv([2, 3, 2, 2], [3, 3, 1, 2]), {"attention_axes": [-2, 1], "value_dim": 2, "use_gate": True, **PENALTY}
    ),
    "ignored": Case(qv([3, 2], [4, 2]), {"attention_axes": [-1]}, "value"),
    "heads": Case({**qv([3, 2], [3, 2]), "attention_mask": [2, 2]}, {"attention_axes": [-1]}, **SCORES),
    "heads_too": Case(
        {**qv([3, 2], [2, 2]), "attention_mask": [3, 2, 2, 1]}, {"attention_axes": [1, 2], "dropout": 0.5}
    ),
    "heads_of_two": Case(qv([2, 3, 2], [2, 3, 2]), {"attention_axes": [3], "use_gate": True}),
}


def made(options):
    """The layer."""
    options = dict(options)
    if "activity_regularizer" in options:
        options["activity_regularizer"] = keras.regularizers.L1L2(**options["activity_regularizer"]["L1L2"])
    return keras.layers.MultiHeadAttention(**options)


def text_of(case):
    """The inputs as in the registry's examples."""
    inputs = []
    for name, shape in case.shapes.items():
        masked = {"masked": shape} if name in case.masked else shape
        inputs.append({name: shape} if name == "attention_mask" else masked)
    return json.dumps(inputs + ([{"call": case.call}] if case.call else []))


def flat(tensors):
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(t)) for t in tensors]).astype("f4")


def run(group, case, numbers):
    def normal(shape):
        return numbers.normal(size=shape).astype("f4")

    layer, tensors, masks, given = made(case.options), {}, [], {}
    for name, shape in case.shapes.items():
        if name == "attention_mask":
            given[name] = tf.constant((numbers.random((ROWS, *shape)) < 0.7).astype("f4"))
            continue
        tensors[name] = tf.Variable(normal((ROWS, *shape)))
    for name in case.masked:
        masks.append((numbers.random((ROWS, *case.shapes[name][:-1])) < 0.7).astype("f4"))
    layer.build(*[(None, *case.shapes[n]) for n in tensors])
    for weight in layer.weights:
        weight.assign(normal(weight.shape) / 2)  # for scores of which float32 keeps enough digits in Keras' softmax
    with tf.GradientTape() as tape:
        read = {name: tf.identity(t) for name, t in tensors.items()}
        for name, mask in zip(case.masked, masks):
            keras.src.backend.set_keras_mask(read[name], tf.constant(mask != 0))
        results = layer(**read, **given, **case.call, training=False)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        weighted = [normal(r.shape) for r in results]
        penalty = tf.add_n(layer.losses) if layer.losses else tf.constant(0.0)
        whole = tf.add_n([tf.reduce_sum(r * w) for r, w in zip(results, weighted)]) + penalty
    sources = [*tensors.values(), *[w.value for w in layer.weights]]
    grads = tape.gradient(whole, sources, unconnected_gradients="zero")
    group["in"] = flat([*tensors.values(), *given.values(), *masks])
    group["weights"], group["out"], group["out_grad"] = flat(layer.weights), flat(results), flat(weighted)
    group["penalty"] = flat([penalty])
    group["in_grad"], group["weight_grad"] = flat(grads[: len(tensors)]), flat(grads[len(tensors) :])
    group.attrs["options"], group.attrs["input"] = json.dumps(case.options), text_of(case)
    group.attrs["names"] = json.dumps([w.path.split("/", 1)[1] for w in layer.weights])


def main():
    numbers = np.random.default_rng(11)
    with h5py.File("heads_ref.h5", "w", libver=("v108", "v108")) as f:
        for name, case in CASES.items():
            run(f.create_group(name), case, numbers)


if __name__ == "__main__":
    main()
