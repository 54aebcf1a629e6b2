"""What the families of cases share: a case, a family, numbers from a rule, and how far an answer may be off."""
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch


@dataclass
class Case:
    """What is given: parameters and input tensors by name, and the seed in the names of generated inputs."""
    name: str
    seed: int
    given: dict

    def __getitem__(self, key):
        return self.given[key]


@dataclass
class Family:
    """The cases of one file: how they are drawn and answered, which parts are given, how far an answer may be off."""
    file: str
    draw: Callable                 # random generator -> {name: given}
    answer: Callable               # Case -> {part: value}
    given: str                     # pattern of the parts that are input
    off: Callable                  # (Case, part, got, expected) -> (difference, tolerance)
    again: Callable | None = None  # the answer for a check, where it should be better than the stored one


def rule(name, *shape):
    """SplitMix64 from the FNV-1a hash of the name, uniform in [-1, 1), rounded to float32."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(h)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    u = (z >> np.uint64(40)).astype(np.float64) / 2**24 * 2 - 1
    return torch.from_numpy(u.astype(np.float32)).reshape(shape)


def normal(rng, *shape, std=1.0):
    return torch.from_numpy(rng.normal(0, std, shape).astype(np.float32))


def single(values):
    """Tensors as they are stored, in float32."""
    return {name: value.detach().float() for name, value in values.items()}


def relative(got, expected):
    got, expected = (torch.as_tensor(value, dtype=torch.float64) for value in (got, expected))
    return float((got - expected).abs().max() / expected.abs().max())


def off_by_relative(tolerance):
    return lambda case, part, got, expected: (relative(got, expected), tolerance)


def off_by_absolute(tolerance):
    return lambda case, part, got, expected: (abs(got - expected), tolerance)
