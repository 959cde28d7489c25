"""Milliseconds a step of Keras' fit (TensorFlow) on 784-128-10: the best of several epochs, data in memory.

    python peer_keras.py BATCH [THREADS]     THREADS 0: as TensorFlow chooses
Prints the milliseconds alone.
"""
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
from keras import layers

BATCHES, ROUNDS = 400, 4

batch = int(sys.argv[1])
threads = int(sys.argv[2]) if len(sys.argv) > 2 else 0
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
model = keras.Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(128, "relu"), layers.Dropout(0.2),
                          layers.Dense(10)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
x = np.random.rand(BATCHES * batch, 28, 28).astype("f4")
y = np.random.randint(0, 10, BATCHES * batch)
best = float("inf")
for _ in range(ROUNDS + 1):
    start = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    best = min(best, time.perf_counter() - start)
print(f"{best / BATCHES * 1e3:.4f}")
