"""Compares `twist eval linear --protocol fast` with scikit-learn's LogisticRegression on the same features.

    twist embed MODEL TRAIN --out train.npy
    twist embed MODEL TEST --out test.npy
    twist eval linear MODEL --train TRAIN --test TEST --json > linear.json
    python tools/linear/against_sklearn.py train.npy test.npy linear.json

Fails when Twist is more than 0.3 points below scikit-learn. Needs `pip install numpy scikit-learn`.
"""

import argparse
import csv
import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression

POINTS = 0.3


def labelled(path):
    """Features and labels of a table that `twist embed` wrote: PATH and PATH.csv."""
    features = np.load(path)
    with open(path + ".csv", newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    known = np.array([label != "" for label in labels])
    return features[known], np.array([int(label) for label in labels if label != ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="features to learn from, .npy")
    parser.add_argument("test", help="features to test on, .npy")
    parser.add_argument("result", nargs="?", help="what `twist eval linear --json` printed")
    parser.add_argument("--c", type=float, default=1.0, help="inverse strength of the L2 penalty")
    parser.add_argument("--max-iter", type=int, default=2000)
    args = parser.parse_args()

    (x, y), (a, b) = labelled(args.train), labelled(args.test)
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    std[std < 1e-6] = np.inf
    model = LogisticRegression(C=args.c, max_iter=args.max_iter).fit((x - mean) / std, y)
    theirs = model.score((a - mean) / std, b)
    print(f"scikit-learn {theirs:.4f} ({len(y)} images to learn from, {len(b)} to test on, C {args.c})")
    if args.result:
        with open(args.result) as file:
            ours = json.load(file)["linear_top1"]
        points = 100 * (ours - theirs)
        print(f"twist        {ours:.4f} ({points:+.2f} points)")
        sys.exit(points < -POINTS)


if __name__ == "__main__":
    main()
