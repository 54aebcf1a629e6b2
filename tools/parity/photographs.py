"""Photographs through networks and preprocessing of other programs and of Twist: how far apart the numbers are.

    cargo build --release; cargo build --release -p twist-data --example pixels
    pip install torch torchvision pillow timm transformers efficientnet_lite_pytorch safetensors
    python tools/parity/photographs.py PHOTOS --twist target/release/twist --pixels target/release/examples/pixels

PHOTOS is a folder of JPEG files of many sizes. First, 50 of them are resized and cropped by both, as each network's authors
do: the mean and largest difference of pixels, of 255. Then each network, of full size and with random weights (layer
scales and statistics of batches too), is saved under its own names, imported by `twist import`, and 16 photographs go
through it: the largest difference of features relative to the largest feature, once with Pillow's pixels on one side
(`twist embed` on the files, as people use it), and once with the same pixels on both sides (PNG files of the crops).
Rows are Markdown, for docs/import.md.
"""
import argparse, subprocess, tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models, transforms
from torchvision.transforms import InterpolationMode
from transformers import ConvNextConfig, ConvNextModel, DINOv3ConvNextConfig, DINOv3ConvNextModel

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
LITE = ([127 / 255] * 3, [128 / 255] * 3)
SIZES = dict(tiny=((3, 3, 9, 3), 96), small=((3, 3, 27, 3), 96), base=((3, 3, 27, 3), 128), large=((3, 3, 27, 3), 192))


def pooled(net, x):
    return net.forward_head(net.forward_features(x), pre_logits=True)


def transformers_config(kind, size):
    depths, width = SIZES[size]
    return kind(depths=list(depths), hidden_sizes=[width << stage for stage in range(4)])


def networks():
    """Name -> (network, its features of images, resize, crop, filter, normalisation)."""
    for size in SIZES:
        view = (256, 224, "bicubic", IMAGENET)
        yield f"timm convnext_{size}", lambda: timm.create_model(f"convnext_{size}"), pooled, *view
        yield (f"torchvision convnext_{size}", lambda: getattr(models, f"convnext_{size}")(),
               lambda n, x: n.classifier[:2](n.avgpool(n.features(x))), *view)
        yield (f"transformers ConvNextModel {size}", lambda: ConvNextModel(transformers_config(ConvNextConfig, size)),
               lambda n, x: n(x).pooler_output, *view)
        yield (f"transformers DINOv3ConvNextModel {size}",
               lambda: DINOv3ConvNextModel(transformers_config(DINOv3ConvNextConfig, size)),
               lambda n, x: n(x).pooler_output, *view)
    for number, side in enumerate((224, 240, 260, 280, 300)):
        view = (side + 32, side, "bicubic", LITE)
        yield f"timm tf_efficientnet_lite{number}", lambda: timm.create_model(f"tf_efficientnet_lite{number}"), pooled, *view
        yield (f"efficientnet_lite_pytorch lite{number}",
               lambda: EfficientNet.from_name(f"efficientnet-lite{number}", image_size=None),
               lambda n, x: n.extract_features(x).mean((2, 3)), *view)
    for number in (18, 50):
        view = (256, 224, "bilinear", IMAGENET)
        yield f"timm resnet{number}", lambda: timm.create_model(f"resnet{number}"), pooled, *view
        yield (f"torchvision resnet{number}", lambda: getattr(models, f"resnet{number}")(),
               lambda n, x: nn.Sequential(*list(n.children())[:-1])(x), *view)


def randomised(net, seed):
    """Random numbers where an untrained network has constants, so that each of them matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, v in net.state_dict().items():
            if not v.is_floating_point():
                continue
            u = torch.rand(v.shape, generator=generator) * 2 - 1
            if key.endswith("running_var"):
                v.copy_(1 + 0.5 * u.abs())
            elif v.dim() <= 1 or "layer_scale" in key:
                v.copy_(1 + 0.1 * u if key.endswith("weight") else 0.1 * u)
            else:
                v.copy_(u * (3 / v[0].numel()) ** 0.5)
    return net.eval()


def crop_of(photo, resize, crop, kind):
    """Pillow's pixels of a photograph, as torchvision resizes and crops them."""
    mode = InterpolationMode.BICUBIC if kind == "bicubic" else InterpolationMode.BILINEAR
    steps = transforms.Compose([transforms.Resize(resize, mode), transforms.CenterCrop(crop)])
    return np.asarray(steps(Image.open(photo).convert("RGB")))


def run(*command):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def embed(twist, model, folder, out):
    run(twist, "embed", model, folder, "--out", out, "--device", "cpu", "--precision", "fp32")
    return np.load(out)


def relative(got, expected):
    return np.abs(got - expected).max() / np.abs(expected).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--twist", type=Path, required=True)
    parser.add_argument("--pixels", type=Path, required=True)
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    args = parser.parse_args()
    photos = sorted(args.photos.glob("*.jpg"))[:50]
    assert len(photos) == 50, f"{len(photos)} photographs in {args.photos}, 50 are needed"
    print("| preprocessing | mean difference of 255 | largest |\n|---|---|---|")
    for resize, crop, kind in [(256, 224, "bilinear"), (256, 224, "bicubic"), (332, 300, "bicubic")]:
        ours = np.frombuffer(run(args.pixels, resize, crop, kind, *photos), np.uint8).reshape(50, crop, crop, 3)
        off = np.abs(ours.astype(int) - np.stack([crop_of(photo, resize, crop, kind) for photo in photos]))
        print(f"| {kind} {resize}, centre {crop}, 50 photographs | {off.mean():.4f} | {off.max()} |")
        assert off.mean() <= 1
    print("\n| network | same pixels | from the files |\n|---|---|---|", flush=True)
    for name, make, features, resize, crop, kind, (mean, std) in networks():
        if args.only not in name:
            continue
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            (place / "files").mkdir(), (place / "crops").mkdir()
            net, pixels = randomised(make(), 7), []
            for photo in photos[:16]:
                (place / "files" / photo.name).symlink_to(photo.resolve())
                pixels.append(crop_of(photo, resize, crop, kind))
                Image.fromarray(pixels[-1]).save(place / "crops" / (photo.stem + ".png"))
            save_file({key: v.contiguous() for key, v in net.state_dict().items()}, place / "theirs.safetensors")
            run(args.twist, "import", place / "theirs.safetensors", "--out", place / "ours.safetensors")
            x = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 255
            x = (x - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
            with torch.no_grad():
                expected = features(net, x).flatten(1).numpy()
            run(args.twist, "import", place / "theirs.safetensors", "--out", place / "crops.safetensors", "--resize", crop)
            same = relative(embed(args.twist, place / "crops.safetensors", place / "crops", place / "a.npy"), expected)
            files = relative(embed(args.twist, place / "ours.safetensors", place / "files", place / "b.npy"), expected)
        print(f"| {name} | {same:.1e} | {files:.1e} |", flush=True)
        assert same <= 1e-4, name


if __name__ == "__main__":
    main()
