"""One more step of the runs in `checkpoints/`, with PyTorch: what `--continue` has to equal.

    python tools/reference/continued.py tests/reference/checkpoints

Each `continued_NAME.safetensors` has up to 64 values, evenly spaced, of every parameter and running statistic after the
step, in float32 from float64; those of the momentum teacher begin with `teacher.`. The pixels of a resolution
[views, 8, side, side, 3] are byte `(i * 2654435761 mod 2^32) >> 13 mod 256` at place i; they are normalised with mean 0.5
and std 0.25. The optimizers of `vit_teacher` and `resnet_sgd` are PyTorch's own, with the state in the file.
"""
import math, pathlib, sys
from dataclasses import dataclass, field

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import Bottleneck

from cases import Case
from checkpoints import groups, resnet_sgd, twist, vit_teacher
from losses import momentum_teacher, pair
from networks import Head, ViT, resnet

BATCH, STEP, STEPS = 8, 6, 12
MOMENTUM, ETA = 0.9, 0.001  # of LARS


@dataclass
class Run:
    """How the run of a checkpoint goes on."""
    make: object
    optimizer: object                 # (Run, saved, network with gradients): the update
    lr: float
    decay: tuple                      # weight decay at the first step and at the end
    clip: float
    views: tuple = ((2, 32),)         # number and side of the views of each resolution
    lr_wbr: float = 1.0
    teacher: tuple = ()               # momentum at the first step and at the end
    loss: dict = field(default_factory=dict)


def half_cosine():
    return (1 + math.cos(math.pi * STEP / STEPS)) / 2


def between(base, end):
    """A value of a cosine from `base` to `end`."""
    return end + (base - end) * half_cosine()


class Narrow(Bottleneck):
    """A block whose inner convolutions have an eighth of the channels."""

    def __init__(self, *args):
        super().__init__(*args, base_width=8)


def pixels(views, side):
    places = np.arange(views * BATCH * side * side * 3, dtype=np.uint64)
    values = torch.from_numpy((((places * 2654435761 % 2**32) >> 13) % 256).astype(np.float64))
    images = values.reshape(views * BATCH, side, side, 3).permute(0, 3, 1, 2)
    return (images / 255 - 0.5) / 0.25


def logits(net, resolutions):
    """The head sees the features of all views together, the backbone one resolution at a time."""
    return net["projection_heads"](torch.cat([net["backbone"](images) for images in resolutions]))


def backward(run, net, teacher):
    resolutions = [pixels(*view) for view in run.views]
    settings = dict(tau=1.0, lam1=0.0, lam2=1.0, eps=1e-5) | run.loss
    student = logits(net, resolutions)
    views = len(student) // BATCH
    if teacher:
        with torch.no_grad():
            taught = logits(teacher, [resolutions[0][:2 * BATCH]])
        case = Case("", 0, settings | dict(student=student, teacher=taught, n_views=views))
        student.backward(momentum_teacher(case)["grads"])
    else:
        assert views == 2
        pair(*student.chunk(2), Case("", 0, settings))["final"].backward()
    norm = nn.utils.clip_grad_norm_(net.parameters(), run.clip)
    print(f"  norm of the gradients {norm:.4g}, clipped at {run.clip}")


def rates(run):
    rate = run.lr * (0.001 + 0.999 * half_cosine())
    return [dict(lr=rate, weight_decay=between(*run.decay)), dict(lr=rate / run.lr_wbr, weight_decay=0.0)]


@torch.no_grad()
def lars(run, saved, net):
    """As released: tokens and positions have no trust ratio, whichever group the file has put them into."""
    named, (adapted, plain) = dict(net.named_parameters()), groups(net)
    in_file = [len(group["params"]) for group in saved["optimizer"]["param_groups"]]
    if in_file == [len(adapted), len(plain)]:
        order = adapted + plain
    else:
        order = sorted(named, key=lambda name: named[name].dim() <= 1)
    for number, name in enumerate(order):
        weight, buffer = named[name], saved["optimizer"]["state"][number]["momentum_buffer"]
        assert buffer.shape == weight.shape
        second = name in plain
        gradient, how, trust = weight.grad, rates(run)[second], 1.0
        if not second:
            decay = how["weight_decay"]
            trust = ETA * weight.norm() / (gradient.norm() + decay * weight.norm())
            gradient = gradient + decay * weight
        weight -= MOMENTUM * buffer.double() + how["lr"] * trust * gradient


def pytorch(kind, **settings):
    def update(run, saved, net):
        named = dict(net.named_parameters())
        optimizer = kind([dict(params=[named[name] for name in group]) for group in groups(net)], **settings)
        optimizer.load_state_dict(saved["optimizer"])
        for group, how in zip(optimizer.param_groups, rates(run)):
            group.update(how)
        optimizer.step()
    return update


def resnet_tiny():
    return twist(resnet(Narrow, [1, 1, 1, 1], 8), Head(256, 64, 32, "relu"))


def vit_micro():
    return twist(ViT(48, 3, depth=2), Head(48, 64, 32, "gelu"))


RUNS = dict(
    resnet_tiny=Run(resnet_tiny, lars, 0.5, (1e-4, 1e-4), 3.0),
    vit_micro=Run(vit_micro, lars, 2.0, (0.02, 0.1), 1.0, views=((2, 48),), loss=dict(lam1=-0.6)),
    vit_teacher=Run(vit_teacher, pytorch(torch.optim.AdamW), 0.01, (0.06, 0.12), 0.5, views=((2, 48), (2, 32)),
                    teacher=(0.9, 1.0), loss=dict(lam1=-0.6, tau=0.8)),
    resnet_sgd=Run(resnet_sgd, pytorch(torch.optim.SGD, lr=0, momentum=0.9), 0.1, (1e-3, 1e-2), 0.5, lr_wbr=2.0))


def one_more_step(run, saved):
    net = run.make().double()
    net.load_state_dict(saved["model"])
    teacher = run.make().double() if run.teacher else None
    if teacher:
        teacher.load_state_dict(saved["teacher"])
    backward(run, net, teacher)
    run.optimizer(run, saved, net)
    after = dict(net.state_dict())
    if teacher:
        with torch.no_grad():
            for mean, weight in zip(teacher.parameters(), net.parameters()):
                mean.lerp_(weight, 1 - between(*run.teacher))
        after |= {f"teacher.{key}": value for key, value in teacher.state_dict().items()}
    return after


def some(value):
    """Up to 64 values, evenly spaced."""
    value = value.detach().flatten().float()
    return value[::math.ceil(len(value) / 64)].clone()


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, run in RUNS.items():
        print(name)
        after = one_more_step(run, torch.load(folder / f"{name}.pth", weights_only=False))
        kept = {key: some(value) for key, value in after.items() if value.is_floating_point()}
        save_file(kept, folder / f"continued_{name}.safetensors")


if __name__ == "__main__":
    main()
