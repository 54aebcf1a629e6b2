#!/usr/bin/env python3
"""Writes hostile and odd weight files into a folder: sizes that are only claimed, bombs, lies, and files of other kinds.

    tools/hostile/weights.py FOLDER [NAME...]     files for tools/hostile/run.py; with names, only those that begin so
    tools/hostile/run.py FOLDER/* --run 'target/debug/twist import {file} --out {out}.safetensors' \
        --run 'target/debug/twist predict {file} PHOTOS --device cpu --threads 1 --out {out}.csv'

Standard library only; the files take 300 MB.
"""

import gzip
import json
import math
import random
import struct
import sys
import zipfile
from io import BytesIO
from pathlib import Path

MANY = 1 << 20


# --- Safetensors ------------------------------------------------------------------------------------------------------

def header(text, data=b"", length=None):
    text = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors(tensors, metadata=None):
    """Tensors as name -> (shape, bytes)."""
    listed, data = {}, b""
    if metadata is not None:
        listed["__metadata__"] = metadata
    for name, (shape, content) in tensors.items():
        dtype = "I64" if name.endswith("num_batches_tracked") else "F32"
        listed[name] = entry(shape, len(data), len(data) + len(content), dtype)
        data += content
    text = json.dumps(listed)
    return header(text + " " * (-len(text) % 8), data)


def empty(shapes):
    return {name: (shape, b"") for name, shape in shapes.items()}


# --- A small network that is what it says ---------------------------------------------------------------------------

WIDTH, FEATURES, HIDDEN, CLASSES = 4, 32, 8, 5
DRAW = random.Random(7)


def floats(count, value=None):
    numbers = [DRAW.gauss(0, 0.1) if value is None else value for _ in range(count)]
    return struct.pack(f"<{count}f", *numbers)


def norm(name, channels, affine=True):
    parts = {"weight": 1.0, "bias": 0.0} if affine else {}
    parts |= {"running_mean": 0.0, "running_var": 1.0}
    tensors = {f"{name}.{part}": ([channels], floats(channels, value)) for part, value in parts.items()}
    return tensors | {f"{name}.num_batches_tracked": ([], struct.pack("<q", 3))}


def matrix(name, *shape):
    return {name: (list(shape), floats(math.prod(shape)))}


def network(prefix="backbone."):
    """resnet_basic_1_1_1_1 of width 4."""
    tensors = matrix("conv1.weight", WIDTH, 3, 7, 7) | norm("bn1", WIDTH)
    inputs = WIDTH
    for stage in range(4):
        outputs, block = WIDTH << stage, f"layer{stage + 1}.0"
        tensors |= matrix(f"{block}.conv1.weight", outputs, inputs, 3, 3) | norm(f"{block}.bn1", outputs)
        tensors |= matrix(f"{block}.conv2.weight", outputs, outputs, 3, 3) | norm(f"{block}.bn2", outputs)
        if stage:
            shortcut = f"{block}.downsample"
            tensors |= matrix(f"{shortcut}.0.weight", outputs, inputs, 1, 1) | norm(f"{shortcut}.1", outputs)
        inputs = outputs
    return {prefix + name: tensor for name, tensor in tensors.items()}


def with_head():
    head = "projection_heads."
    tensors = network()
    for number, inputs in [(0, FEATURES), (4, HIDDEN)]:
        layer = f"{head}projection_head.{number}"
        tensors |= matrix(f"{layer}.weight", HIDDEN, inputs) | {f"{layer}.bias": ([HIDDEN], floats(HIDDEN))}
        tensors |= norm(f"{head}projection_head.{number + 1}", HIDDEN)
    tensors |= matrix(f"{head}last_linear.weight", CLASSES, HIDDEN)
    tensors |= {f"{head}last_linear.bias": ([CLASSES], floats(CLASSES))}
    return tensors | norm(f"{head}norm", CLASSES, affine=False)


def card(**changes):
    known = {
        "backbone": {"arch": "resnet_basic_1_1_1_1", "width": WIDTH}, "feature_dim": FEATURES,
        "head": {"hidden_dim": HIDDEN, "dim": CLASSES, "activation": "relu", "norm": True}, "classifier": None,
        "mean": [0.5] * 3, "std": [0.25] * 3, "transform": {"resize": 64, "crop": 64, "interpolation": "bilinear"},
        "precision": "fp32", "feature_scaling": "none", "origin": "made",
    }
    return {"twist": json.dumps({"twist_model": known | changes})}


def model(**changes):
    return safetensors(with_head(), card(**changes))


