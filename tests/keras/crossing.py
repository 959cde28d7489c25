"""One random model on its way between Keras and the program: every file both ways, and what is
trained, compared."""

import os
import random

import keras
import numpy as np
import objectives
from graphs import Maker
from images import Images
from program import Refused
from series import Series

PREDICTION, WEIGHT = 1e-5, 1e-4  # relative to max(1, |x|)
STEPS = 5
LARGEST = 1e3  # models with larger numbers are of no use: their rounding errors are as large
ROUNDING = 1e-2  # the most that rounding errors can be made responsible for

FAMILIES = {"graphs": Maker, "images": Images, "series": Series}


class Differs(Exception):
    """Keras and the program do not agree; what on."""


def distance(found, expected):
    """The largest difference relative to max(1, |expected|); infinite where shapes differ or NaN is."""
    found, expected = np.asarray(found, "f8"), np.asarray(expected, "f8")
    if found.shape != expected.shape:
        return float("inf")
    if found.size == 0:
        return 0.0
    worst = np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected)))
    return float(worst) if np.isfinite(worst) else float("inf")


def layer_weights(model):
    """[(layer's name, [array])] as files have them."""
    made = []
    for layer in model.layers:
        weights = layer.trainable_weights + layer.non_trainable_weights
        weights = [w for w in weights if "seed_generator" not in w.path]
        made.append((layer.name, [np.array(w) for w in weights]))
    return made


def all_layers(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)


