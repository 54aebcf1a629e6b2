"""One more step of the run in `checkpoints/resnet_tiny.pth`, with PyTorch: what `--continue` has to equal.

    python tools/reference/continued.py tests/reference/checkpoints/continued.safetensors

The file has the first 64 values of every parameter after the step. The pixels of the two views [2, 8, 32, 32, 3] are
byte `(i * 2654435761 mod 2^32) >> 13 mod 256` at place i; they are normalised with mean 0.5 and std 0.25.
"""
import pathlib, sys

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import Bottleneck

from cases import Case
from losses import pair
from networks import Head, resnet

STEP, STEPS, PEAK, DECAY, MOMENTUM, ETA, CLIP = 6, 12, 0.5, 1e-4, 0.9, 0.001, 3.0


def learning_rate():
    """Half way through a cosine without warm-up."""
    return PEAK * (0.001 + 0.999 * (1 + np.cos(np.pi * STEP / STEPS)) / 2)


def views():
    places = np.arange(2 * 8 * 32 * 32 * 3, dtype=np.uint64)
    pixels = ((places * 2654435761 % 2**32) >> 13) % 256
    images = torch.from_numpy(pixels.astype(np.float32)).reshape(16, 32, 32, 3).permute(0, 3, 1, 2)
    return (images / 255 - 0.5) / 0.25


class Narrow(Bottleneck):
    """A block whose inner convolutions have an eighth of the channels."""

    def __init__(self, *args):
        super().__init__(*args, base_width=8)


def main():
    folder = pathlib.Path(__file__).parents[2] / "tests/reference/checkpoints"
    saved = torch.load(folder / "resnet_tiny.pth", weights_only=False)
    net = nn.ModuleDict(dict(backbone=resnet(Narrow, [1, 1, 1, 1], 8), projection_heads=Head(256, 64, 32, "relu")))
    net.load_state_dict(saved["model"])
    net.train()
    logits = net["projection_heads"](net["backbone"](views()))
    pair(*logits.chunk(2), Case("", 0, dict(tau=1.0, lam1=0.0, lam2=1.0, eps=1e-5)))["final"].backward()
    nn.utils.clip_grad_norm_(net.parameters(), CLIP)

    groups = saved["optimizer"]["param_groups"]
    named = list(net.named_parameters())
    order = [one for one in named if one[1].dim() > 1] + [one for one in named if one[1].dim() <= 1]
    after, rate = {}, learning_rate()
    for number, (name, weight) in enumerate(order):
        buffer, gradient = saved["optimizer"]["state"][number]["momentum_buffer"], weight.grad
        assert number in groups[int(weight.dim() <= 1)]["params"] and buffer.shape == weight.shape
        trust = 1.0
        if weight.dim() > 1:
            trust = ETA * weight.norm() / (gradient.norm() + DECAY * weight.norm())
            gradient = gradient + DECAY * weight
        after[name] = (weight - (MOMENTUM * buffer + rate * trust * gradient)).detach().flatten()[:64].clone()
    save_file(after, sys.argv[1])


if __name__ == "__main__":
    main()
