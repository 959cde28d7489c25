"""What scikit-learn says of answers: reports_ref.h5.

    python reports.py OUT.h5

A group a case; y, the target, and x, the answer, are in the group xy_CASE. Classes: report (precision, recall, f1-score,
support by row: classes, then averages), accuracy, confusion, the attribute text. Curves: by score
that occurs threshold, tp_rate, fp_rate, precision; roc_auc, average_precision. Residuals: statistics
in the order of lockstep/evaluation.h. Degenerate cases: one class alone, ties, a class that is
nowhere, a single sample.
"""
import sys
import warnings

import h5py
import numpy as np
from sklearn import metrics as m

warnings.simplefilter("ignore")
random = np.random.default_rng(11)


def split(file, name, target, answer):
    file["xy_" + name + "/y"], file["xy_" + name + "/x"] = target, answer.reshape(len(answer), -1)


def rows(report, names):
    keys = ("precision", "recall", "f1-score", "support")
    return [[report[name][key] for key in keys] for name in names]


def classes(file, name, target, prediction, count):
    labels = list(range(count))
    names = [str(label) for label in labels]
    text = m.classification_report(target, prediction, labels=labels, target_names=names, zero_division=0)
    report = m.classification_report(target, prediction, labels=labels, target_names=names,
                                     zero_division=0, output_dict=True)
    group = file.create_group("classes_" + name)
    split(file, group.name[1:], target, prediction)
    group["report"] = rows(report, names + ["macro avg", "weighted avg"])
    group["accuracy"] = m.accuracy_score(target, prediction)
    group["confusion"] = m.confusion_matrix(target, prediction, labels=labels)
    # scikit-learn writes supports as 1.0 where every score is undefined: that text is not wanted.
    group.attrs["text"] = "" if ".0\n" in text else text


def multi_label(file, name, target, prediction):
    count = target.shape[1]
    names = [str(label) for label in range(count)]
    report = m.classification_report(target, prediction, target_names=names, zero_division=0, output_dict=True)
    group = file.create_group("labels_" + name)
    split(file, group.name[1:], target, prediction)
    group["report"] = rows(report, names + ["micro avg", "macro avg", "weighted avg", "samples avg"])
    group["accuracy"] = m.accuracy_score(target, prediction)
    group["confusion"] = m.multilabel_confusion_matrix(target, prediction)
    group.attrs["text"] = m.classification_report(target, prediction, target_names=names, zero_division=0)


def curve(file, name, target, score):
    group = file.create_group("curve_" + name)
    split(file, group.name[1:], target, score)
    fp_rate, tp_rate, threshold = m.roc_curve(target, score, drop_intermediate=False)
    group["threshold"], group["fp_rate"], group["tp_rate"] = threshold[1:], fp_rate[1:], tp_rate[1:]
    both = 0 < target.sum() < len(target)
    group["roc_auc"] = m.roc_auc_score(target, score) if both else np.nan
    group["average_precision"] = m.average_precision_score(target, score) if target.any() else np.nan
    precision, recall, at = m.precision_recall_curve(target, score)
    group["precision"] = precision[:-1][::-1]


def residuals(file, name, target, prediction):
    group = file.create_group("residuals_" + name)
    split(file, group.name[1:], target, prediction)
    left = target.astype("f8") - prediction.astype("f8")
    few = len(target) < 2
    group["statistics"] = [
        left.mean(), left.std(), left.min(), *np.quantile(left, (0.25, 0.5, 0.75)), left.max(), abs(left).mean(),
        np.median(abs(left)), abs(left).max(), np.sqrt((left**2).mean()),
        np.nan if few else m.r2_score(target, prediction),
        np.nan if few else m.explained_variance_score(target, prediction)]


with h5py.File(sys.argv[1], "w") as file:
    target = random.integers(0, 5, 120)
    classes(file, "five", target, np.where(random.random(120) < 0.6, target, random.integers(0, 5, 120)), 5)
    classes(file, "two", random.integers(0, 2, 50), random.integers(0, 2, 50), 2)
    classes(file, "one_class", np.full(20, 1), random.integers(0, 2, 20), 2)
    classes(file, "never_there", random.integers(0, 2, 30), random.integers(0, 2, 30), 4)
    classes(file, "never_said", random.integers(0, 3, 30), np.zeros(30, int), 3)
    classes(file, "one_sample", np.array([2]), np.array([0]), 3)
    multi_label(file, "four", random.integers(0, 2, (60, 4)), random.integers(0, 2, (60, 4)))
    rare = (random.random((40, 3)) < (0.0, 0.1, 0.9)).astype(int)
    multi_label(file, "rare", rare, random.integers(0, 2, (40, 3)))
    target = random.integers(0, 2, 200)
    curve(file, "smooth", target, (target * 0.4 + random.random(200)).astype("f4"))
    curve(file, "ties", target, np.float32(random.integers(0, 8, 200) / 8))
    curve(file, "one_value", target, np.full(200, 0.5, "f4"))
    curve(file, "no_negative", np.ones(30, int), random.random(30).astype("f4"))
    curve(file, "no_positive", np.zeros(30, int), random.random(30).astype("f4"))
    curve(file, "one_sample", np.array([1]), np.array([0.25], "f4"))
    target = random.normal(3, 2, (150, 1)).astype("f4")
    residuals(file, "one", target, (target + random.normal(0.3, 1, (150, 1))).astype("f4"))
    target = random.normal(0, 1, (80, 3)).astype("f4")
    residuals(file, "three", target, (target * (0.5, 1, 2)).astype("f4"))
    residuals(file, "constant", np.ones((10, 1), "f4"), random.random((10, 1)).astype("f4"))
    residuals(file, "exact", np.ones((10, 1), "f4"), np.ones((10, 1), "f4"))
    residuals(file, "one_sample", np.array([[2]], "f4"), np.array([[1.5]], "f4"))
