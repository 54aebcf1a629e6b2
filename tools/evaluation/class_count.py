"""How many classes: Twist's estimate beside EVoC, HDBSCAN after UMAP, and the silhouette of k-means.

    pip install numpy scikit-learn umap-learn evoc
    python tools/evaluation/class_count.py TWIST FEATURES... [--seeds 2] [--only twist silhouette hdbscan evoc] > table.md

TWIST is the program; FEATURES are files `x.npy` `[N, D]` with integers `x.labels.npy`. Each file is counted as it is and in subsets,
drawn anew for every seed: 5, 10, 20 and 50 classes (as many as there are), once with the same number of rows in all classes, once
as they are; of sets whose classes are equal, once with sizes that fall by a fifth from class to class. Labels choose the subsets and
measure; no method sees them. The last rows say how often an estimate is within a factor of 1.25 of the number of classes, and the mean of
|log(estimate / classes)|. A method that finds no class at all is counted as having found one.
"""
import argparse, math, re, subprocess, sys, tempfile, warnings
from pathlib import Path

import numpy as np
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.metrics import silhouette_score

SUBSETS = (5, 10, 20, 50)
FEWEST, MOST = 40, 80  # rows of a class in balanced subsets
SCORED = 3000  # rows that a silhouette is computed on


def subsets(name, rows, labels, seed):
    """(name, rows, number of classes) of every subset."""
    random = np.random.default_rng(seed)
    sizes = np.bincount(labels)
    for count in (count for count in SUBSETS if count < len(sizes)):
        for balanced in (True, False):
            large = np.flatnonzero(sizes >= FEWEST)
            classes = random.choice(large if len(large) >= count else len(sizes), count, replace=False)
            each = min(sizes[classes].min(), MOST) if balanced else None
            yield f"{name} {count} {'equal' if balanced else 'as they are'}", *drawn(rows, labels, classes, [each] * count, random), count
    if sizes.min() * 1.25 > sizes.max():
        classes = random.permutation(len(sizes))
        falling = [max(10, int(sizes[one] * 0.8**place)) for place, one in enumerate(classes)]
        yield f"{name} {len(sizes)} falling", *drawn(rows, labels, classes, falling, random), len(sizes)


def drawn(rows, labels, classes, each, random):
    chosen = [random.permutation(np.flatnonzero(labels == one))[:most] for one, most in zip(classes, each)]
    return (rows[np.sort(np.concatenate(chosen))],)


def unit(rows):
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def twist(program, rows, seed):
    with tempfile.TemporaryDirectory() as place:
        np.save(Path(place) / "x.npy", rows)
        command = [program, "train", f"{place}/x.npy", "--device", "cpu", "--print-config"]
        done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^dim = (\d+)$", done.stdout, re.M)
    return int(found[1]) if found else sys.exit(done.stderr)


def silhouette(_, rows, seed):
    rows = unit(rows)
    some = np.random.default_rng(seed).permutation(len(rows))[:SCORED]
    most = min(300, len(rows) // 5)
    counts = sorted({round(2 * 1.2**step) for step in range(40) if 2 * 1.2**step <= most})
    scores = []
    for count in counts:
        found = KMeans(count, n_init=2, random_state=seed).fit_predict(rows)
        scores.append(silhouette_score(rows[some], found[some]))
    return counts[int(np.argmax(scores))]


def hdbscan(_, rows, seed):
    from umap import UMAP
    flat = UMAP(n_neighbors=15, n_components=10, min_dist=0.0, metric="cosine", random_state=seed).fit_transform(rows.astype(np.float32))
    return max(1, HDBSCAN(min_cluster_size=15).fit_predict(flat).max() + 1)


def evoc(_, rows, seed):
    from evoc import EVoC
    return max(1, EVoC(random_state=seed).fit_predict(unit(rows)).max() + 1)


METHODS = dict(twist=twist, silhouette=silhouette, hdbscan=hdbscan, evoc=evoc)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twist")
    parser.add_argument("features", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    print("| rows of | classes |", " | ".join(args.only), "|\n|---|---|" + "---|" * len(args.only))
    errors = {method: [] for method in args.only}
    for path in args.features:
        rows, labels = np.load(path), np.load(path.with_suffix(".labels.npy"))
        cases = [(path.stem, rows, len(set(labels)), 0)]
        cases += [(f"{name}, seed {seed}", some, count, seed) for seed in range(args.seeds) for name, some, count in subsets(path.stem, rows, labels, seed)]
        for name, some, count, seed in cases:
            found = {method: METHODS[method](args.twist, some, seed) for method in args.only}
            for method, estimate in found.items():
                errors[method].append(abs(math.log(estimate / count)))
            print(f"| {name} ({len(some)}) | {count} |", " | ".join(str(one) for one in found.values()), "|", flush=True)
    within = [f"{np.mean(np.array(one) <= math.log(1.25) + 1e-9):.0%}" for one in errors.values()]
    print("| **within 25 %** | |", " | ".join(within), "|")
    print("| **mean of abs log** | |", " | ".join(f"{np.mean(one):.3f}" for one in errors.values()), "|")


if __name__ == "__main__":
    main()
