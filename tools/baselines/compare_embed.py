"""`twist embed` beside the same network of timm in PyTorch, alternating: files in, features out.

    python compare_embed.py IMAGE_DIR [--pairs 5] [--twist target/release/twist]
                            [--name vit_small_patch14_dinov2] [--size 224] [--batch 32] [--precision fp32]

Both get the same random weights, the resize of the short side and the centre crop of that size, and all cores. The side of PyTorch reads
with torchvision and Pillow in the workers of a DataLoader, and computes in the same precision, with or without torch.compile: every
setting is measured once, and the fastest one takes part in the pairs. Starting a program and compiling the network are not counted on
either side: images/s is the difference between all images and a few of them. Prints each pair and the median ratio. Keep the machine idle.
Needs: torch==2.11.0 torchvision timm safetensors
"""
import argparse, glob, itertools, os, statistics, subprocess, sys, tempfile, time

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms as T

p = argparse.ArgumentParser()
p.add_argument("images")
p.add_argument("--pairs", type=int, default=5)
p.add_argument("--twist", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/release/twist"))
p.add_argument("--name", default="vit_small_patch14_dinov2")
p.add_argument("--size", type=int, default=224)
p.add_argument("--batch", type=int, default=32)
p.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
a = p.parse_args()

FEW = 2 * a.batch
files = sorted(f for f in glob.glob(os.path.join(a.images, "**/*"), recursive=True) if os.path.isfile(f))
if len(files) < 4 * FEW:
    sys.exit(f"{a.images} has {len(files)} files; {4 * FEW} are needed")


class Images(torch.utils.data.Dataset):
    transform = T.Compose([
        T.Resize(a.size, T.InterpolationMode.BICUBIC), T.CenterCrop(a.size), T.ToTensor(),
        T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def pytorch(net, workers, paths):
    """Seconds, and the features."""
    loader = torch.utils.data.DataLoader(Images(paths), a.batch, num_workers=workers)
    began, rows = time.perf_counter(), []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=a.precision == "bf16"):
        for batch in loader:
            rows.append(net(batch).float())
    return time.perf_counter() - began, torch.cat(rows).numpy()


def twist(model, paths, folder):
    """Seconds, and the features, which nothing is kept of."""
    listed, out = os.path.join(folder, "list.txt"), os.path.join(folder, "rows.npy")
    with open(listed, "w") as file:
        file.write("\n".join(map(os.path.abspath, paths)) + "\n")
    began = time.perf_counter()
    subprocess.run([a.twist, "embed", model, listed, "--out", out, "--force", "--quiet", "--no-cache", "--precision", a.precision], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began, np.load(out)


def rate(measure):
    """Images a second without what a start costs, and the features of all."""
    few, _ = measure(files[:FEW])
    all_, rows = measure(files)
    return (len(files) - FEW) / (all_ - few), rows


torch.manual_seed(0)
net = timm.create_model(a.name, num_classes=0, img_size=a.size).eval()
with tempfile.TemporaryDirectory() as folder:
    os.environ["TWIST_CACHE"] = os.path.join(folder, "cache")
    source, model = os.path.join(folder, "source.safetensors"), os.path.join(folder, "model.safetensors")
    save_file({key: tensor.contiguous() for key, tensor in net.state_dict().items()}, source)
    subprocess.run([a.twist, "import", source, "--out", model, "--size", str(a.size), "--resize", str(a.size)], check=True,
                   capture_output=True)
    settings = {}
    for compiled, workers in itertools.product([False, True], [0, 1, 2]):
        name = f"timm, {a.precision}{', compiled' if compiled else ''}, {workers} workers"
        chosen = torch.compile(net) if compiled else net
        try:
            pytorch(chosen, 0, files[:FEW + 1])  # compiles for whole batches and for a part of one
            settings[compiled, workers] = rate(lambda paths: pytorch(chosen, workers, paths))[0]
        except Exception as error:  # no compiler is no reason to stop
            print(f"{name}: {type(error).__name__}: {error}"[:200])
            continue
        print(f"{name}: {settings[compiled, workers]:.1f} images/s", flush=True)
    compiled, workers = max(settings, key=settings.get)
    print(f"the fastest: {'compiled' if compiled else 'eager'}, {workers} workers")
    best = torch.compile(net) if compiled else net
    pytorch(best, 0, files[:FEW + 1])
    ratios = []
    for pair in range(a.pairs):
        ours, rows = rate(lambda paths: twist(model, paths, folder))
        theirs, expected = rate(lambda paths: pytorch(best, workers, paths))
        ratios.append(ours / theirs)
        far = np.abs(rows - expected).max() / np.abs(expected).max()
        print(f"pair {pair + 1}: twist {ours:.1f}, timm {theirs:.1f} images/s, ratio {ratios[-1]:.2f}; features differ by {far:.1e}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f} (least {min(ratios):.2f}, greatest {max(ratios):.2f})")
