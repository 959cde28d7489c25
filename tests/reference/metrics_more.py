"""Metrics by Keras 3.15 on TensorFlow and by scikit-learn: metrics_more_ref.h5.

    python metrics_more.py OUT.h5

A group a case, as in metrics_ref.h5: y_true, y_pred, sample_weight; result, result_weighted; the
attribute config, as Keras writes it. Predictions lie on a grid, so that there are ties and some are
at thresholds; a tenth of the weights is 0. Cases named all_*, one_* and so on are the degenerate
ones: targets of one class alone, a single sample, a class that is nowhere, weights that are all 0.
"""
import json
import os
import sys
import warnings

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
warnings.simplefilter("ignore")
import h5py
import keras
import numpy as np
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

M = keras.metrics
random = np.random.default_rng(7)
SAMPLES, CLASSES = 90, 5


def weights(n):
    return (random.integers(0, 10, n) / 8).astype("float32")


def grid(shape, steps):
    return (random.integers(0, steps + 1, shape) / steps).astype("float32")


def one_hot(classes, columns):
    return np.eye(columns, dtype="float32")[classes]


classes = random.integers(0, CLASSES, SAMPLES)
scores = grid((SAMPLES, CLASSES), 20)
scores[np.arange(SAMPLES), classes] += (random.random(SAMPLES) < 0.5) * np.float32(0.5)
scores = np.minimum(scores, 1)
positive = (random.random((SAMPLES, 1)) < 0.4).astype("float32")
labels = (random.random((SAMPLES, 4)) < 0.3).astype("float32")
numbers = random.normal(size=(SAMPLES, 3)).astype("float32")
few = random.integers(0, CLASSES, SAMPLES).astype("float32")
flipped = np.where(random.random(SAMPLES) < 0.6, few, (few + 1) % CLASSES).astype("float32")

DATA = {  # y_true, y_pred
    "binary": (positive, np.minimum(grid((SAMPLES, 1), 20) + positive * np.float32(0.25), 1)),
    "logits": (positive, random.normal(size=(SAMPLES, 1)).astype("float32") + positive),
    "hot": (one_hot(classes, CLASSES), scores),
    "sparse": (classes.astype("float32"), scores),
    "labels": (labels, np.minimum(grid((SAMPLES, 4), 40) + labels * np.float32(0.25), 1)),
    "numbers": (numbers, (numbers + random.normal(size=numbers.shape) / 2).astype("float32")),
    "number": (numbers[:, :1], numbers[:, :1] * np.float32(0.5)),
    "ids": (few[:, None], flipped[:, None]),
    "ties": (one_hot(classes, CLASSES), grid((SAMPLES, CLASSES), 2)),
    "sparse_ties": (classes.astype("float32"), grid((SAMPLES, CLASSES), 2)),
    "sorted_ids": (classes.astype("float32"),
                   np.stack([random.permutation(CLASSES) for _ in range(SAMPLES)]).astype("float32")),
    "all_positive": (np.ones((20, 1), "float32"), grid((20, 1), 10)),
    "all_negative": (np.zeros((20, 1), "float32"), grid((20, 1), 10)),
    "all_wrong": (positive, 1 - positive),
    "all_right": (positive, positive),
    "one_sample": (np.ones((1, 1), "float32"), np.full((1, 1), 0.75, "float32")),
    "one_row": (one_hot(np.array([2]), 3), np.array([[0.25, 0.25, 0.5]], "float32")),
    "empty_class": (one_hot(classes % 3, CLASSES), scores * np.array([1, 1, 0, 1, 0], "float32")),
    "one_class": (one_hot(np.zeros(20, int), 3), one_hot(np.zeros(20, int), 3)),
    "constant": (np.full((10, 1), 2, "float32"), grid((10, 1), 4)),
    "same_constant": (np.full((10, 1), 2, "float32"), np.full((10, 1), 2, "float32")),
}

WEIGHTS = {case: weights(len(y_true)) for case, (y_true, _) in DATA.items()}
WEIGHTS["one_row"][:] = 0

