"""What Keras' callbacks decide on given numbers, for tests/unit/train_callback_traces.c.

    python callbacks.py >callbacks_ref.json

The loop of Model.fit without its steps: the callbacks' events in Keras' order, on a model of one
weight that is set to the number of the epoch before each epoch's end, so that what is restored can
be seen. Files are not written, but named. Keras 3.15.1 on TensorFlow 2.21."""

import itertools
import json
import os
import random
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras  # noqa: E402
import numpy as np  # noqa: E402

BATCHES = 2
NAN = float("nan")


def make_model():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss="mse",
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy"), "mae"],
    )
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    return model


def make_schedule(given):
    """As the run file's `schedule`: a list, or {epoch: rate}."""

    def schedule(epoch, rate):
        if isinstance(given, list):
            return given[min(epoch, len(given) - 1)]
        for first, value in given.items():
            if int(first) <= epoch:
                rate = value
        return rate

    return schedule


def make_callback(name, options, directory):
    options = dict(options)
    if name == "LearningRateScheduler":
        options["schedule"] = make_schedule(options["schedule"])
    if name == "CSVLogger":
        options["filename"] = os.path.join(directory, options["filename"])
    return getattr(keras.callbacks, name)(**options)


def trace(model, directory, callbacks, rows, validation):
    """The epochs that are run, [next rate, logged rate, files] of each; and how it ends."""
    saved = []
    model.save = lambda path, overwrite: saved.append(path)
    model.save_weights = lambda path, overwrite: saved.append(path)
    model.stop_training = False
    model.optimizer.learning_rate = 0.1
    made = [make_callback(*next(iter(c.items())), directory) for c in callbacks]
    for callback in made:
        callback.set_model(model)
        callback.on_train_begin({})
    epochs = []
    for epoch, row in enumerate(rows):
        for callback in made:
            callback.on_epoch_begin(epoch, {})
        for batch in range(BATCHES):
            logs = {"loss": row[0] * (batch + 1), "accuracy": row[1], "mae": row[2]}
            for callback in made:
                callback.on_train_batch_end(batch, logs)
        model.set_weights([np.array([[float(epoch)]])])
        logs = dict(zip(["loss", "accuracy", "mae"], row))
        if validation:
            logs.update(zip(["val_loss", "val_accuracy", "val_mae"], row[3:]))
        for callback in made:
            callback.on_epoch_end(epoch, logs)
        rate = float(model.optimizer.learning_rate)
        epochs.append([rate, logs.get("learning_rate"), list(saved)])
        saved.clear()
        if model.stop_training:
            break
    for callback in made:
        callback.on_train_end({})
    ended = {"weight": float(model.get_weights()[0][0, 0]), "epochs": epochs}
    for name in os.listdir(directory):
        with open(os.path.join(directory, name), newline="") as file:
            ended["csv"] = file.read()
        os.remove(os.path.join(directory, name))
    return ended


def numbers(kind, seed, count=10):
    """Rows of loss, accuracy, mae and the same of the validation."""
    draw = random.Random(seed)
    rows = []
    for i in range(count):
        if kind == "falling":  # with some noise
            loss = 1 / (i + 1) + draw.uniform(0, 0.3)
        elif kind == "plateau":
            loss = max(0.5, 1 - 0.2 * i) + draw.choice([0, 0, 1e-5, 1e-3])
        elif kind == "ties":  # and steps too small for a float32
            loss = 0.7 + draw.choice([0, 0, 1e-9, -1e-9, 1e-7, -1e-7])
        else:
            loss = NAN if draw.random() < 0.3 else draw.uniform(0, 1)
        accuracy = 1 - min(loss, 1) if loss == loss else draw.random()
        row = [loss * 1.1, accuracy, loss / 2, loss, accuracy / 2, loss / 3]
        rows.append([float(number) for number in row])
    return rows


def choices(name, **options):
    for values in itertools.product(*options.values()):
        yield [{name: dict(zip(options, values))}]


