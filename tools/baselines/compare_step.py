"""The training step of Twist beside the one in plain PyTorch (step.py), alternating, with equal shapes.

    python compare_step.py [--pairs 5] [--device cpu|cuda] [--compile] [--twist target/release/twist]
                           [--arch resnet18_cifar] [--size 32] [--batch 64] [--dim 512] [--hid-dim 1024] [--precision bf16]

Prints each pair and the median ratio of images per second, and nothing about a machine that is busy: keep it idle.
With --compile each pair also runs step.py --compile, and the better of the two counts as the baseline.
"""
import argparse, json, os, statistics, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
p = argparse.ArgumentParser()
p.add_argument("--pairs", type=int, default=5)
p.add_argument("--twist", default=os.path.join(here, "../../target/release/twist"))
p.add_argument("--compile", action="store_true")
for flag, default in [("arch", "resnet18_cifar"), ("size", "32"), ("batch", "64"), ("dim", "512"), ("hid-dim", "1024"),
                      ("precision", "bf16"), ("device", "cpu"), ("steps", "10"), ("warmup", "3")]:
    p.add_argument(f"--{flag}", default=default)
a = p.parse_args()
shared = [word for flag in ("size", "batch", "dim", "hid_dim", "precision", "device", "steps", "warmup")
          for word in (f"--{flag.replace('_', '-')}", getattr(a, flag))]


def run(command):
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(out[out.index("{"):])


def pytorch(*more):
    stem = ["--cifar-stem"] if a.arch.endswith("_cifar") else []
    arch = a.arch.removesuffix("_cifar")
    return run([sys.executable, f"{here}/step.py", "--arch", arch, *stem, "--channels-last", *more, *shared])["images_per_second"]


ratios = []
for pair in range(a.pairs):
    ours = run([a.twist, "bench", "step", "--arch", a.arch, "--json", *shared])["images_per_second"]
    theirs = {"eager": pytorch(), **({"compiled": pytorch("--compile")} if a.compile else {})}
    ratios.append(ours / max(theirs.values()))
    print(f"pair {pair + 1}: twist {ours:.1f}, " + ", ".join(f"{k} {v:.1f}" for k, v in theirs.items()) + f" images/s, ratio {ratios[-1]:.2f}")
print(f"median ratio {statistics.median(ratios):.2f} (least {min(ratios):.2f}, greatest {max(ratios):.2f})")
