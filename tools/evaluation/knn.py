"""Weighted k-NN of cached features by scikit-learn, to be compared with `twist eval knn`.

    export TWIST_CACHE=$PWD/features                        # an empty folder, so that it holds one model's features alone
    twist eval knn MODEL --train 'train-*.tar' --test 'test-*.tar' --k 1,10,20,100,200 --json
    python tools/evaluation/knn.py $TWIST_CACHE --train 'train-*.tar' --test 'test-*.tar' --k 1,10,20,100,200

`twist` leaves its features in the cache as one NumPy file for each data set. Labels are the first folder in each path of
the shards, in the order of the shards. The vote is scikit-learn's own: `KNeighborsClassifier` with cosine distance by
brute force and the weights exp(similarity / T). Needs numpy and scikit-learn.
"""
import argparse, glob, tarfile
from pathlib import Path

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


def labels_of(pattern):
    """The class folder of every picture in the shards."""
    labels = []
    for shard in sorted(glob.glob(pattern)):
        with tarfile.open(shard) as tar:
            paths = [Path(member.name) for member in tar if member.isfile()]
        labels += [path.parts[-2] for path in paths if path.suffix.lower() in PICTURES]
    return np.array(labels)


def features_of(folder, rows):
    """The table in the cache with as many rows as there are labels."""
    tables = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))]
    fitting = [table for table in tables if len(table) == rows]
    assert len(fitting) == 1, f"{len(fitting)} tables in {folder} have {rows} rows: give a cache of one model"
    return normalize(np.asarray(fitting[0], np.float64))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cache", type=Path, help="TWIST_CACHE of the evaluation")
    parser.add_argument("--train", required=True, help="shards of the bank, as a pattern")
    parser.add_argument("--test", required=True, help="shards of the queries")
    parser.add_argument("--k", default="200", help="neighbours that vote, several with commas")
    parser.add_argument("--temperature", type=float, default=0.1)
    args = parser.parse_args()

    train, test = labels_of(args.train), labels_of(args.test)
    bank, queries = features_of(args.cache, len(train)), features_of(args.cache, len(test))
    weights = lambda distance: np.exp((1 - distance) / args.temperature)
    for k in map(int, args.k.split(",")):
        vote = KNeighborsClassifier(min(k, len(bank)), weights=weights, metric="cosine", algorithm="brute")
        right = vote.fit(bank, train).predict(queries) == test
        print(f"k {k}, T {args.temperature}: {right.mean():.6f} ({right.sum()} of {len(test)})", flush=True)


if __name__ == "__main__":
    main()
