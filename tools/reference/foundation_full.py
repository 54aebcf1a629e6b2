"""The published sizes of foundation transformers: Twist against the implementations that publish them.

    cargo build --workspace --examples --bins
    python tools/reference/foundation_full.py REPOS PHOTOS target/debug --only dinov2_s14 clip_b32 ... > table.md

REPOS is as `foundation.py` says, PHOTOS a folder of photographs. For each network: weights are drawn at random (every part with a
scale at which it changes the features), the publisher's file is written to a temporary folder and imported, and the photographs
pass through both. The columns: how far the inputs are apart on average, in 1/255 of the pixels' range (50 photographs); the
largest difference of features in relation to the largest feature for the same input, and with each side's own input (16).
"""
import argparse, subprocess, sys, tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

import foundation
from foundation import call, first, hub, pooler, randomised

IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
NAMES = {"s": "vit_small", "b": "vit_base", "l": "vit_large", "g": "vit_giant2"}
TIMM = {"s": "small", "b": "base", "l": "large", "h": "huge", "g": "giant"}


def torchvision_transform(filter, images):
    from torchvision import transforms as T
    mode = getattr(T.InterpolationMode, filter)
    transform = T.Compose([T.Resize(256, mode), T.CenterCrop(224), T.ToTensor(),
                           T.Normalize(IMAGENET["image_mean"], IMAGENET["image_std"])])
    return torch.stack([transform(image) for image in images])


def processor(kind, images, **options):
    import transformers
    return getattr(transformers, kind)(**options)(images=images, return_tensors="pt")["pixel_values"]


def open_clip_transform(size, images):
    from open_clip import image_transform
    transform = image_transform(size, is_train=False)
    return torch.stack([transform(image) for image in images])


DINOV3 = partial(processor, "DINOv3ViTImageProcessor")
SIGLIP = lambda size: partial(processor, "SiglipImageProcessor", size={"height": size, "width": size}, resample=2)


def plain(size, patch):
    import timm
    return timm.create_model(f"vit_{TIMM[size]}_patch{patch}_224", num_classes=0)


def dinov2(repos, size, registers):
    hub(repos, "dinov2")
    from dinov2.models import vision_transformer as vits
    return getattr(vits, NAMES[size])(img_size=518, patch_size=14, init_values=1.0, block_chunks=0, num_register_tokens=registers,
                                      ffn_layer="swiglufused" if size == "g" else "mlp", interpolate_antialias=registers > 0,
                                      interpolate_offset=0.0 if registers else 0.1)


def dinov3(repos, size):
    hub(repos, "dinov3")
    from dinov3.hub import backbones
    return getattr(backbones, f"dinov3_vit{size.removesuffix('plus')}16{'plus' if 'plus' in size else ''}")(pretrained=False)


def mocov3(repos, size):
    foundation.mocov3(repos)
    import vits
    nets = {name: getattr(vits, NAMES[size])(num_classes=0) for name in ("base_encoder", "momentum_encoder")}
    return nn.ModuleDict({"module": nn.ModuleDict(nets)})


def openai(repos, patch, width, layers, dim, size=224):
    foundation.official_clip(repos)
    from clip.model import CLIP
    return CLIP(dim, size, layers, width, patch, 3, 5, 8, 1, 1)


def open_clip(name):
    import open_clip as library
    model = library.create_model(name, pretrained=None)
    return nn.ModuleDict({"visual": model.visual})


def siglip(name):
    """timm's network with the GELU of the authors and of transformers, approximated by tanh; timm computes the exact one."""
    import open_clip as library
    visual = library.create_model(name, pretrained=None).visual
    for module in visual.modules():
        if isinstance(module, nn.GELU):
            module.approximate = "tanh"
    return nn.ModuleDict({"visual": visual})


def mae(repos, size, patch):
    foundation.mae(repos)
    import models_mae
    return getattr(models_mae, f"mae_{NAMES.get(size, 'vit_huge')}_patch{patch}")()


bicubic, bilinear = (partial(torchvision_transform, name) for name in ("BICUBIC", "BILINEAR"))
base_encoder = lambda m, x: m["module"]["base_encoder"](x)
visual = lambda m, x: m["visual"](x)