class Crossing:
    def __init__(self, seed, family, program):
        self.seed, self.family, self.program = seed, FAMILIES[family], program
        self.problems = []
        self.error, self.rounding = None, 0
        self.file = lambda name: os.path.join(program.directory, name)
        for attempt in range(50):
            self.build(attempt)
            if self.is_tame():
                break
        else:
            raise Differs("no model with finite numbers in 50 attempts")
        self.what = self.describe()

    # -- the model

    def build(self, attempt):
        keras.backend.clear_session()
        seed = f"{self.seed[0]}/{self.seed[1]}/{attempt}"
        keras.utils.set_random_seed(random.Random(seed).randrange(2**31))
        maker = self.maker = self.family(random.Random(seed))
        count = maker.pick([1, 1, 1, 2, 2, 3]) if self.family is Maker else 1
        outputs = [objectives.Output(maker) for _ in range(count)]
        self.model = maker.model([o.head for o in outputs])
        outputs += [objectives.Output(maker, "regression") for _ in range(maker.extra)]
        if isinstance(getattr(self.model, "_outputs_struct", None), dict):  # Keras sorts them by name
            outputs = [outputs[maker.keys.index(n)] for n in objectives.output_names(self.model)]
        numbers = np.random.default_rng(maker.some(0, 2**31))
        self.samples = maker.some(1, 13)
        self.inputs = objectives.inputs(maker, self.model, numbers, self.samples)
        shapes = [tuple(t.shape[1:]) for t in self.model.outputs]
        self.targets = [o.targets(numbers, self.samples, s) for o, s in zip(outputs, shapes)]
        self.weights = objectives.sample_weights(maker, numbers, self.samples, shapes)
        self.arguments = objectives.compile_arguments(maker, self.model, outputs)
        self.model.compile(**self.arguments, run_eagerly=True)
        self.start = self.model.get_weights()

    def describe(self):
        nested = sum(isinstance(layer, keras.Model) for layer in self.model.layers)
        kind = type(self.model).__name__ + (f" with {nested} nested" if nested else "")
        losses = self.arguments["loss"]
        losses = losses.values() if isinstance(losses, dict) else losses if isinstance(losses, list) else [losses]
        losses = [loss if isinstance(loss, str) else getattr(loss, "name", "none") for loss in losses]
        optimizer = type(self.model.optimizer).__name__
        notes = {"masks": self.maker.masks, "weights": self.weights, "dropout": self.maker.drops}
        notes = ", ".join(name for name, said in notes.items() if said)
        kind += f" ({notes})" if notes else ""
        return f"{kind}, {len(self.model.layers)} layers, {optimizer}, {'; '.join(losses)}, {self.samples} samples"

    def x(self):
        names = objectives.input_names(self.model)
        structure = getattr(self.model, "_inputs_struct", None)
        return self.packed(structure, names, self.inputs)

    def y(self):
        structure = getattr(self.model, "_outputs_struct", None)
        return self.packed(structure, objectives.output_names(self.model), self.targets)

    def w(self):
        structure = getattr(self.model, "_outputs_struct", None)
        return self.weights and self.packed(structure, objectives.output_names(self.model), self.weights)

    @staticmethod
    def packed(structure, names, values):
        if isinstance(structure, dict):
            return dict(zip(names, values))
        return list(values) if isinstance(structure, (list, tuple)) else values[0]

    def predict(self, model):
        """Predictions in the order of outputs, without Keras' loop of batches."""
        found = model(keras.tree.map_structure(keras.ops.convert_to_tensor, self.x()), training=False)
        return [np.array(t) for t in keras.tree.flatten(found)]

    def train(self, model, steps):
        """What was reported by step: [{name: value}]."""
        reports = []
        model.run_eagerly = True  # small models are sooner trained than compiled
        for _ in range(steps):
            model.reset_metrics()
            reports.append(model.train_on_batch(self.x(), self.y(), self.w(), return_dict=True))
        return reports

    def is_tame(self):
        """Whether its weights move, and its numbers stay small."""
        model = keras.models.clone_model(self.model)
        model.set_weights(self.start)
        compile_with = {**self.arguments, "optimizer": "sgd", "metrics": None, "weighted_metrics": None}
        model.compile(**compile_with, run_eagerly=True)
        numbers = self.predict(model) + [r["loss"] for r in self.train(model, STEPS)] + model.get_weights()
        moved = max([distance(a, b) for a, b in zip(model.get_weights(), self.start)], default=0)
        return 1e-4 < moved and all(np.all(np.isfinite(n)) and np.all(np.abs(n) < LARGEST) for n in numbers)

    # -- comparing

    def expect(self, what, found, expected, tolerance):
        d = distance(found, expected)
        if d > tolerance and tolerance == WEIGHT:  # where rounding errors grow, they grow in Keras too
            tolerance = max(tolerance, min(10 * self.own_error(), ROUNDING))
            if d <= tolerance:
                self.rounding = max(self.rounding, d)
        if d > tolerance:
            self.problems.append(f"{what}: {d:.2e} apart, {tolerance:.0e} allowed")

    def own_error(self):
        """How far Keras' weights in float32 come to be from those in float64."""
        if self.error is None:
            models = []
            for dtype in ["float32", "float64"]:
                keras.config.set_floatx(dtype)
                with open(self.file("before.json")) as f:
                    model = keras.models.model_from_json(f.read().replace("float32", dtype))
                model.set_weights(self.start)
                models.append(model)
            self.error = 0
            for _ in range(STEPS + 2):
                weights = []
                for dtype, model in zip(["float32", "float64"], models):
                    keras.config.set_floatx(dtype)
                    self.train(model, 1)
                    weights.append(model.get_weights())
                self.error = max([self.error] + [distance(a, b) for a, b in zip(*weights)])
            keras.config.set_floatx("float32")
        return self.error

    def expect_predictions(self, what, found, expected):
        names = objectives.output_names(self.model)
        if sorted(found) != sorted(set(names)):
            self.problems.append(f"{what}: outputs {sorted(found)}, Keras has {sorted(names)}")
            return
        for name, e in zip(names, expected):
            self.expect(f"{what}: output {name}", found[name], e, PREDICTION)

    def expect_weights(self, what, found, expected):
        if self.maker.drops:
            return
        found = [(n, w) for n, w in found if w]
        expected = [(n, w) for n, w in expected if w]
        if [n for n, _ in found] != [n for n, _ in expected]:
            self.problems.append(f"{what}: layers {[n for n, _ in found]}, Keras has {[n for n, _ in expected]}")
            return
        for (name, f), (_, e) in zip(found, expected):
            if len(f) != len(e):
                self.problems.append(f"{what}: {name} has {len(f)} weights, in Keras {len(e)}")
            for i, (a, b) in enumerate(zip(f, e)):
                self.expect(f"{what}: {name}[{i}]", a, b, WEIGHT)

    def expect_reports(self, what, history, reports):
        if self.maker.drops or not objectives.has_own_names(self.model):
            return
        for name in reports[0]:
            if name not in history:
                self.problems.append(f"{what}: no {name} in the history, which has {sorted(history)}")
                continue
            self.expect(f"{what}: {name}", history[name], [float(r[name]) for r in reports], WEIGHT)

    def attempt(self, what, action):
        try:
            return action()
        except Refused as problem:
            self.problems.append(f"{what}: {problem}")
            return None

    # -- the way

    def columns(self):
        inputs, outputs = objectives.input_names(self.model), objectives.output_names(self.model)
        columns = {"x": self.inputs[0]} if len(inputs) == 1 else dict(zip(inputs, self.inputs))
        columns.update({"y": self.targets[0]} if len(outputs) == 1 else dict(zip(outputs, self.targets)))
        for name, weights in zip(outputs, self.weights or []):
            columns[f"{name}_sample_weight" if len(outputs) > 1 else "sample_weight"] = weights
        return columns

    def save(self, name):
        self.model.save(self.file(f"{name}.keras"))
        self.model.save(self.file(f"{name}.h5"))
        # Keras' writer of .h5 takes the optimizer out of what the model knows of its compile.
        self.model._compile_config.config["optimizer"] = self.model.optimizer

    def run(self):
        """The list of what differs."""
        model = self.model
        self.program.write_data(self.columns())
        self.save("before")
        model.save_weights(self.file("before.weights.h5"))
        with open(self.file("before.json"), "w") as f:
            f.write(model.to_json())
        first = self.predict(model)
        reports = self.train(model, 2)
        self.save("middle")
        reports += self.train(model, 2)
        four = layer_weights(model)
        reports += self.train(model, STEPS - 4)
        self.save("after")
        self.last, self.reports, self.trained = self.predict(model), reports, layer_weights(model)
        self.check_reading(first)
        self.check_training()
        self.check_going_on(four)
        return self.problems

    def check_reading(self, first):
        with open(self.file("described.yaml"), "w") as f:
            f.write("model: before.json\nweights: before.weights.h5\ndata: {train: data.h5:all}\n")
        self.attempt("json and weights", lambda: self.program.export("described.yaml", "described.h5"))
        for name, expected in [("before.h5", first), ("before.keras", first), ("described.h5", first)]:
            self.check_predict(f"predict from {name}", name, expected)
        for name in ["after.h5", "after.keras"]:
            self.check_predict(f"predict from {name}", name, self.last)

    def check_predict(self, what, model, expected):
        if model == "described.h5" and not os.path.exists(self.file(model)):
            return
        found = self.attempt(what, lambda: self.program.predict(model))
        if found is not None:
            self.expect_predictions(what, found, expected)

    def check_training(self):
        for ranks in [1, 3]:
            source = f"before.{self.maker.pick(['h5', 'keras'])}"
            what = f"{STEPS} steps from {source} on {ranks} ranks"
            run = self.attempt(what, lambda: self.program.train(source, STEPS, self.samples, ranks))
            if run is None:
                continue
            self.expect_weights(what, self.program.weights(run), self.trained)
            self.expect_reports(what, self.program.history(run), self.reports)
            if ranks == 1:
                self.check_export(run)

    def check_export(self, run):
        """Trained here, opened there: the same predictions, and the same two steps more."""
        found = self.attempt("predict here", lambda: self.program.predict(run))
        if found is None or self.attempt("export", lambda: self.program.export(run, "made.keras") or True) is None:
            return
        names = objectives.output_names(self.model)
        mine = [found[n] for n in names]
        archive = keras.models.load_model(self.file("made.keras"))
        checkpoint = keras.models.load_model(self.file(f"{run}/model.h5"))
        # Keras' reader of .h5 leaves an adapted Normalization with the mean and variance before that.
        for layer in all_layers(checkpoint):
            if isinstance(layer, keras.layers.Normalization):
                layer.finalize_state()
        for what, model in [("export", archive), ("checkpoint", checkpoint)]:
            for name, a, b in zip(names, mine, self.predict(model)):
                self.expect(f"{what} in Keras: output {name}", b, a, PREDICTION)
        self.train(checkpoint, 1)
        self.train(archive, 2)
        what = "2 more steps, here and from the export in Keras"
        if self.attempt(what, lambda: self.program.resume(run, STEPS + 2) or True):
            self.expect_weights(what, self.program.weights(run), layer_weights(archive))

    def check_going_on(self, expected):
        for source in ["middle.keras", "middle.h5"]:
            what = f"2 steps on from {source}"
            run = self.attempt(what, lambda: self.program.train(source, 2, self.samples))
            if run is not None:
                self.expect_weights(what, self.program.weights(run), expected)