OPTIONS = [  # metric, cases
    (lambda: M.TruePositives(), "binary labels one_sample all_negative"),
    (lambda: M.TrueNegatives(thresholds=[0.75, 0.25, 0.5]), "binary labels"),
    (lambda: M.FalsePositives(thresholds=0.25), "binary labels all_positive"),
    (lambda: M.FalseNegatives(thresholds=[0.0, 0.5, 1.0]), "binary labels all_positive"),
    (lambda: M.Precision(), "binary hot all_positive all_negative all_right one_sample"),
    (lambda: M.Precision(thresholds=[0.75, 0.25]), "binary labels"),
    (lambda: M.Precision(thresholds=[0.0, 0.25, 0.5, 0.75, 1.0]), "binary"),
    (lambda: M.Precision(top_k=2), "hot ties empty_class"),
    (lambda: M.Precision(top_k=2, thresholds=0.75), "hot ties"),
    (lambda: M.Precision(class_id=2), "hot labels empty_class"),
    (lambda: M.Recall(), "binary hot all_positive all_negative all_right one_sample"),
    (lambda: M.Recall(thresholds=[0.2, 0.7]), "binary"),
    (lambda: M.Recall(top_k=3, class_id=1), "hot ties"),
    (lambda: M.Recall(class_id=4), "hot empty_class"),
    (lambda: M.F1Score(), "hot labels ties empty_class one_row"),
    (lambda: M.F1Score(average="macro"), "hot empty_class one_class"),
    (lambda: M.F1Score(average="micro", threshold=0.5), "hot labels"),
    (lambda: M.F1Score(average="weighted"), "hot empty_class one_class"),
    (lambda: M.F1Score(threshold=0.5), "binary all_positive all_negative one_sample"),
    (lambda: M.F1Score(), "binary"),
    (lambda: M.FBetaScore(beta=2.0), "hot"),
    (lambda: M.FBetaScore(beta=0.5, average="micro"), "hot"),
    (lambda: M.FBetaScore(beta=0.25, average="macro", threshold=0.25), "labels hot"),
    (lambda: M.FBetaScore(beta=3.0, average="weighted", threshold=0.75), "labels"),
    (lambda: M.AUC(), "binary labels all_positive all_negative all_wrong all_right one_sample"),
    (lambda: M.AUC(curve="PR"), "binary labels all_positive all_negative all_wrong all_right"),
    (lambda: M.AUC(curve="PRGAIN"), "binary all_wrong all_negative all_right"),
    (lambda: M.AUC(num_thresholds=20, summation_method="minoring"), "binary"),
    (lambda: M.AUC(num_thresholds=2), "binary"),
    (lambda: M.AUC(curve="PR", summation_method="majoring", num_thresholds=20), "binary labels"),
    (lambda: M.AUC(curve="PR", summation_method="minoring", num_thresholds=20), "binary"),
    (lambda: M.AUC(curve="PRGAIN", summation_method="majoring", num_thresholds=7), "binary"),
    (lambda: M.AUC(thresholds=[0.9, 0.2, 0.5, 0.55]), "binary labels"),
    (lambda: M.AUC(thresholds=[0.75, 0.25, 0.5], curve="PR"), "binary"),
    (lambda: M.AUC(multi_label=True), "labels hot empty_class"),
    (lambda: M.AUC(multi_label=True, num_labels=4, curve="PR",
                   label_weights=[1.0, 2.0, 0.5, 0.0]), "labels"),
    (lambda: M.AUC(multi_label=True, thresholds=[0.1, 0.8], label_weights=[1.0, 2.0, 0.5, 3.0]),
     "labels"),
    (lambda: M.AUC(label_weights=[1.0, 2.0, 0.5, 0.25]), "labels"),
    (lambda: M.AUC(from_logits=True), "logits"),
    (lambda: M.SensitivityAtSpecificity(0.75), "binary labels all_positive all_negative"),
    (lambda: M.SensitivityAtSpecificity(0.25, num_thresholds=1), "binary"),
    (lambda: M.SpecificityAtSensitivity(0.75, class_id=1), "labels"),
    (lambda: M.SpecificityAtSensitivity(0.75), "binary all_positive all_negative"),
    (lambda: M.PrecisionAtRecall(0.6, num_thresholds=50), "binary labels"),
    (lambda: M.PrecisionAtRecall(0.6, num_thresholds=2), "binary"),
    (lambda: M.RecallAtPrecision(0.6), "binary labels"),
    (lambda: M.RecallAtPrecision(1.0), "binary all_right all_wrong"),
    (lambda: M.TopKCategoricalAccuracy(k=2), "hot ties"),
    (lambda: M.TopKCategoricalAccuracy(), "hot one_row"),
    (lambda: M.SparseTopKCategoricalAccuracy(k=3), "sparse sparse_ties"),
    (lambda: M.SparseTopKCategoricalAccuracy(k=2, from_sorted_ids=True), "sorted_ids"),
    (lambda: M.Accuracy(), "ids hot"),
    (lambda: M.R2Score(), "numbers number constant same_constant"),
    (lambda: M.R2Score(class_aggregation=None, num_regressors=2), "numbers number"),
    (lambda: M.R2Score(class_aggregation="variance_weighted_average"), "numbers"),
    (lambda: M.R2Score(num_regressors=9), "constant"),
    (lambda: M.MeanIoU(CLASSES), "ids"),
    (lambda: M.MeanIoU(CLASSES, dtype="float32", ignore_class=1), "ids"),
    (lambda: M.MeanIoU(CLASSES, sparse_y_pred=False, dtype="float32"), "sparse"),
    (lambda: M.MeanIoU(3, sparse_y_pred=False), "sparse"),
    (lambda: M.MeanIoU(CLASSES, sparse_y_true=False, sparse_y_pred=False), "hot empty_class"),
    (lambda: M.IoU(CLASSES, [1, 3]), "ids"),
    (lambda: M.IoU(CLASSES, [4], sparse_y_pred=False, sparse_y_true=False), "hot empty_class"),
    (lambda: M.BinaryIoU(), "binary labels all_positive one_sample"),
    (lambda: M.BinaryIoU(target_class_ids=[1], threshold=0.25, dtype="float32"), "binary labels"),
    (lambda: M.OneHotIoU(CLASSES, [0, 2], dtype="float32"), "hot empty_class"),
    (lambda: M.OneHotMeanIoU(CLASSES, ignore_class=0), "hot ties"),
    (lambda: M.PearsonCorrelation(), "numbers labels"),
    (lambda: M.ConcordanceCorrelation(), "numbers labels"),
]