def claim(**changes):
    """A card without tensors."""
    return safetensors({}, card(**changes))


def head(**changes):
    return {"hidden_dim": HIDDEN, "dim": CLASSES, "activation": "relu", "norm": True} | changes


def backbone(arch="resnet_basic_1_1_1_1", width=WIDTH):
    return {"arch": arch, "width": width}


def damaged(name, numbers):
    tensors = with_head()
    shape, content = tensors[name]
    tensors[name] = (shape, struct.pack(f"<{len(numbers)}f", *numbers) + content[4 * len(numbers):])
    return safetensors(tensors, card())


# --- Pickles -----------------------------------------------------------------------------------------------------------

def text(value):
    value = value.encode()
    return b"X" + struct.pack("<I", len(value)) + value


def number(value):
    return b"\x8a\x10" + value.to_bytes(16, "little", signed=True)


def tuple_of(values):
    return b"(" + b"".join(number(value) for value in values) + b"t"


def storage(key="0", numel=6, kind="FloatStorage"):
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(numel) + b"tQ"


def tensor(shape, strides=None, offset=0, store=None):
    strides = strides if strides is not None else [math.prod(shape[i + 1:]) for i in range(len(shape))]
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + (store or storage()) + number(offset) + tuple_of(shape)
            + tuple_of(strides) + b"\x89}tR")


def archive(pickle, storages=(("0", b"\0" * 24),), method=zipfile.ZIP_STORED, names=("net/data.pkl",)):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name in names:
            file.writestr(name, b"\x80\x02" + pickle + b".")
        file.writestr("net/byteorder", "little")
        for key, content in storages:
            file.writestr(f"net/data/{key}", content)
    return out.getvalue()


def state(shapes):
    """Tensors of any claimed shape in a storage of 24 bytes."""
    entries = b"".join(text(name) + tensor(shape) for name, shape in shapes.items())
    return archive(b"}(" + entries + b"u")


