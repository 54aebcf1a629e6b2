"""Opens what `twist export` writes in the programs that it is for, and compares what they compute.

    python3 tools/reference/exports.py TWIST

needs torch, torchvision, timm, onnx, onnxruntime and safetensors. For each network a checkpoint with random weights, in
which every tensor matters, is written by timm or torchvision, imported, and exported. It prints the largest difference of
features between the exported file and the library, and exits with 1 where one is above 1e-4 (1e-5 for state dicts).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import torchvision
from safetensors.torch import load_file, save_file

TWIST = str(Path(sys.argv[1]).resolve())

# Library, its name of the network, Twist's where tensors do not tell, side of the images.
NETWORKS = [
    ("torchvision", "resnet18", None, 224),
    ("torchvision", "resnet50", None, 224),
    ("timm", "convnext_tiny", None, 224),
    ("timm", "tf_efficientnet_lite0", None, 224),
    ("timm", "vit_tiny_patch16_224", None, 224),
    ("timm", "vit_small_patch16_224", None, 224),
    ("timm", "vit_small_patch14_reg4_dinov2", None, 224),
    ("timm", "vit_base_patch32_clip_224", "openclip_b32_class", 224),
    ("timm", "vit_base_patch16_siglip_224", None, 224),
]


def made(library, name, side):
    torch.manual_seed(0)
    if library == "torchvision":
        net = torchvision.models.get_model(name)
        net.fc = torch.nn.Identity()
    else:
        size = {"img_size": side} if name.startswith("vit_") else {}
        net = timm.create_model(name, num_classes=0, **size)
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.is_floating_point() and tensor.dim() == 1:
                tensor.uniform_(0.2, 0.6)
    return net.eval()


def twist(*words):
    done = subprocess.run([TWIST, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"twist {' '.join(map(str, words))}\n{done.stderr}")
    return done.stdout


def main():
    worst = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for library, name, arch, side in NETWORKS:
            net = made(library, name, side)
            source, model = folder / "source.safetensors", folder / "model.safetensors"
            save_file({key: tensor.contiguous().clone() for key, tensor in net.state_dict().items()}, source)
            twist("import", source, "--out", model, "--force", "--size", side, *(["--arch", arch] if arch else []))
            images = torch.rand(7, 3, side, side)
            with torch.no_grad():
                expected = net(images).numpy()
            scale = max(1.0, float(np.abs(expected).max()))
            found = {}
            for batch in (1, 7):
                twist("export", model, "--out", folder / "m.onnx", "--force")
                onnx.checker.check_model(str(folder / "m.onnx"), full_check=True)
                session = onnxruntime.InferenceSession(folder / "m.onnx", providers=["CPUExecutionProvider"])
                features = session.run(["features"], {"images": images[:batch].numpy()})[0]
                found[f"onnx, batch {batch}"] = (np.abs(features - expected[:batch]).max() / scale, 1e-4)
            ending = "pth" if library == "torchvision" else "safetensors"
            twist("export", model, "--to", library, "--out", folder / f"m.{ending}", "--force")
            state = torch.load(folder / "m.pth", weights_only=True) if ending == "pth" else load_file(folder / "m.safetensors")
            again = made(library, name, side)
            again.load_state_dict(state, strict=True)
            with torch.no_grad():
                found[library] = (np.abs(again(images).numpy() - expected).max() / scale, 1e-5)
            for what, (far, most) in found.items():
                print(f"{name:32} {what:14} {far:.1e}{'' if far <= most else '  TOO FAR'}", flush=True)
                worst.append(far <= most)
    if not all(worst):
        raise SystemExit(1)


main()