def by_keras(make, y_true, y_pred, weight):
    metric = make()
    if isinstance(metric, M.BinaryIoU) and weight is not None:
        weight = np.repeat(weight, y_true.shape[-1])  # it wants one for every number
    metric.update_state(y_true, y_pred, sample_weight=weight)
    return np.asarray(metric.result())


def to_classes(y, threshold):
    return y.argmax(-1) if y.shape[-1] > 1 else (y[:, 0] > threshold).astype(int)


def by_sklearn(config, y_true, y_pred, weight):
    options = config["config"]
    threshold = options.get("threshold", 0.5)
    wanted, found = to_classes(y_true, 0.5), to_classes(y_pred, threshold)
    if config["class_name"] == "lockstep>MatthewsCorrelation":
        return matthews_corrcoef(wanted, found, sample_weight=weight)
    columns = max(2, y_true.shape[-1])
    return cohen_kappa_score(wanted, found, labels=list(range(columns)), sample_weight=weight,
                             weights=options.get("weights"))


OURS = [
    ("MatthewsCorrelation", {}, "binary hot all_positive all_right all_wrong one_sample one_class "
                                "empty_class"),
    ("MatthewsCorrelation", {"threshold": 0.25}, "binary"),
    ("CohenKappa", {}, "binary hot all_positive all_right all_wrong one_sample one_class "
                       "empty_class"),
    ("CohenKappa", {"weights": "linear"}, "binary hot ties empty_class"),
    ("CohenKappa", {"weights": "quadratic"}, "binary hot ties empty_class"),
]


saved = {}


def write(out, case, config, y_true, y_pred, measure):
    name = config["class_name"].split(">")[-1]
    index = sum(g.startswith(name + "_") for g in out)
    group = out.create_group(f"{name}_{index:02}_{case}")
    weight = WEIGHTS[case]
    for key, value in ("y_true", y_true), ("y_pred", y_pred), ("sample_weight", weight):
        group[key] = saved.get((case, key), value)  # of a case's first group; links in the others
        saved[case, key] = group[key]
    group["result"] = measure(None)
    group["result_weighted"] = measure(weight)
    group.attrs["config"] = json.dumps(config)


def main():
    with h5py.File(sys.argv[1], "w", libver="latest") as out:
        for make, cases in OPTIONS:
            config = keras.saving.serialize_keras_object(make())
            for case in cases.split():
                y_true, y_pred = DATA[case]
                write(out, case, config, y_true, y_pred,
                      lambda weight: by_keras(make, y_true, y_pred, weight))
        for name, options, cases in OURS:
            config = {"class_name": "lockstep>" + name, "config": options}
            for case in cases.split():
                y_true, y_pred = DATA[case]
                write(out, case, config, y_true, y_pred,
                      lambda weight: by_sklearn(config, y_true, y_pred, weight))


main()
