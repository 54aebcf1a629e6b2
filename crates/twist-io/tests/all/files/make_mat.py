"""Writes plain.mat and packed.mat beside this file: the same variables as SciPy writes them, not packed and packed.

    pip install numpy scipy && python make_mat.py
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

cells = np.empty((2, 2), dtype=object)
cells[0, 0], cells[1, 0] = "Audi R8", np.array([1.0, 2.0])
cells[0, 1], cells[1, 1] = "Škoda", np.zeros((0, 0))

structures = np.zeros((1, 3), dtype=[("class", object), ("fname", object)])
for number in range(3):
    structures[0, number] = (np.uint8(number + 1), f"{number:05}.jpg")

variables = {
    "bytes": np.array([[1, 2, 3], [4, 5, 255]], dtype=np.uint8),
    "shorts": np.array([-300, 300], dtype=np.int16),
    "words": np.array([-(2**31), 2**31 - 1], dtype=np.int32),
    "longs": np.array([-(2**40), 2**40], dtype=np.int64),
    "singles": np.array([0.5, -1.25], dtype=np.float32),
    "doubles": np.array([[[0.1], [0.2]], [[0.3], [0.4]]]),
    "flag": np.array([True, False]),
    "complex": np.array([1 + 2j, 3 - 4j]),
    "nothing": np.zeros((0, 5)),
    "text": "one row",
    "rows": np.array(["cat ", "lynx"]),
    "cells": cells,
    "structures": structures,
}

folder = Path(__file__).parent
savemat(folder / "plain.mat", variables, do_compression=False)
savemat(folder / "packed.mat", variables, do_compression=True)
