"""Events of TensorFlow's own, events_ref.tfevents, for unit/store_events.c, which has the same numbers.

    python tests/reference/events.py
"""
import os
import pathlib
import shutil
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, graph_pb2

here = pathlib.Path(__file__).parent


def layer(graph, name, op, inputs, size):
    node = graph.node.add(name=name, op=op, input=inputs)
    shape = node.attr["_output_shapes"].list.shape.add()
    for n in (-1, *size):
        shape.dim.add(size=n)


def graph():
    """The layers that the test's model has, as Keras' config of it has them in TensorBoard."""
    made = graph_pb2.GraphDef()
    layer(made, "input_layer", "InputLayer", [], (4,))
    layer(made, "hidden", "Dense", ["input_layer"], (3,))
    layer(made, "out", "Dense", ["hidden"], (2,))
    return made.SerializeToString(deterministic=True)


def main():
    directory = tempfile.mkdtemp()
    writer = tf.summary.create_file_writer(directory)
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    with writer.as_default():
        tf.summary.scalar("epoch_loss", 0.1, step=0)
        tf.summary.scalar("batch_accuracy", -2.5e-3, step=300)
        values = np.array([(i * 7 % 101 - 40) / 51 for i in range(101)], "float32")
        tf.summary.histogram("hidden/kernel/histogram", values, step=2)
        tf.summary.histogram("hidden/bias/histogram", np.full(5, 0.25, "float32"), step=2)
        tf.summary.write("keras", '{"class_name": "Sequential"}', step=0, metadata=metadata)
    writer.close()
    (file,) = pathlib.Path(directory).iterdir()
    with tf.io.TFRecordWriter(str(here / "events_ref.tfevents")) as records:
        for record in tf.data.TFRecordDataset(str(file)):
            records.write(record.numpy())
        event = event_pb2.Event(wall_time=1.0, graph_def=graph())
        records.write(event.SerializeToString(deterministic=True))
    shutil.rmtree(directory)


if __name__ == "__main__":
    main()
