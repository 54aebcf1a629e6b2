"""Writes logistic.json beside this file: scikit-learn's logistic regressions, to as many digits as it can.

    pip install numpy scikit-learn && python make_logistic.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

ROWS, WIDTH, CLASSES = 80, 6, 4
rng = np.random.default_rng(0)
rows = rng.normal(size=(ROWS, WIDTH)) * [3.0, 1.0, 1.0, 0.3, 1.0, 10.0]
labels = np.argmax(rows @ rng.normal(size=(WIDTH, CLASSES)) + rng.gumbel(size=(ROWS, CLASSES)) * 3, axis=1)
# 1 present, 0 difficult, -1 absent.
tags = np.where(rows @ rng.normal(size=(WIDTH, 3)) + rng.logistic(size=(ROWS, 3)) * 2 > 1, 1, -1)
tags[rng.random(size=tags.shape) < 0.1] = 0


def fit(rows, labels, l2):
    model = LogisticRegression(C=1 / l2, solver="newton-cg", tol=1e-13, max_iter=10_000)
    model.fit(rows, labels)
    return model


cases = []
for l2 in (1e-2, 1.0, 30.0):
    model = fit(rows, labels, l2)
    cases.append({"l2": l2, "weight": model.coef_.tolist(), "bias": model.intercept_.tolist()})
of_tags = []
for l2 in (0.1, 5.0):
    models = [fit(rows[tags[:, c] != 0], tags[tags[:, c] != 0, c], l2) for c in range(tags.shape[1])]
    weight = [model.coef_[0].tolist() for model in models]
    of_tags.append({"l2": l2, "weight": weight, "bias": [float(model.intercept_[0]) for model in models]})

(Path(__file__).parent / "logistic.json").write_text(
    json.dumps(
        {"rows": rows.tolist(), "labels": labels.tolist(), "tags": tags.tolist(), "classes": cases, "of_tags": of_tags}
    )
    + "\n"
)
