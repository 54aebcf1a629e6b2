"""Scores of clusterings by scikit-learn and SciPy."""
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn import metrics
from sklearn.metrics.cluster import contingency_matrix

from cases import Family, off_by_absolute


def answer(case):
    labels, preds = case["labels"], case["preds"]
    table = contingency_matrix(labels, preds)
    homogeneity, completeness, _ = metrics.homogeneity_completeness_v_measure(labels, preds)
    values = dict(
        nmi=metrics.normalized_mutual_info_score(labels, preds), ami=metrics.adjusted_mutual_info_score(labels, preds),
        ari=metrics.adjusted_rand_score(labels, preds), fowlkes_mallows=metrics.fowlkes_mallows_score(labels, preds),
        homogeneity=homogeneity, completeness=completeness,
        accuracy_one_to_one=table[linear_sum_assignment(table, maximize=True)].sum() / len(labels),
        accuracy_many_to_one=table.max(0).sum() / len(labels))
    return {name: float(value) for name, value in values.items()}


def draw(rng):
    def clustering(n, classes, clusters, right):
        """A share `right` of the samples lies in its class's cluster, the others anywhere."""
        labels = rng.integers(classes, size=n)
        home = rng.permutation(np.arange(max(classes, clusters)) % clusters)
        preds = np.where(rng.random(n) < right, home[labels], rng.integers(clusters, size=n))
        return dict(labels=labels.tolist(), preds=preds.tolist(), n_classes=classes, n_clusters=clusters)

    def some(least, most):
        return int(rng.integers(least, most))

    k, few = some(4, 40), some(3, 9)
    cases = [(some(300, 900), k, k, rng.uniform(0.5, 0.9)),             # as many clusters as classes
             (some(2000, 4000), some(300, 800), some(300, 800), 0.5),   # hardly more samples than classes
             (some(500, 900), few, some(12, 40), 0.7),                  # more clusters
             (some(500, 900), some(12, 40), few, 0.8),                  # fewer clusters
             (some(200, 500), k, k, 1),                                 # perfect up to names
             (some(200, 500), k, few, 0),                               # independent
             (some(50, 200), few, 1, 0),                                # one cluster
             (some(50, 200), 1, few, 0),                                # one class
             (some(2, 9), 1, 1, 1)]                                     # one of both
    return {str(n): clustering(*case) for n, case in enumerate(cases)}


FAMILY = Family("clustering", draw, answer, "labels|preds|n_classes|n_clusters", off_by_absolute(1e-9))
