"""Writes the label files of tiny Stanford Cars and Flowers-102 data sets beside this file, in the official layout.

    pip install numpy scipy && python make_mat.py
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

FOLDER = Path(__file__).parent


def annotations(name: str, classes: list[int]) -> None:
    fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]
    table = np.zeros((1, len(classes)), dtype=[(field, object) for field in fields])
    for number, label in enumerate(classes):
        box = [np.uint16(value) for value in (39, 116, 569, 375)]
        table[0, number] = (*box, np.uint8(label), f"{number + 1:05}.jpg")
    savemat(FOLDER / name, {"annotations": table}, do_compression=True)


names = np.empty((1, 3), dtype=object)
names[0, :] = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "smart fortwo Convertible 2012"]
savemat(FOLDER / "cars_meta.mat", {"class_names": names})
annotations("cars_train_annos.mat", [3, 1, 2, 1])
annotations("cars_test_annos_withlabels.mat", [2, 2, 3])
annotations("cars_wrong_annos.mat", [1, 4])

savemat(FOLDER / "imagelabels.mat", {"labels": np.array([[2, 2, 1, 3, 1, 3, 2]], dtype=np.uint8)})
savemat(
    FOLDER / "setid.mat",
    {
        "trnid": np.array([[6, 1]], dtype=np.uint16),
        "valid": np.array([[3]], dtype=np.uint16),
        "tstid": np.array([[7, 2, 4, 5]], dtype=np.uint16),
    },
)
savemat(FOLDER / "setid_wrong.mat", {"trnid": np.array([[8]]), "valid": np.array([[1]]), "tstid": np.array([[2]])})