# name: (model, features, their preprocessing)
NETWORKS = {
    **{f"vit_{size}{patch}": (lambda r, size=size, patch=patch: plain(size, patch), call, bicubic)
       for size, patch in [("s", 16), ("b", 16), ("l", 16), ("b", 8), ("s", 32), ("b", 32), ("l", 32), ("h", 14), ("g", 14)]
       },
    **{f"mae {size}{patch}": (lambda r, size=size, patch=patch: mae(r, size, patch), foundation.mae_class_token, bicubic)
       for size, patch in [("b", 16), ("l", 16), ("h", 14)]},
    **{f"mocov3_{size}16": (lambda r, size=size: mocov3(r, size), base_encoder, bilinear) for size in "sb"},
    **{f"dinov2_{size}14{'_reg4' if registers else ''}":
       (lambda r, size=size, registers=registers: dinov2(r, size, registers), call, bicubic)
       for size in "sblg" for registers in (0, 4)},
    **{f"dinov3_{size}16": (lambda r, size=size: dinov3(r, size), call, DINOV3) for size in ("s", "splus", "b", "l", "hplus")
       },
    "clip_b32": (lambda r: openai(r, 32, 768, 12, 512), lambda m, x: m.encode_image(x), partial(open_clip_transform, 224)),
    "clip_b16": (lambda r: openai(r, 16, 768, 12, 512), lambda m, x: m.encode_image(x), partial(open_clip_transform, 224)),
    "clip_l14": (lambda r: openai(r, 14, 1024, 24, 768), lambda m, x: m.encode_image(x), partial(open_clip_transform, 224)),
    "clip_l14_336": (lambda r: openai(r, 14, 1024, 24, 768, 336), lambda m, x: m.encode_image(x), partial(open_clip_transform, 336)),
    **{f"openclip_{name}": (lambda r, kind=kind: open_clip(kind), visual, partial(open_clip_transform, 224))
       for name, kind in dict(b32="ViT-B-32", b16="ViT-B-16", l14="ViT-L-14", h14="ViT-H-14", g14="ViT-g-14",
                              bigg14="ViT-bigG-14").items()},
    **{f"siglip2_{name}": (lambda r, kind=kind: siglip(kind), visual, SIGLIP(size))
       for name, kind, size in [("b16", "ViT-B-16-SigLIP2", 224), ("b16_256", "ViT-B-16-SigLIP2-256", 256),
                                ("b16_384", "ViT-B-16-SigLIP2-384", 384), ("b16_512", "ViT-B-16-SigLIP2-512", 512),
                                ("b32_256", "ViT-B-32-SigLIP2-256", 256), ("l16_256", "ViT-L-16-SigLIP2-256", 256),
                                ("l16_384", "ViT-L-16-SigLIP2-384", 384), ("l16_512", "ViT-L-16-SigLIP2-512", 512),
                                ("so400m14", "ViT-SO400M-14-SigLIP2", 224), ("so400m14_378", "ViT-SO400M-14-SigLIP2-378", 378),
                                ("so400m16_256", "ViT-SO400M-16-SigLIP2-256", 256),
                                ("so400m16_384", "ViT-SO400M-16-SigLIP2-384", 384),
                                ("so400m16_512", "ViT-SO400M-16-SigLIP2-512", 512),
                                ("gopt16_256", "ViT-gopt-16-SigLIP2-256", 256), ("gopt16_384", "ViT-gopt-16-SigLIP2-384", 384)]},
}


def distance(a, b):
    return float((a - b).abs().max() / b.abs().max())


def run(name, args):
    make, features, preprocess = NETWORKS[name]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        paths = sorted(args.photos.iterdir())
        few = folder / "few"
        few.mkdir()
        for path in paths[:16]:
            (few / path.name).symlink_to(path.resolve())
        model = randomised(make(args.repos), 0)
        state = {key: v for key, v in model.state_dict().items()}
        torch.save({"state_dict": state}, folder / "theirs.pth")
        asked = ["--arch", name] if name.startswith(("clip", "openclip")) else []
        twist, ours = [str(args.binaries / "twist"), "-q"], folder / "ours.safetensors"
        subprocess.run([*twist, "import", folder / "theirs.pth", "--out", ours, *asked], check=True, stdout=subprocess.DEVNULL)
        (folder / "theirs.pth").unlink()
        subprocess.run([args.binaries / "examples/preprocess", ours, args.photos, folder / "pixels.safetensors"], check=True)
        subprocess.run([*twist, "embed", ours, few, "--out", folder / "features.npy", "--device", "cpu"], check=True,
                       stdout=subprocess.DEVNULL)
        got = torch.from_numpy(np.load(folder / "features.npy")).float()
        pixels = load_file(folder / "pixels.safetensors")["pixels"]
    theirs = preprocess([Image.open(path).convert("RGB") for path in paths])
    deviations = torch.tensor(args.std[name.split("_")[0].split()[0]]).view(3, 1, 1)
    off = float(((pixels - theirs) * deviations * 255).abs().mean())
    with torch.no_grad():
        same, own = (torch.cat([features(model, x[i:i + 4]) for i in range(0, 16, 4)]) for x in (pixels, theirs))
    millions = sum(v.numel() for v in state.values()) / 1e6
    return f"| `{name}` | {millions:.0f} | {off:.3f} | {distance(got, same):.1e} | {distance(got, own):.1e} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repos", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("binaries", type=Path)
    parser.add_argument("--only", nargs="*", default=list(NETWORKS))
    args = parser.parse_args()
    clip, half = [0.26862954, 0.26130258, 0.27577711], [0.5] * 3
    args.std = dict(clip=clip, openclip=clip, siglip2=half) | dict.fromkeys(("vit", "mae", "mocov3", "dinov2", "dinov3"),
                                                                          IMAGENET["image_std"])
    print("| network | million numbers | inputs, 1/255 | features, same input | features, own input |")
    print("|---|---|---|---|---|")
    for name in args.only:
        print(run(name, args), flush=True)


if __name__ == "__main__":
    sys.exit(main())
