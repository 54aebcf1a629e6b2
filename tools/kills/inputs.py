"""Small inputs that the scenarios work on: pictures and a table of features, made with Python's standard library."""

import os
import random
import struct
import zlib

RECIPE = """[model]
arch = "resnet18_cifar"
width = 4
hidden_dim = 16
dim = 4
[optim]
name = "sgd"
lr = 0.05
[schedule]
epochs = 3
warmup_epochs = 1
[train]
batch_size = 8
precision = "fp32"
log_every = 1
[checkpoint]
every_steps = 2
keep = 2
[eval]
every_epochs = 1
knn_k = 5
"""

VIEWS = """[[views]]
name = "view1"
size = 16
scale = [0.3, 1.0]
blur = 0.5
solarize = 0.0
[[views]]
name = "view2"
size = 16
scale = [0.3, 1.0]
blur = 0.1
solarize = 0.2
"""

SELF_LABEL = "[self_label]\nepochs = 1\nlr = 0.02\nwarmup_epochs = 0\n"


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def png(side, pixel):
    """A picture whose pixels are `pixel(x, y)`, three numbers each."""
    rows = b"".join(b"\0" + bytes(value for x in range(side) for value in pixel(x, y)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def pictures(folder, count):
    """`count` pictures of 20 by 20 pixels, dots and lines by turns, each in the folder of its class."""
    for number in range(count):
        kind = ("dots", "lines")[number % 2]
        colour = (number * 53 % 200 + 55, number * 91 % 256, number * 29 % 256)
        on = lambda x, y: (x + number) % 5 < 2 and (number % 2 or (y + number // 3) % 5 < 2)
        write(f"{folder}/{kind}/{number:03}.png", png(20, lambda x, y: colour if on(x, y) else (20, 20, 20)))


def labels(path, count):
    """A table of labels for the pictures of [`pictures`]."""
    rows = (f"{('dots', 'lines')[number % 2]}/{number:03}.png,{('dots', 'lines')[number % 2]}" for number in range(count))
    write(path, "path,label\n" + "\n".join(rows) + "\n")


def npy(path, kind, rows):
    """A NumPy table of `rows`, of element type `kind` (`<f4` or `<i8`)."""
    flat = [value for row in rows for value in (row if isinstance(row, list) else [row])]
    shape = f"({len(rows)}, {len(rows[0])})" if isinstance(rows[0], list) else f"({len(rows)},)"
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    data = struct.pack(f"<{len(flat)}{'f' if kind == '<f4' else 'q'}", *flat)
    write(path, b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def features(path, count, width, groups):
    """Features in `groups` heaps at `path`, and their labels beside."""
    random.seed(1)
    centres = [[random.gauss(0, 1) for _ in range(width)] for _ in range(groups)]
    rows = [[value + random.gauss(0, 0.2) for value in centres[number % groups]] for number in range(count)]
    npy(path, "<f4", rows)
    npy(path.replace(".npy", ".labels.npy"), "<i8", [number % groups for number in range(count)])