def stream(pickle, keys=("0",), storages=(struct.pack("<Q", 6) + b"\0" * 24,)):
    head = (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}(" + text("little_endian") + b"\x88u.")
    listed = b"\x80\x02](" + b"".join(text(key) for key in keys) + b"e."
    return head + b"\x80\x02" + pickle + b"." + listed + b"".join(storages)


def again(made, used, times=200_000):
    """Something that is made once, and used again and again in a list."""
    return archive(made + b"0](" + used * times + b"e")


LONG = text("k" * MANY)
REFERENCE = b"(" + text("storage") + b"ctorch\nFloatStorage\nh\x00" + text("cpu") + b"K\x06tq\x01"
WIDE = {"conv1.weight": [0, 3, 7, 7], "layer1.0.conv1.weight": [0, 0], "layer2.0.conv1.weight": [0, 0],
        "layer3.0.conv1.weight": [0, 0], "layer4.0.conv1.weight": [0, 0]}


def width(channels, kernel=7):
    return WIDE | {"conv1.weight": [channels, 3, kernel, 0 if kernel == 7 else 3]}


def states(times):
    inner = b"".join(text(f"{i}") + b"h\x01" for i in range(times))
    return archive(b"}" + text("w") + tensor([6]) + b"sq\x010" + LONG + b"q\x000}(" + inner
                   + b"uq\x020}h\x00h\x02sq\x030}h\x00h\x03s")


def vit(dim, patch=16, depth=1):
    shapes = {"cls_token": [1, 1, 0], "patch_embed.proj.weight": [dim, 3, patch, 0]}
    return safetensors(empty(shapes | {f"blocks.{i}.norm1.weight": [0] for i in range(depth)}))


# --- All of them -------------------------------------------------------------------------------------------------------

def long_names(count, length):
    """Names that are all alike, beside a network that lacks its norms."""
    layers = {f"layer{stage}.0.conv1.weight": [WIDTH, 0] for stage in range(1, 5)}
    known = {"conv1.weight": [WIDTH, 3, 7, 0]} | layers
    return safetensors(empty(known | {f"layer1.0.bn1.weight{'x' * length}{i}": [WIDTH, 0] for i in range(count)}))


def bombs():
    yield "st_metabomb.safetensors", header('{"__metadata__":{"twist":[' + "[]," * (10 * MANY) + "[]]}}")
    yield "st_metadeep.safetensors", header('{"__metadata__":{"twist":' + "[" * MANY + "]" * MANY + "}}")
    yield "st_metatext.safetensors", header(json.dumps({"__metadata__": {"twist": "x" * (20 * MANY)}}))
    yield "st_metamany.safetensors", header(json.dumps({"__metadata__": {f"{i}": "x" for i in range(MANY)}}))
    yield "st_metaother.safetensors", header(json.dumps({"__metadata__": {"format": "x" * (20 * MANY)}}))
    yield "st_shapebomb.safetensors", header('{"a":{"dtype":"F32","shape":[' + "1," * (10 * MANY) + '0],"data_offsets":[0,0]}}')
    yield "st_tensors.safetensors", safetensors(empty({f"t{i}": [0] for i in range(300_000)}))
    yield "st_name.safetensors", safetensors(empty({"n" * (20 * MANY): [0]}))
    yield "st_dtype.safetensors", header(json.dumps({"a": entry([0], 0, 0, "F" * (10 * MANY))}))
    yield "st_field.safetensors", header('{"a":{"' + "f" * (10 * MANY) + '":1}}')
    yield "st_suggest.safetensors", long_names(200, 100_000)
    yield "st_suggest2.safetensors", long_names(100_000, 200)
    yield "pt_storage.pth", again(LONG + b"q\x000" + REFERENCE, b"h\x01Q")
    yield "pt_global.pth", again(LONG + b"q\x00", b"h\x00h\x00\x93")
    yield "pt_kind.pth", again(b"ctorch\n" + b"T" * MANY + b"\nq\x000(" + text("storage") + b"h\x00" + text("0")
                               + text("cpu") + b"K\x06tq\x01", b"h\x01Q")
    ones = b"](K\x01" + b"2" * MANY + b"e\x85q\x000"
    yield "pt_size.pth", again(ones + b"ctorch\nSize\nq\x01", b"h\x01h\x00R")
    pairs = text("k") + b"K\x01\x86q\x020](h\x02" + b"2" * MANY + b"e\x85q\x000"
    yield "pt_ordered.pth", again(pairs + b"ccollections\nOrderedDict\nq\x01", b"h\x01h\x00R")
    yield "pt_states.pth", states(4000)
    yield "pt_entries.pth", archive(LONG + b"q\x000}(" + b"h\x00K\x01" * (3 * MANY) + b"u")
    yield "pt_tensors.pth", archive(tensor([6]) + b"q\x010}(" + b"".join(text(f"{i}") + b"h\x01" for i in range(200_000)) + b"u")
    yield "pt_values.pth", archive(b"](" + b"K\x01" * (5 * MANY) + b"e")
    yield "pt_marks.pth", archive(b"(" * (5 * MANY))
    yield "pt_memos.pth", archive(b"K\x01" + b"\x94" * (5 * MANY))
    yield "pt_keys.pth", stream(LONG + b"0}" + text("w") + tensor([6]) + b"s", ["k" * 1000] * 1000)
    yield "pt_entries_zip.pth", many_entries(100_000)
    yield "pt_deflated.pth", archive(text("x" * (50 * MANY)), method=zipfile.ZIP_DEFLATED)
    yield "pt_view.pth", archive(b"}" + text("w") + tensor([1 << 20, 1 << 20], [0, 0]) + b"s")
    yield "pt_axes.pth", archive(b"}" + text("w") + tensor([1] * 100_000, [0] * 100_000) + b"s")


def many_entries(count):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for i in range(count):
            file.writestr(f"net/data/{i}", b"")
        file.writestr("net/data.pkl", b"\x80\x02}.")
    return out.getvalue()


def claims():
    for name, channels in [("2e54", 1 << 54), ("100000", 100_000), ("65536", 1 << 16)]:
        yield f"width_{name}.pth", state(width(channels))
        yield f"width_{name}.safetensors", safetensors(empty(width(channels)))
        yield f"width_cifar_{name}.pth", state(width(channels, 3))
    yield "vit_dim_2e40.safetensors", vit(1 << 40)
    yield "vit_patch_2e40.safetensors", vit(192, 1 << 40, 12)
    yield "vit_depth_0.safetensors", vit(192, depth=0)
    yield "vit_depth_2000.safetensors", vit(192, depth=2000)
    yield "head_2e40.safetensors", safetensors(network("") | empty({
        "projection_heads.projection_head.0.weight": [1 << 40, 0], "projection_heads.last_linear.weight": [1 << 40, 0]}))
    yield "classes_2e40.safetensors", safetensors(network("") | empty({"fc.weight": [1 << 40, 0]}))
    yield "card_width_100000.safetensors", claim(backbone=backbone(width=100_000))
    yield "card_width_65536.safetensors", claim(backbone=backbone(width=1 << 16))
    yield "card_vit_depth.safetensors", claim(backbone=backbone("vit_8x1000000000000x2"), feature_dim=8)
    yield "card_vit_dim.safetensors", claim(backbone=backbone("vit_1000000000000x2x2"), feature_dim=10**12)
    yield "card_vit_large.safetensors", claim(backbone=backbone("vit_65536x1024x1"), feature_dim=1 << 16)
    yield "card_blocks.safetensors", claim(backbone=backbone("resnet_bottleneck65535_255_255_255_255", 1 << 16))
    yield "card_arch.safetensors", model(backbone=backbone("a" * MANY))
    yield "card_classes_2e62.safetensors", claim(classifier={"classes": 1 << 62, "names": []})
    yield "card_classes_2e40.safetensors", model(classifier={"classes": 1 << 40, "names": []})
    yield "card_names.safetensors", model(classifier={"classes": 1, "names": ["n"] * 100_000})
    yield "card_head.safetensors", claim(head=head(hidden_dim=1 << 40, dim=1 << 40))
    yield "card_head_2e20.safetensors", model(head=head(hidden_dim=1 << 20, dim=1 << 20))
    yield "card_features.safetensors", claim(backbone=None, feature_dim=1 << 62)
    yield "card_features_0.safetensors", claim(backbone=None, feature_dim=0)
    yield "card_std_0.safetensors", model(std=[0, 1, 1])
    yield "card_std_tiny.safetensors", model(std=[1e-300] * 3)
    yield "card_mean_1e308.safetensors", model(mean=[1e308] * 3)
    yield "card_crop_4096.safetensors", model(transform={"resize": 4096, "crop": 4096})
    yield "card_crop_2e31.safetensors", model(transform={"resize": 1 << 31, "crop": 1 << 31})
    yield "card_crop_2048.safetensors", model(transform={"resize": 2048, "crop": 2048})
    nan, inf = float("nan"), float("inf")
    yield "nan.safetensors", damaged("backbone.conv1.weight", [nan])
    yield "inf_head.safetensors", damaged("projection_heads.last_linear.weight", [inf, -inf])
    yield "huge.safetensors", damaged("backbone.conv1.weight", [3e38] * 500)


def others():
    yield "st_128.safetensors", header(json.dumps({"a": entry([1], 0, 4)}).ljust(128), b"\0" * 4)
    yield "st_escape.safetensors", safetensors({"\x1b]0;owned\x07\x1b[2J": ([1], b"\0" * 4)})
    yield "pt_escape.pth", archive(b"}" + text("\x1b[31m\u202e") + tensor([6]) + b"s")
    yield "st_short.safetensors", header("{}", length=50_000_000)
    yield "st_overlap.safetensors", header(json.dumps({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}), b"\0" * 12)
    yield "pt_calls.pth", archive(b"}(" + text("w") + tensor([6]) + text("x") + b"cos\nsystem\n(" + text("touch owned") + b"tRu")
    yield "pt_big_endian.pth", archive(b"}", storages=[("../byteorder", b"big")])
    yield "pt_two.pth", archive(b"}", names=["net/data.pkl", "other/data.pkl"])
    yield "cut.pth", archive(b"}" + text("w") + tensor([6]) + b"s")[:-100]
    yield "cut.safetensors", model()[:-5]
    yield "squeeze.safetensors", safetensors(network("") | matrix("layer1.0.se.fc1.weight", 4, 4))
    yield "pt_nested.pth", archive(b"(" * 100_000 + b"l" * 100_000)
    yield "lfs.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n"
    yield "page.pth", b"<!DOCTYPE html><html>404</html>"
    yield "packed.pth.gz", gzip.compress(state({"w": [6]}))
    yield "graph.onnx", b"\x08\x07\x12\x07pytorch\x1a"
    yield "truth.csv", b"path,label\na.jpg,1\n"
    yield "model.safetensors.index.json", b'{"weight_map": {}}'
    yield "model-00001-of-00002.safetensors", safetensors(network(""))
    yield "noise.pth", bytes(DRAW.randrange(256) for _ in range(100_000))
    yield "nothing.pth", b""


def main():
    folder, *wanted = sys.argv[1:] or sys.exit(__doc__)
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = 0
    for kind in [bombs, claims, others]:
        for name, content in kind():
            if not wanted or any(name.startswith(begin) for begin in wanted):
                (Path(folder) / name).write_bytes(content)
                written += 1
    print(f"{written} files")


if __name__ == "__main__":
    main()
