"""Writes the folder of a finished run with many images, to measure the served page and the report with:

    python3 large_run.py OUT [--images 100000] [--width 384] [--classes 100] [--thumbnails 4000]

It needs numpy, pyarrow and Pillow. Features are drawn around one centre for each class. As many images have a thumbnail as a real
run has; they are spread evenly.
"""

import argparse
import io
import json
import pathlib
import tarfile

import numpy
import pyarrow
import pyarrow.parquet
from PIL import Image

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--images", type=int, default=100_000)
parser.add_argument("--width", type=int, default=384)
parser.add_argument("--classes", type=int, default=100)
parser.add_argument("--thumbnails", type=int, default=4_000)
args = parser.parse_args()
draw = numpy.random.default_rng(1)
args.out.mkdir(parents=True, exist_ok=True)

# Features: classes of different density, and a part of the images between two of them.
label = draw.integers(args.classes, size=args.images)
other = draw.integers(args.classes, size=args.images)
between = numpy.where(draw.random(args.images) < 0.1, draw.random(args.images) * 0.5, 0)[:, None]
centres = draw.normal(size=(args.classes, args.width))
spread = draw.uniform(0.5, 1.2, args.classes)[label][:, None]
features = centres[label] * (1 - between) + centres[other] * between + spread * draw.normal(size=(args.images, args.width))
features /= numpy.linalg.norm(features, axis=1, keepdims=True)
said = numpy.where(between[:, 0] > 0.4, other, label)
sure = (0.35 + 0.65 * draw.beta(6, 1.5, args.images)).astype(numpy.float32)
clusters = numpy.stack([said, (said + 1) % args.classes, (said + 2) % args.classes], 1).astype(numpy.uint32)
probabilities = numpy.stack([sure, (1 - sure) * 0.6, (1 - sure) * 0.3], 1).astype(numpy.float32)


def lists(values):
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.reshape(-1)), values.shape[1])


paths = [f"photos/kind-{kind:03}/IMG_{i:06}.jpg" for i, kind in enumerate(label)]
table = pyarrow.table({
    "index": pyarrow.array(numpy.arange(args.images, dtype=numpy.int32)),
    "path": pyarrow.array(paths),
    "cluster": pyarrow.array(said.astype(numpy.int32)),
    "label": pyarrow.array([f"kind {kind:03}" for kind in label]),
    "label_index": pyarrow.array(label.astype(numpy.int32)),
    "probability": pyarrow.array(sure),
    "clusters": lists(clusters),
    "probabilities": lists(probabilities),
    "embedding": lists(features.astype(numpy.float32)),
})
pyarrow.parquet.write_table(table, args.out / "embeddings.parquet")

# Thumbnails: a colour for each class, in a few hundred variants.
pictures = {}
with tarfile.open(args.out / "thumbnails.tar", "w") as archive:
    for i in range(0, args.images, max(1, args.images // args.thumbnails)):
        kind = label[i]
        key = (int(kind), i // 25 % 4)
        if key not in pictures:
            ground = numpy.random.default_rng(key[0]).integers(40, 200, 3)
            noise = numpy.random.default_rng(key[0] * 4 + key[1]).normal(0, 25, (48, 48, 3))
            pixels = numpy.clip(ground + noise, 0, 255).astype(numpy.uint8)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=85)
            pictures[key] = file.getvalue()
        member = tarfile.TarInfo(f"{i:08}.jpg")
        member.size = len(pictures[key])
        archive.addfile(member, io.BytesIO(pictures[key]))

(args.out / "config.toml").write_text(f"# {args.images} drawn features\n[model]\ndim = {args.classes}\n")
(args.out / "log.jsonl").write_text(json.dumps({"event": "start", "step": 0, "epoch": 0, "clusters": args.classes}) + "\n")
(args.out / "metrics.json").write_text(json.dumps({"protocol": {"evaluated_images": args.images, "clusters": args.classes}}) + "\n")
