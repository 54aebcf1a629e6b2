#!/usr/bin/env python3
"""Plants copies of ten kinds among images, and measures what `twist audit` finds of them.

    python3 planted_copies.py plant OUT --photos FOLDER --cifar SHARD.tar --images 5000 --copies 500 --seed 1 --part 1
    twist audit OUT/images --json > OUT/found.json
    python3 planted_copies.py score OUT

`plant` writes OUT/images (base images and copies under names that do not tell which is which) and OUT/truth.csv. Half of the
copies are of photographs, half of 32-pixel images; each is of another base image. `--part 0` and `--part 1` take disjoint halves
of the base images: thresholds were chosen on one and figures are reported on the other.

`score` reads the groups of near and exact copies. A pair counts as found if both images are in one group. Precision is the part
of all pairs in groups that were planted; recall the part of the planted pairs that is in a group. Pairs that were not planted
are listed, for somebody to look at: the base images have real copies of their own.

Needs Pillow and numpy.
"""

import argparse
import csv
import hashlib
import io
import json
import pathlib
import random
import shutil
import tarfile
from collections import Counter
from itertools import combinations

import numpy as np
from PIL import Image

KINDS = [
    "exact",
    "jpeg_q50",
    "jpeg_q30",
    "resize_50",
    "resize_150",
    "crop_90",
    "crop_80",
    "brightness",
    "png",
    "gray",
]


def is_in(name, part):
    """Whether a base image belongs to a part: by a hash of its name, whatever the seed."""
    return part is None or hashlib.sha256(name.encode()).digest()[0] % 2 == part


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def stored(image, suffix):
    """The image as its base is stored: PNG stays lossless, JPEG is saved at quality 90."""
    if suffix == ".png":
        return encode(image, "PNG"), ".png"
    return encode(image, "JPEG", quality=90), ".jpg"


def crop(image, part, rng):
    """A window with `part` of each side, anywhere."""
    width, height = (max(1, round(side * part)) for side in image.size)
    left, top = (rng.randint(0, whole - own) for whole, own in zip(image.size, (width, height)))
    return image.crop((left, top, left + width, top + height))


def copy(data, suffix, kind, rng):
    """The bytes and the ending of a copy."""
    if kind == "exact":
        return data, suffix
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if kind.startswith("jpeg"):
        return encode(image, "JPEG", quality=int(kind[-2:])), ".jpg"
    if kind.startswith("resize"):
        factor = int(kind.split("_")[1]) / 100
        size = [max(1, round(side * factor)) for side in image.size]
        return stored(image.resize(size, Image.BICUBIC), suffix)
    if kind.startswith("crop"):
        return stored(crop(image, int(kind[-2:]) / 100, rng), suffix)
    if kind == "brightness":
        factor = rng.choice([0.8, 1.2])
        return stored(Image.fromarray(np.clip(np.asarray(image) * factor, 0, 255).round().astype(np.uint8)), suffix)
    if kind == "png":
        # Of a PNG, other bytes of the same pixels.
        return encode(image, "PNG", compress_level=1), ".png"
    return stored(image.convert("L").convert("RGB"), suffix)


def bases(args):
    """(name, bytes, ending) of photographs, and of small images."""
    photos = [
        (str(path), path.read_bytes(), path.suffix.lower())
        for path in sorted(pathlib.Path(args.photos).rglob("*"))
        if path.suffix.lower() in {".jpg", ".jpeg"} and is_in(path.name, args.part)
    ]
    small = []
    if args.cifar:
        with tarfile.open(args.cifar) as shard:
            small = [
                (member.name, shard.extractfile(member).read(), ".png")
                for member in shard
                if member.isfile() and is_in(member.name, args.part)
            ]
    return photos, small


def plant(args):
    rng = random.Random(args.seed)
    photos, small = bases(args)
    rng.shuffle(photos)
    rng.shuffle(small)
    photos = photos[: args.images - args.copies]
    small = small[: args.images - args.copies - len(photos)]
    of_photos = args.copies if not small else args.copies // 2
    chosen = photos[:of_photos] + small[: args.copies - of_photos]
    out = pathlib.Path(args.out)
    shutil.rmtree(out, ignore_errors=True)
    (out / "images").mkdir(parents=True)
    names = [f"{number:06d}" for number in range(len(photos) + len(small) + len(chosen))]
    rng.shuffle(names)
    names = iter(names)
    written = {}
    for name, data, suffix in photos + small:
        written[name] = f"{next(names)}{suffix}"
        (out / "images" / written[name]).write_bytes(data)
    with (out / "truth.csv").open("w") as file:
        table = csv.writer(file)
        table.writerow(["copy", "base", "kind", "source"])
        for number, (name, data, suffix) in enumerate(chosen):
            kind = KINDS[number % len(KINDS)]
            data, suffix = copy(data, suffix, kind, rng)
            own = f"{next(names)}{suffix}"
            (out / "images" / own).write_bytes(data)
            table.writerow([own, written[name], kind, "photograph" if number < of_photos else "32 pixels"])
    print(f"{len(written)} base images ({len(photos)} photographs), {len(chosen)} copies in {out}/images")


def score(args):
    out = pathlib.Path(args.out)
    found = json.loads((out / "found.json").read_text())
    truth = {frozenset((row["copy"], row["base"])): row for row in csv.DictReader((out / "truth.csv").open())}
    groups = [[member["path"] for member in group["images"]] for group in found["groups"]]
    pairs = {frozenset(pair) for group in groups for pair in combinations(group, 2)}
    planted, hit = Counter(), Counter()
    for pair, row in truth.items():
        for key in ((row["source"], row["kind"]), (row["source"], "all"), ("all", "all")):
            planted[key] += 1
            hit[key] += pair in pairs
    for key in planted:
        print(f"{key[0]:11} {key[1]:11} recall {hit[key] / planted[key]:.3f}  ({hit[key]} of {planted[key]})")
    extra = [sorted(pair) for pair in pairs if pair not in truth]
    print(f"precision {hit['all', 'all'] / max(len(pairs), 1):.4f}  ({len(extra)} of {len(pairs)} pairs were not planted)")
    for pair in sorted(extra):
        print("not planted:", *pair)
    if args.missed:
        for pair, row in truth.items():
            if pair not in pairs:
                print("missed:", row["kind"], row["source"], row["copy"], row["base"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    planting = commands.add_parser("plant")
    planting.add_argument("out")
    planting.add_argument("--photos", required=True, help="folder of JPEGs")
    planting.add_argument("--cifar", help="tar shard of small PNGs")
    planting.add_argument("--images", type=int, default=5000, help="base images and copies together")
    planting.add_argument("--copies", type=int, default=500)
    planting.add_argument("--seed", type=int, default=0)
    planting.add_argument("--part", type=int, choices=[0, 1], help="which half of the base images [default: all]")
    planting.set_defaults(run=plant)
    scoring = commands.add_parser("score")
    scoring.add_argument("out")
    scoring.add_argument("--missed", action="store_true", help="list the pairs that were not found")
    scoring.set_defaults(run=score)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
