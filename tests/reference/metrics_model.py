"""A model of Keras' with many metrics, and what its evaluation says of them: metrics_model.h5,
metrics_model.keras and metrics_model_ref.h5 (x, y, sample_weight; result/NAME).

    python metrics_model.py DIRECTORY
"""
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import h5py
import keras
import numpy as np

M = keras.metrics
random = np.random.default_rng(5)
x = random.normal(size=(120, 4)).astype("float32")
y = np.eye(3, dtype="float32")[np.argmax(x[:, :3] + random.normal(size=(120, 3)) / 2, 1)]
weight = (random.integers(0, 5, 120) / 2).astype("float32")


def metrics(name):
    return [
        M.TruePositives(name=name + "tp"), M.TrueNegatives(thresholds=[0.3, 0.6], name=name + "tn"),
        M.FalsePositives(name=name + "fp"), M.FalseNegatives(name=name + "fn"),
        M.Precision(thresholds=[0.2, 0.7], name=name + "precision"),
        M.Precision(class_id=1, top_k=2, name=name + "second"), M.Recall(name=name + "recall"),
        M.F1Score(name=name + "f1"), M.F1Score(average="weighted", name=name + "weighted"),
        M.FBetaScore(beta=2.0, average="macro", threshold=0.4, name=name + "fbeta"),
        M.AUC(name=name + "auc"), M.AUC(curve="PR", multi_label=True, num_labels=3, name=name + "pr"),
        M.AUC(curve="PRGAIN", thresholds=[0.2, 0.5], name=name + "gain"),
        M.SensitivityAtSpecificity(0.8, name=name + "sensitivity"),
        M.SpecificityAtSensitivity(0.9, class_id=2, name=name + "specificity"),
        M.PrecisionAtRecall(0.9, name=name + "at_recall"),
        M.RecallAtPrecision(0.9, num_thresholds=50, name=name + "at_precision"),
        M.TopKCategoricalAccuracy(k=2, name=name + "top"),
        M.OneHotIoU(3, [0, 2], name=name + "iou"), M.OneHotMeanIoU(3, name=name + "mean_iou"),
        M.R2Score(class_aggregation=None, name=name + "r2"), M.PearsonCorrelation(name=name + "pearson"),
    ]


def main():
    keras.utils.set_random_seed(1)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((4,)), dense(5, activation="tanh"), dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=metrics(""), weighted_metrics=metrics("w_"))
    model.fit(x, y, epochs=5, batch_size=30, verbose=0)
    for end in "keras", "h5":  # in this order: the other takes the optimizer from the archive's config
        model.save(os.path.join(sys.argv[1], "metrics_model." + end))
    found = model.evaluate(x, y, sample_weight=weight, batch_size=len(x), return_dict=True, verbose=0)
    with h5py.File(os.path.join(sys.argv[1], "metrics_model_ref.h5"), "w") as out:
        out["data/x"], out["data/y"], out["data/sample_weight"] = x, y, weight
        for name, value in found.items():
            out["result/" + name] = np.asarray(value)


main()
