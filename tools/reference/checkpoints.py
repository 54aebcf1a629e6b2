"""Two checkpoints as the released code writes them, with what `resnet_tiny.pth` and `vit_micro.pth` do not have.

    python tools/reference/checkpoints.py tests/reference/checkpoints

`vit_teacher.pth` has AdamW and a momentum teacher, `resnet_sgd.pth` has SGD. Every number follows the rule of
`tests/reference/README.md`: that of a weight from its key, that of the teacher's from `teacher.` and the key, that of the
optimizer's state from its kind and the key. The states are large beside the gradients of weights that have none (biases
before a batch norm): AdamW would divide the rounding of these gradients by itself.
"""
import argparse, pathlib, sys

import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from cases import rule
from networks import Head, ViT, resnet, with_rule_weights

MOMENTS = 0.01  # about the size of a gradient


def twist(backbone, head):
    return nn.ModuleDict(dict(backbone=backbone, projection_heads=head))


def vit_teacher():
    return twist(ViT(4, 2, depth=2), Head(4, 16, 8, "gelu"))


def resnet_sgd():
    return twist(resnet(BasicBlock, [1, 1, 1, 1], 2), Head(16, 16, 8, "relu"))


def groups(net):
    """Names of the parameters that decay, and of the others (`train.py` of the released code)."""
    token = lambda name: any(skip in name for skip in ("pos_embed", "cls_token", "dist_token"))
    plain = lambda name, weight: weight.dim() == 1 or name.endswith(".bias") or token(name)
    named = list(net.named_parameters())
    return [[name for name, weight in named if plain(name, weight) == second] for second in (False, True)]


def adamw(net):
    """Moments after six updates."""
    def moments(name, shape):
        mean, square = rule(f"exp_avg.{name}", *shape), rule(f"exp_avg_sq.{name}", *shape)
        return dict(step=torch.tensor(6.0), exp_avg=MOMENTS * mean, exp_avg_sq=MOMENTS**2 * (0.1 + square.square()))
    return state_of(torch.optim.AdamW, net, moments)


def sgd(net):
    buffer = lambda name, shape: dict(momentum_buffer=MOMENTS * rule(f"momentum_buffer.{name}", *shape))
    return state_of(torch.optim.SGD, net, buffer, lr=0, momentum=0.9)


def state_of(optimizer, net, state, **settings):
    names, weights = groups(net), dict(net.named_parameters())
    made = optimizer([dict(params=[weights[name] for name in group], weight_decay=decay)
                      for group, decay in zip(names, (0.05, 0.0))], **settings).state_dict()
    made["state"] = {number: state(name, weights[name].shape) for number, name in enumerate(names[0] + names[1])}
    return made


def checkpoint(make, optimizer, teacher, **args):
    net = with_rule_weights(make()).float()
    saved = dict(model=net.state_dict(), backbone=net["backbone"].state_dict(), optimizer=optimizer(net), epoch=2,
                 args=argparse.Namespace(epochs=6, mme_epochs=6, **args))
    if teacher:
        other = with_rule_weights(make(), "teacher.").float()
        saved |= dict(teacher=other.state_dict(), teacher_backbone=other["backbone"].state_dict())
    return saved | dict(scaler=torch.amp.GradScaler("cpu").state_dict())


def main():
    folder = pathlib.Path(sys.argv[1])
    torch.save(checkpoint(vit_teacher, adamw, True, backbone="vit_4x2x2", act="gelu", optim="admw", dim=8, hid_dim=16),
               folder / "vit_teacher.pth")
    torch.save(checkpoint(resnet_sgd, sgd, False, backbone="resnet_basic", act="relu", optim="sgd", dim=8, hid_dim=16),
               folder / "resnet_sgd.pth")


if __name__ == "__main__":
    with torch.no_grad():
        main()
