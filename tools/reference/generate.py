"""Reference values from an independent second implementation: PyTorch, torchvision, Pillow and scikit-learn.

    python generate.py OUT_DIR --seed N     # a new folder, with other numbers for every N
    python generate.py --check DIR          # recompute every value of a folder from its inputs

The tests read a folder of such values. One folder can be fitted, by hand-tuned constants or by luck; on a folder made
here they must pass on numbers that nobody has seen. A folder made elsewhere is a test of this script in turn.

What a folder holds and how exact a test must be is in the README of tests/reference.
"""
import argparse, itertools, json, math, re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

import clusterings, layouts, losses, networks, pictures, training
from cases import Case

FAMILIES = [losses.FAMILY, networks.HEAD, networks.BACKBONE, training.OPTIM, training.SCHEDULES, clusterings.FAMILY,
            pictures.IMAGE_OPS, pictures.CROPS, layouts.FAMILY]


def read(folder, file):
    """All cases of a file by name: JSON values and tensors together. A list's cases are named by their numbers."""
    cases = defaultdict(dict)
    if (path := folder / f"{file}.json").exists():
        document = json.loads(path.read_text())
        if isinstance(document, list):
            document = dict(enumerate(document))
        elif all(isinstance(entry, list) for entry in document.values()):
            document = {f"{key}.{n}": entry for key, entries in document.items() for n, entry in enumerate(entries)}
        cases |= {str(name): entry for name, entry in document.items()}
    if (path := folder / f"{file}.safetensors").exists():
        for key, tensor in load_file(path).items():
            name, part = re.fullmatch(r"(im\d+|\w+\.\d+)\.(.+)", key).groups()
            cases[name][part] = tensor
    return cases


def write(folder, file, cases):
    """The opposite of `read`."""
    tensors, document = {}, defaultdict(dict)
    for name, case in cases.items():
        for part, value in case.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{name}.{part}"] = value.contiguous()
            else:
                document[name][part] = value
    if tensors:
        save_file(tensors, folder / f"{file}.safetensors")
    if not document:
        return
    if file in ("clustering", "random_resized_crop"):
        document = list(document.values())
    elif file == "schedules":
        grouped = itertools.groupby(document.items(), key=lambda item: item[0].split(".")[0])
        document = {key: [entry for _, entry in entries] for key, entries in grouped}
    (folder / f"{file}.json").write_text(json.dumps(document))


def make(folder, seed):
    folder.mkdir(parents=True)
    (folder / "seed").write_text(f"{seed}\n")
    for number, family in enumerate(FAMILIES):
        drawn = family.draw(np.random.default_rng([seed, number]))
        cases = {name: given | family.answer(Case(name, seed, given)) for name, given in drawn.items()}
        write(folder, family.file, cases)
        print(f"{family.file}: {len(drawn)} cases")
    (folder / "state_dict_keys.json").write_text(json.dumps(networks.state_dict_keys(read(folder, "head"))))


def check(folder):
    """Recomputes everything, prints the value that uses most of its tolerance per file; whether all are within it."""
    seed = int((folder / "seed").read_text()) if (folder / "seed").exists() else 0
    good = True
    for family in FAMILIES:
        worst, values, cases = (-1.0, ""), 0, read(folder, family.file)
        for name, stored in cases.items():
            case = Case(name, seed, {part: v for part, v in stored.items() if re.fullmatch(family.given, part)})
            got = (family.again or family.answer)(case)
            differ = got.keys() ^ (stored.keys() - case.given.keys())
            assert not differ, f"{family.file} {name}: {differ} on one side only"
            for part, value in got.items():
                assert np.shape(value) == np.shape(stored[part]), f"{family.file} {name}.{part}: another shape"
                off, tolerance = family.off(case, part, value, stored[part])
                share = off / tolerance if tolerance else math.inf if off else 0.0
                worst = max(worst, (share, f"{off:.2e} of {tolerance:.0e} ({name}.{part})"))
                good &= share <= 1
                values += 1
        print(f"{family.file:20} {len(cases):3} cases {values:4} values, worst {worst[1]}")
        good &= bool(cases)
    keys = networks.state_dict_keys(read(folder, "head"))
    stored = json.loads((folder / "state_dict_keys.json").read_text())
    ordered = lambda table, name: list(table.get(name, {}).items())
    differ = [name for name in stored.keys() | keys.keys() if ordered(stored, name) != ordered(keys, name)]
    values = sum(map(len, stored.values()))
    print(f"{'state_dict_keys':20} {len(stored):3} cases {values:4} values, {differ or 'none'} differ")
    return good and not differ


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("out", nargs="?", type=Path, metavar="OUT_DIR", help="a folder to make")
    what.add_argument("--check", type=Path, metavar="DIR", help="a folder to recompute")
    parser.add_argument("--seed", type=int, default=1, help="of the folder to make")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.check:
        raise SystemExit(not check(args.check))
    make(args.out, args.seed)