def all_callbacks():
    yield from choices(
        "EarlyStopping",
        monitor=["val_loss", "val_accuracy"],
        min_delta=[0, 0.05],
        patience=[0, 2],
        baseline=[None, 0.6],
        restore_best_weights=[False, True],
        start_from_epoch=[0, 3],
    )
    yield [{"EarlyStopping": {"monitor": "mae", "min_delta": -0.01, "patience": 1}}]
    yield [{"EarlyStopping": {"monitor": "loss", "mode": "max", "patience": 3}}]
    yield from choices(
        "ReduceLROnPlateau",
        monitor=["val_loss", "val_accuracy"],
        factor=[0.1, 0.5],
        patience=[0, 1, 3],
        min_delta=[0.0001, 0.05],
        cooldown=[0, 2],
        min_lr=[0, 0.01],
    )
    yield from choices(
        "LearningRateScheduler", schedule=[[0.5], [0.3, 0.2, 0.1], {"0": 0.05}, {"2": 0.02, "5": 0.7}]
    )
    yield from choices(
        "ModelCheckpoint",
        filepath=["best.h5"],
        monitor=["val_loss", "val_accuracy", "mae"],
        mode=["auto", "min", "max"],
        save_best_only=[True],
        initial_value_threshold=[None, 0.4],
    )
    for path in ("{epoch:02d}-{val_loss:.2f}.h5", "e{epoch}{{x}}{loss:+.3e}.keras", "{val_mae:%}.h5"):
        yield [{"ModelCheckpoint": {"filepath": path}}]
    yield from choices(
        "ModelCheckpoint",
        filepath=["{epoch}-{batch:03d}-{loss:08.4f}.weights.h5"],
        save_weights_only=[True],
        save_best_only=[False, True],
        monitor=["loss"],
        save_freq=[3, 5],  # of the first epoch's second save Keras does not know the direction yet
    )
    yield [{"ModelCheckpoint": {"filepath": "{epoch}-{batch}-{mae}.keras", "save_freq": 1}}]
    yield [{"ModelCheckpoint": {"filepath": "{epoch}-{batch}.h5", "save_freq": 2}}]
    yield from choices("CSVLogger", filename=["log.csv"], separator=[",", ";", "."], append=[False])
    yield [
        {"LearningRateScheduler": {"schedule": {"1": 0.3}}},
        {"CSVLogger": {"filename": "log.csv"}},
        {"ReduceLROnPlateau": {"patience": 1, "factor": 0.3}},
        {"ModelCheckpoint": {"filepath": "{learning_rate:.6f}.h5", "save_best_only": True}},
        {"EarlyStopping": {"patience": 3, "restore_best_weights": True}},
    ]
    yield [
        {"ReduceLROnPlateau": {"patience": 1, "factor": 0.3, "monitor": "val_mae"}},
        {"LearningRateScheduler": {"schedule": {"4": 0.3}}},
        {"EarlyStopping": {"monitor": "learning_rate", "mode": "min", "patience": 2}},
        {"CSVLogger": {"filename": "log.csv"}},
    ]


def main():
    model = make_model()
    runs = {kind: numbers(kind, seed) for seed, kind in enumerate(["falling", "plateau", "ties", "nan"])}
    cases = []
    with tempfile.TemporaryDirectory() as directory:
        for number, callbacks in enumerate(all_callbacks()):
            only_rows = all("CSVLogger" in c for c in callbacks)
            for validation in [True, False] if only_rows else [True]:
                for kind in runs if number % 3 == 0 else [list(runs)[number % 3], "nan"]:
                    found = trace(model, directory, callbacks, runs[kind], validation)
                    cases.append(
                        {"callbacks": callbacks, "numbers": kind, "validation": validation, **found}
                    )
    print('{"numbers": {')
    print(",\n".join(f'"{kind}": {json.dumps(rows)}' for kind, rows in runs.items()))
    print('}, "cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
