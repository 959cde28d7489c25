"""The program's TensorBoard callback beside Keras' own: the same model, data and options; the event
files are read by TensorBoard, as its server reads them, and compared: tags, plugins, steps, numbers,
histograms, pictures. The graph and confusion matrices, which Keras does not write, against the model
and its predictions.

    python board.py PROGRAM"""

import json
import os
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ["KERAS_BACKEND"] = "tensorflow"
import h5py
import keras
import numpy as np
import tensorflow as tf
from program import Program
from tensorboard.backend.event_processing import plugin_event_accumulator as accumulator
from tensorboard.plugins.graph import keras_util
from tensorboard.util import tensor_util

EPOCHS, BATCH, SAMPLES, VALIDATION, CLASSES = 3, 16, 80, 40, 3
EVERYTHING = "histogram_freq: 2, update_freq: batch, write_images: true, write_steps_per_second: true"

failures = 0


def check(right, what):
    global failures
    if not right:
        failures += 1
        print(f"FAILED  {what}", flush=True)


class Board:
    """What TensorBoard finds in log_dir/PART."""

    def __init__(self, directory):
        size = {accumulator.TENSORS: 0}
        self.events = accumulator.EventAccumulator(directory, size_guidance=size, tensor_size_guidance={
            "scalars": 0, "histograms": 0, "images": 0})
        self.events.Reload()
        self.tags = sorted(self.events.Tags()["tensors"])

    def plugin(self, tag):
        return self.events.SummaryMetadata(tag).plugin_data.plugin_name

    def steps(self, tag):
        return [e.step for e in self.events.Tensors(tag)]

    def values(self, tag):
        return np.array([tensor_util.make_ndarray(e.tensor_proto) for e in self.events.Tensors(tag)])

    def pictures(self, tag):
        """Arrays [y][x][channel] by event and picture."""
        events = [e.tensor_proto.string_val for e in self.events.Tensors(tag)]
        return [[tf.io.decode_png(png).numpy() for png in strings[2:]] for strings in events]


def sequential():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(CLASSES, activation="softmax", name="out"),
        ],
        name="digits",
    )


def functional():
    x = keras.Input((6, 6, 1), name="x")
    flat = keras.layers.Flatten(name="flat")(x)
    a = keras.layers.Dense(5, activation="tanh", name="a")(flat)
    b = keras.layers.Dense(5, activation="relu", name="b")(flat)
    both = keras.layers.Concatenate(name="both")([a, b])
    return keras.Model(x, keras.layers.Dense(CLASSES, activation="softmax", name="out")(both), name="graph")


def make_data():
    random = np.random.default_rng(5)
    x = random.normal(size=(SAMPLES + VALIDATION, 6, 6, 1)).astype("float32")
    y = (x[:, :3].sum((1, 2, 3)) > 0).astype("int32") + (x[:, 3:].sum((1, 2, 3)) > 1)
    return (x[:SAMPLES], y[:SAMPLES]), (x[SAMPLES:], y[SAMPLES:])


def fit_keras(model, train, validation, directory):
    model.fit(
        *train, validation_data=validation, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0,
        callbacks=[
            keras.callbacks.TensorBoard(
                directory, histogram_freq=2, update_freq="batch", write_images=True, write_steps_per_second=True
            )
        ],
    )


def train_program(program, name, options, *arguments):
    with open(os.path.join(program.directory, f"{name}.yaml"), "w") as f:
        f.write(
            "model: model.keras\n"
            "data: {train: data.h5:train, validation: data.h5:test}\n"
            f"fit: {{batch_size: {BATCH}, epochs: {EPOCHS}, shuffle: false, "
            f"callbacks: [{{TensorBoard: {{{options}}}}}]}}\n"
        )
    program.call("train", f"{name}.yaml", "--quiet", *arguments)
    return os.path.join(program.directory, name)


def compare_part(mine, theirs, what):
    """All that Keras has is there, and what is there besides is ours."""
    own = [t for t in mine.tags if "/gradient/" in t or t in ("confusion_matrix", "__run_graph__")]
    check(sorted(set(mine.tags) - set(own)) == theirs.tags, f"{what}: tags {mine.tags}, Keras' {theirs.tags}")
    for tag in set(theirs.tags) & set(mine.tags):
        plugin = theirs.plugin(tag)
        check(mine.plugin(tag) == plugin, f"{what} {tag}: plugin {mine.plugin(tag)}, Keras' {plugin}")
        check(mine.steps(tag) == theirs.steps(tag), f"{what} {tag}: steps {mine.steps(tag)}, {theirs.steps(tag)}")
        if plugin == "scalars" and "per_second" not in tag:
            compare_numbers(mine.values(tag), theirs.values(tag), f"{what} {tag}")
        elif plugin == "histograms":
            a, b = mine.values(tag), theirs.values(tag)
            compare_numbers(a[:, :, :2], b[:, :, :2], f"{what} {tag}")  # edges
            check((a[:, :, 2].sum(1) == b[:, :, 2].sum(1)).all(), f"{what} {tag}: counts")
        elif plugin == "images":
            compare_pictures(mine.pictures(tag), theirs.pictures(tag), f"{what} {tag}")


