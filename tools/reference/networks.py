"""Backbones and the projection head with weights by the rule, in float64 throughout."""
import itertools, math
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock, Bottleneck

from cases import Family, off_by_relative, relative, rule, single


def with_rule_weights(module, prefix=""):
    """Every floating-point entry by the rule, rounded to float32, in a module of float64; `prefix` makes other numbers."""
    for key, v in module.state_dict().items():
        if not v.is_floating_point():
            continue
        u = rule(prefix + key, *v.shape)
        if key.endswith("running_mean"):
            u *= 0.1
        elif key.endswith("running_var"):
            u = 1 + 0.5 * u.abs()
        elif v.dim() <= 1:
            u = 1 + 0.1 * u if key.endswith("weight") else 0.1 * u
        elif "pos_embed" in key or "cls_token" in key:
            u *= 0.05
        else:
            u *= math.sqrt(3 / v[0].numel())
        v.copy_(u)
    return module.double()


def images(seed, batch, size):
    return (2 * rule(f"image.{seed}.{size}", batch, 3, size, size)).double()


class Head(nn.Module):
    def __init__(self, feature_dim, hidden_dim, dim, act):
        super().__init__()
        layers = [[nn.Linear(inputs, hidden_dim), nn.BatchNorm1d(hidden_dim), dict(relu=nn.ReLU, gelu=nn.GELU)[act](),
                   nn.Dropout(0)] for inputs in (feature_dim, hidden_dim)]
        self.projection_head = nn.Sequential(*itertools.chain(*layers))
        self.last_linear = nn.Linear(hidden_dim, dim)
        self.norm = nn.BatchNorm1d(dim, affine=False)

    @classmethod
    def of(cls, case):
        return cls(*(case[key] for key in ("feature_dim", "hidden_dim", "dim", "act")))

    def forward(self, x):
        return self.norm(self.last_linear(self.projection_head(x)))


def resnet(block, depths, width=64):
    """Features of a ResNet of any width; torchvision's `width_per_group` would widen the inner convolutions only."""
    def layer(stage, depth):
        for i in range(depth):
            nonlocal channels
            planes, stride = width << stage, 2 if stage and not i else 1
            inputs, channels = channels, planes * block.expansion
            shortcut = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            yield block(inputs, planes, stride, shortcut if stride > 1 or inputs != channels else None)

    channels = width
    layers = {f"layer{i + 1}": nn.Sequential(*layer(i, depth)) for i, depth in enumerate(depths)}
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(3, width, 7, 2, 3, bias=False), bn1=nn.BatchNorm2d(width), relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, 2, 1), **layers, avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten()))


class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, 1e-6)
        self.attn = nn.ModuleDict(dict(qkv=nn.Linear(dim, 3 * dim), proj=nn.Linear(dim, dim)))
        self.norm2 = nn.LayerNorm(dim, 1e-6)
        self.mlp = nn.ModuleDict(dict(fc1=nn.Linear(dim, 4 * dim), fc2=nn.Linear(4 * dim, dim)))

    def forward(self, x):
        q, k, v = self.attn["qkv"](self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.attn["proj"](F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, dim, heads, depth=12, patch=16, grid=14):
        super().__init__()
        self.grid = grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid**2, dim))
        self.patch_embed = nn.ModuleDict(dict(proj=nn.Conv2d(3, dim, patch, patch)))
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, 1e-6)

    def positions(self, g):
        """The table for a g x g grid, resized with the 0.1 that the released code adds."""
        if g == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (self.grid, self.grid))
        table = F.interpolate(table, scale_factor=(g + 0.1) / self.grid, mode="bicubic")
        return torch.cat((self.pos_embed[:, :1], table.flatten(2).transpose(1, 2)), 1)

    def class_tokens(self, images):
        """The class token after each block, through the final norm."""
        x = self.patch_embed["proj"](images)
        positions = self.positions(x.shape[-1])
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)), 1) + positions
        tokens = []
        for block in self.blocks:
            x = block(x)
            tokens.append(self.norm(x)[:, 0])
        return tokens

    def forward(self, images):
        return self.class_tokens(images)[-1]


