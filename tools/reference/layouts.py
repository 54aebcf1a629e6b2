"""Networks of other programs under their own names: features and logits, weights by the rule from those names."""
import math

import timm
import torch
from efficientnet_lite_pytorch import EfficientNet
from timm.models.convnext import ConvNeXt
from torch import nn
from torch.nn import functional as F
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.convnext import ConvNeXt as TorchvisionConvNeXt
from transformers import ConvNextConfig, ConvNextForImageClassification, DINOv3ConvNextConfig, DINOv3ConvNextModel

from cases import Family, relative, single
from networks import images, with_rule_weights

DEPTHS, DIMS, CLASSES = (1, 1, 2, 1), (8, 16, 32, 64), 5


class Norm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class OfficialBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, 1e-6)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return x + (self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))).permute(0, 3, 1, 2)


class Official(nn.Module):
    """github.com/facebookresearch/ConvNeXt, models/convnext.py, in its names and their order."""
    def __init__(self):
        super().__init__()
        steps = [nn.Sequential(nn.Conv2d(3, DIMS[0], 4, 4), Norm(DIMS[0], 1e-6))]
        steps += [nn.Sequential(Norm(a, 1e-6), nn.Conv2d(a, b, 2, 2)) for a, b in zip(DIMS, DIMS[1:])]
        self.downsample_layers = nn.ModuleList(steps)
        self.stages = nn.ModuleList(nn.Sequential(*(OfficialBlock(dim) for _ in range(depth)))
                                    for dim, depth in zip(DIMS, DEPTHS))
        self.norm = nn.LayerNorm(DIMS[-1], 1e-6)
        self.head = nn.Linear(DIMS[-1], CLASSES)

    def features(self, x):
        for step, stage in zip(self.downsample_layers, self.stages):
            x = stage(step(x))
        return self.norm(x.mean((2, 3)))


def torchvision_convnext():
    stages = [CNBlockConfig(dim, below, depth) for dim, below, depth in zip(DIMS, (*DIMS[1:], None), DEPTHS)]
    return TorchvisionConvNeXt(stages, num_classes=CLASSES)


def timm_features(net, x):
    return net.forward_head(net.forward_features(x), pre_logits=True)


# How each network is made, its features [B, D] of images, and its logits [B, C] of features.
CONVNEXTS = dict(
    timm=(lambda: ConvNeXt(depths=DEPTHS, dims=DIMS, num_classes=CLASSES), timm_features, lambda n, y: n.head.fc(y)),
    torchvision=(torchvision_convnext, lambda n, x: n.classifier[:2](n.avgpool(n.features(x))),
                 lambda n, y: n.classifier[2](y)),
    official=(Official, Official.features, lambda n, y: n.head(y)),
    transformers=(lambda: ConvNextForImageClassification(
        ConvNextConfig(hidden_sizes=list(DIMS), depths=list(DEPTHS), num_labels=CLASSES)),
        lambda n, x: n.convnext(x).pooler_output, lambda n, y: n.classifier(y)),
    dinov3=(lambda: DINOv3ConvNextModel(DINOv3ConvNextConfig(hidden_sizes=list(DIMS), depths=list(DEPTHS))),
            lambda n, x: n(x).pooler_output, None))


def package_lite(number):
    """The network of the package efficientnet_lite_pytorch, whose padding follows the image."""
    return EfficientNet.from_name(f"efficientnet-lite{number}", image_size=None, num_classes=CLASSES)


LITES = dict(
    timm=(lambda n: timm.create_model(f"tf_efficientnet_lite{n}", num_classes=CLASSES), timm_features,
          lambda n, y: n.classifier(y)),
    package=(package_lite, lambda n, x: n.extract_features(x).mean((2, 3)), lambda n, y: n._fc(y)))


def network(case):
    family, whose = case.name.split(".")[0].rsplit("_", 1)
    if family == "convnext":
        return CONVNEXTS[whose]
    make, features, logits = LITES[whose]
    return lambda: make(int(family[-1])), features, logits


def answer(case):
    make, features, logits = network(case)
    net = make().eval()
    names = {key: list(v.shape) for key, v in net.state_dict().items()}
    if not case["size"]:
        return dict(names=names)
    net = with_rule_weights(net)
    with torch.no_grad():
        # Large images, so that bounded activations are at their bounds.
        y = features(net, 4 * images(case.seed, 2, case["size"])).flatten(1)
        return dict(names=names) | single(dict(features=y) | (dict(logits=logits(net, y)) if logits else {}))


def draw(rng):
    """Sides that the strides do not divide. Without a side there are names only: the network is large."""
    side = lambda: int(rng.choice([size for size in range(64, 100) if size % 16]))
    depths = "_".join(map(str, DEPTHS))
    cases = {f"convnext_{whose}": (f"convnext_{DIMS[0]}_{depths}", side()) for whose in CONVNEXTS}
    cases |= {f"lite{n}_{whose}": (f"efficientnet_lite{n}", side() if n == 0 else 0) for n in range(5) for whose in LITES}
    return {f"{name}.{n}": dict(arch=arch, size=size) for n, (name, (arch, size)) in enumerate(cases.items())}


def off(case, part, got, expected):
    return (float(got != expected), 0) if part == "names" else (relative(got, expected), 1e-4)


FAMILY = Family("layouts", draw, answer, "arch|size", off)