def compare_numbers(mine, theirs, what):
    error = np.abs(mine - theirs).max()
    check(error <= 2e-5, f"{what}: differs by {error}")


def compare_pictures(mine, theirs, what):
    for a, b in zip(mine, theirs, strict=True):
        for one, other in zip(a, b, strict=True):
            same = one.shape == other.shape and np.abs(one.astype(int) - other).max() <= 1
            check(same, f"{what}: {one.shape} {other.shape}")


def compare_history(run, board):
    with h5py.File(os.path.join(run, "history.h5")) as f:
        for part, before in (("train", ""), ("validation", "val_")):
            for name in ("loss", "accuracy"):
                wanted = f["epoch"][before + name][()].astype("float32")
                check((board[part].values(f"epoch_{name}") == wanted).all(), f"{part} epoch_{name}: not the history's")
        steps = f["step/loss"][()].astype("float32")[:: SAMPLES // BATCH]  # the first of each epoch
        check((board["train"].values("batch_loss")[:: SAMPLES // BATCH] == steps).all(), "batch_loss: not the history's")


def compare_graphs(board, model):
    graph = tf.compat.v1.GraphDef.FromString(board.events.Graph().SerializeToString())
    names = {n.name: list(n.input) for n in graph.node}
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        check(names.get(layer.name) == [t._keras_history.operation.name for t in inputs],
              f"graph: {layer.name} of {names.get(layer.name)}")
        shape = [d.size for n in graph.node if n.name == layer.name for d in n.attr["_output_shapes"].list.shape[0].dim]
        check(shape == [-1, *layer.output.shape[1:]], f"graph: {layer.name} has shape {shape}")
    config = json.loads(board.events.Tensors("keras")[0].tensor_proto.string_val[0])
    mine = keras_util.keras_model_to_graph_def(config)
    theirs = keras_util.keras_model_to_graph_def(json.loads(model.to_json()))
    ways = [{n.name: list(n.input) for n in g.node} for g in (mine, theirs)]
    check(ways[0] == ways[1], f"conceptual graph: {ways}")


def compare_confusion(program, run, board, validation):
    """By the colours: the part of each true class that is taken for each."""
    program.call("predict", os.path.basename(run), "--data", "data.h5:test", "-o", "predicted.h5", "--quiet")
    with h5py.File(os.path.join(program.directory, "predicted.h5")) as f:
        predicted = next(iter(f["predictions"].values()))[()].argmax(1)
    count = np.zeros((CLASSES, CLASSES))
    np.add.at(count, (validation[1], predicted), 1)
    part = count / np.maximum(count.sum(1, keepdims=True), 1)
    (picture,) = board.pictures("confusion_matrix")[-1]
    edge, field = 40, (picture.shape[0] - 40) // CLASSES
    corners = picture[edge + 1 :: field, edge + 1 :: field, 0]
    check(np.abs(corners - (255 - part * 247)).max() <= 1, f"confusion matrix: {count}")


def check_model(model, directory):
    train, validation = make_data()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.save(os.path.join(directory, "model.keras"))
    program = Program(os.path.abspath(sys.argv[1]), directory)
    with h5py.File(os.path.join(directory, "data.h5"), "w") as f:
        f["train/x"], f["train/y"] = train
        f["test/x"], f["test/y"] = validation
    fit_keras(model, train, validation, os.path.join(directory, "keras"))
    run = train_program(program, "run", EVERYTHING + ", confusion_matrix: true")
    boards = {part: Board(os.path.join(run, "logs", part)) for part in ("train", "validation")}
    for part, board in boards.items():
        compare_part(board, Board(os.path.join(directory, "keras", part)), f"{model.name} {part}")
    gradients = [t for t in boards["train"].tags if t.endswith("/gradient/histogram")]
    check(len(gradients) == len(model.trainable_weights), f"{model.name}: gradients {gradients}")
    compare_history(run, boards)
    compare_graphs(boards["train"], model)
    compare_confusion(program, run, boards["validation"], validation)
    print(f"{model.name}: {sum(len(b.tags) for b in boards.values())} tags compared", flush=True)


def main():
    for make in (sequential, functional):
        with tempfile.TemporaryDirectory(prefix="lockstep-keras-") as directory:
            check_model(make(), directory)
    print(f"{failures} failures")
    return 1 if failures else 0


sys.exit(main())
