"""The published sizes of convolutional networks: Twist against the implementations that publish them.

    cargo build --workspace --examples --bins
    python tools/reference/convnets_full.py PHOTOS target/debug [--only NAME] > table.md

PHOTOS is a folder of JPEG files of many sizes. For each network: weights are drawn at random (layer scales and statistics of
batches too, so that every part changes the features), the file is written to a temporary folder under the publisher's names and
imported, and the photographs pass through both. The columns: how far the inputs are apart on average, in 1/255 of the pixels'
range (50 photographs); the largest difference of features in relation to the largest feature for the same input, and with each
side's own input (16).
"""
import argparse, subprocess, tempfile
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file, save_file
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
    parser.add_argument("built", type=Path, help="the folder with twist and examples/preprocess")
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    args = parser.parse_args()
    twist, preprocess = args.built / "twist", args.built / "examples" / "preprocess"
    photos = sorted(args.photos.glob("*.jpg"))[:50]
    assert len(photos) == 50, f"{len(photos)} photographs in {args.photos}, 50 are needed"
    print("| network | input, of 255 | same input | own input |\n|---|---|---|---|", flush=True)
    for name, make, features, resize, crop, kind, (mean, std) in networks():
        if args.only not in name:
            continue
        mean, std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            folders = [place / "all", place / "few", place / "crops"]
            for folder in folders:
                folder.mkdir()
            pixels = [crop_of(photo, resize, crop, kind) for photo in photos]
            for number, photo in enumerate(photos):
                (place / "all" / photo.name).symlink_to(photo.resolve())
                if number < 16:
                    (place / "few" / photo.name).symlink_to(photo.resolve())
                    Image.fromarray(pixels[number]).save(place / "crops" / (photo.stem + ".png"))
            net = randomised(make(), 7)
            save_file({key: v.contiguous() for key, v in net.state_dict().items()}, place / "theirs.safetensors")
            run(twist, "import", place / "theirs.safetensors", "--out", place / "ours.safetensors")
            run(twist, "import", place / "theirs.safetensors", "--out", place / "whole.safetensors", "--resize", crop)
            run(preprocess, place / "ours.safetensors", place / "all", place / "inputs.safetensors")
            theirs = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 255
            ours = load_file(place / "inputs.safetensors")["pixels"] * std + mean
            input_off = float((ours - theirs).abs().mean()) * 255
            with torch.no_grad():
                expected = features(net, (theirs[:16] - mean) / std).flatten(1).numpy()
            same = relative(embed(twist, place / "whole.safetensors", place / "crops", place / "a.npy"), expected)
            own = relative(embed(twist, place / "ours.safetensors", place / "few", place / "b.npy"), expected)
        print(f"| {name} | {input_off:.3f} | {same:.1e} | {own:.1e} |", flush=True)
        assert same <= 1e-4 and input_off <= 1, name


if __name__ == "__main__":
    main()