BACKBONES = dict(
    resnet18=lambda: resnet(BasicBlock, (2, 2, 2, 2)), resnet50=lambda: resnet(Bottleneck, (3, 4, 6, 3)),
    resnet50w2=lambda: resnet(Bottleneck, (3, 4, 6, 3), 128),
    vit_t=lambda: ViT(192, 3), vit_s=lambda: ViT(384, 6), vit_b=lambda: ViT(768, 12))


def answer_backbone(case):
    arch, size = case.name.split(".")
    size = int(size)
    net = with_rule_weights(BACKBONES[arch]()).eval()
    x = images(case.seed, 2, size)
    with torch.no_grad():
        values = single(dict(input_head=x.flatten()[:8], eval=net(x)))
    if case.name == "vit_s.96":
        tokens = net.class_tokens(x)
        tokens[-1].square().mean().backward()
        values |= {"grad.pos_embed": net.pos_embed.grad} | single(dict(last4_cls=torch.cat(tokens[-4:], 1)))
    if arch.startswith("resnet") and size <= 96:
        y = net.train()(images(case.seed, 4, size))
        y.square().mean().backward()
        values |= {"train": y.detach(), "grad.conv1": net.conv1.weight.grad,
                   "running_mean.bn1": net.bn1.running_mean, "running_var.bn1": net.bn1.running_var}
    return values


def draw_backbone(rng):
    """ViT-S at 96 px has values of its own; at 224 px the position table is used as it is."""
    few = lambda sizes: lambda n: rng.choice(sizes, n, replace=False).tolist()
    small, large = few(range(48, 97)), few(range(97, 257))
    grids = few([16 * g for g in range(3, 18) if g not in (6, 14)])
    sizes = dict(resnet18=[*small(2), *large(1)], resnet50=[*small(2), *large(1)], resnet50w2=small(1),
                 vit_t=[224, *grids(1)], vit_s=[96, *grids(1)], vit_b=grids(1))
    return {f"{arch}.{size}": {} for arch, some in sizes.items() for size in some}


def answer_head(case):
    head, number = with_rule_weights(Head.of(case)), case.name.split(".")[1]
    x = rule(f"head.{case.seed}.{number}", case["batch"], case["feature_dim"]).double().requires_grad_()
    y = head(x)
    (y * rule("cot", *y.shape)).sum().backward()
    return single({
        "train": y, "grad_input": x.grad, "grad_last_linear": head.last_linear.weight.grad,
        "norm.running_mean": head.norm.running_mean, "norm.running_var": head.norm.running_var,
        "eval_after_one_step": head.eval()(x)})


def draw_head(rng):
    sizes = lambda: {key: int(rng.integers(16, 130)) for key in ("feature_dim", "hidden_dim", "dim", "batch")}
    return {f"head.{n}": sizes() | {"act": act} for n, act in enumerate(("relu", "gelu"))}


def state_dict_keys(heads):
    """Names and shapes of every entry, in order."""
    with torch.device("meta"):
        nets = {arch: make() for arch, make in BACKBONES.items()}
        nets |= {name: Head.of(case) for name, case in heads.items()}
    return {name: {key: list(v.shape) for key, v in net.state_dict().items()} for name, net in nets.items()}


def off_in_backbone(case, part, got, expected):
    features = 2e-4 if case.name.startswith("resnet") else 5e-4
    tolerance = 1e-6 if expected.dtype == torch.float64 else 0 if part == "input_head" else features
    return relative(got, expected), tolerance


BACKBONE = Family("backbone", draw_backbone, answer_backbone, "", off_in_backbone)
HEAD = Family("head", draw_head, answer_head, "feature_dim|hidden_dim|dim|act|batch", off_by_relative(1e-5))
