"""scikit-learn's scores of 1,000 random label pairs, degenerate ones included, as a small table for the tests.

    python pairs.py ../../crates/twist-metrics/tests/all/pairs.csv       # write the table
    python pairs.py --check ../../crates/twist-metrics/tests/all/pairs.csv

The table has no labels: both sides draw them by the rule below (`tests/all/pairs.rs` of twist-metrics has it in Rust), all
in integers. Row i has the scores of pair i, rounded to 12 decimals. Needs numpy, scipy and scikit-learn.
"""
import argparse
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn import metrics
from sklearn.metrics.cluster import contingency_matrix

PAIRS = 1000
MASK = 2**64 - 1
COLUMNS = ["nmi", "ami", "ari", "fowlkes_mallows", "homogeneity", "completeness", "accuracy_one_to_one",
           "accuracy_many_to_one", "top5", "mean_per_class"]


class Draws:
    """SplitMix64, and a number below a bound from its upper half."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
        z ^= z >> 31
        return (z >> 32) * bound >> 32


def sizes(kind, draws):
    """Images, classes, clusters, and the percentage of images that lie in the cluster of their class."""
    def some(least, most):
        return least + draws.below(most - least + 1)

    if kind == 0:    # very few images, or none
        return some(0, 6), some(1, 4), some(1, 4), some(0, 100)
    if kind == 1:    # hardly more images than classes
        return some(1, 600), some(100, 400), some(100, 400), some(0, 100)
    if kind == 2:    # one cluster
        return some(1, 200), some(1, 20), 1, 0
    if kind == 3:    # one class
        return some(1, 200), 1, some(1, 20), 0
    if kind == 4:    # perfect up to names
        classes = some(1, 20)
        return some(1, 200), classes, classes, 100
    if kind == 5:    # more clusters than classes
        return some(50, 400), some(2, 6), some(10, 40), some(0, 100)
    if kind == 6:    # fewer
        return some(50, 400), some(10, 40), some(2, 6), some(0, 100)
    return some(1, 400), some(1, 30), some(1, 30), some(0, 100)


def pair(number):
    """Labels of the images and their five most probable clusters, the best first."""
    draws = Draws(number)
    images, classes, clusters, right = sizes(number % 10, draws)
    labels, ranked = [], []
    for image in range(images):
        label = draws.below(classes)
        if number % 3 == 0:  # classes of very different sizes
            label = min(label, draws.below(classes))
        if number % 50 == 7:  # every image is a class of its own
            label = image
        first = label % clusters if draws.below(100) < right else draws.below(clusters)
        if number % 50 == 8:  # every image is a cluster of its own
            first = image
        labels.append(label)
        ranked.append([first] + [draws.below(clusters) for _ in range(4)])
    if number % 2:  # numbers need not be dense; multiplication by an odd number keeps them different
        labels = [label * 2654435761 % 2**32 for label in labels]
        ranked = [[cluster * 40503 % 2**32 for cluster in row] for row in ranked]
    return np.array(labels, np.int64), np.array(ranked, np.int64).reshape(images, 5)


def top5(labels, ranked):
    """`hungarian_evaluate` of the released code, with clusters that share no image with a class left without one."""
    classes, clusters = np.unique(labels), np.unique(ranked[:, 0])
    table = (labels[:, None, None] == classes[:, None]) & (ranked[:, 0][:, None, None] == clusters)
    table = table.sum(0)
    named = {clusters[column]: classes[row]
             for row, column in zip(*linear_sum_assignment(table, maximize=True)) if table[row, column]}
    right = sum(any(named.get(cluster) == label for cluster in row) for label, row in zip(labels, ranked))
    return right / len(labels), table


def is_unique(table):
    """Whether one naming is best: without any of its pairs the others reach less. Otherwise top-5 is the solver's choice."""
    table = table.astype(np.int64)
    best = linear_sum_assignment(table, maximize=True)
    most = table[best].sum()
    for row, column in zip(*best):
        if table[row, column]:
            without = table.copy()
            without[row, column] = 0
            if without[linear_sum_assignment(without, maximize=True)].sum() == most:
                return False
    return True


def scores(labels, ranked):
    preds = ranked[:, 0]
    homogeneity, completeness, _ = metrics.homogeneity_completeness_v_measure(labels, preds)
    values = [metrics.normalized_mutual_info_score(labels, preds), metrics.adjusted_mutual_info_score(labels, preds),
              metrics.adjusted_rand_score(labels, preds)]
    if not len(labels):  # scikit-learn has no word on the others; 0 of 0 images are right
        return values + [0.0, homogeneity, completeness, 0.0, 0.0, 0.0, 0.0]
    table = contingency_matrix(labels, preds)
    one_to_one = table[linear_sum_assignment(table, maximize=True)].sum() / len(labels)
    five, unique = top5(labels, ranked)
    return values + [metrics.fowlkes_mallows_score(labels, preds), homogeneity, completeness, one_to_one,
                     table.max(0).sum() / len(labels), five if is_unique(unique) else None,
                     metrics.recall_score(labels, preds, labels=np.unique(labels), average="macro", zero_division=0)]


def rows():
    for number in range(PAIRS):
        yield ["" if value is None else repr(round(float(value), 12)) for value in scores(*pair(number))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="recompute and compare instead of writing")
    parser.add_argument("table", type=Path)
    args = parser.parse_args()
    lines = [",".join(COLUMNS)] + [",".join(row) for row in rows()]
    if args.check:
        stored = [line.split(",") for line in args.table.read_text().splitlines()]
        number = lambda text: float(text) if text else np.nan
        assert stored[0] == COLUMNS and len(stored) == len(lines)
        off = [abs(number(a) - number(b)) for got, want in zip(lines[1:], stored[1:])
               for a, b in zip(got.split(","), want) if a or b]
        print(f"{len(off)} values, largest difference {max(off):.1e}")
        raise SystemExit(not max(off) <= 2e-12)
    args.table.write_text("\n".join(lines) + "\n")
    print(f"{PAIRS} pairs, {args.table.stat().st_size / 1000:.0f} kB")
