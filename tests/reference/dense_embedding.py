"""Trains a reference model anew on torch: python dense_embedding.py MODEL.h5 MODEL_ref.h5

On TensorFlow Keras gives Adam the gradient of an embedding as slices, one an id of the batch, and their
squares are added one by one where an id comes twice; on other backends the gradient is a tensor, as ours."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"
import h5py
import keras

model = keras.models.load_model(sys.argv[1])
optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
weights = model._compile_config.config.get("loss_weights")
model.compile(optimizer=optimizer, loss=model.loss, loss_weights=weights)
with h5py.File(sys.argv[2], "r+") as f:
    x, y = ([values[()] for values in f[group].values()] for group in "xy")  # in the order of their names
    if len(x) > 1:
        x = [f["x"][given.name][()] for given in model.inputs]
    for step in range(6):
        loss = model.train_on_batch(x, y, return_dict=True)["loss"]
        f["loss"][step] = float(loss)
        for i, weight in enumerate(model.trainable_variables):
            if step in (0, 4):
                f[f"w{step + 1}/{i}"][...] = keras.ops.convert_to_numpy(weight)
        for i, slot in enumerate(model.optimizer.variables):
            if step == 4:
                f[f"opt5/{i}"][...] = keras.ops.convert_to_numpy(slot)
