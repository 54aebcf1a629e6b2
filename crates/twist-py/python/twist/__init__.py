"""Discovers classes in images that nobody labelled, and uses what was learned.

``load`` opens a trained network for its features, classes and neighbours; ``Images`` opens a folder of images as the
command line does. Everything is numpy. The command ``twist`` is installed beside.
"""

from ._errors import Collapsed, TwistError

__all__ = ["Collapsed", "Images", "Model", "TwistError", "load"]


def __getattr__(name):
    # libtorch is loaded when it is first needed: the command, which needs it for itself, starts at once.
    if name in ("Images", "Model", "__version__"):
        from . import _native

        return getattr(_native._twist, name)
    raise AttributeError(f"module 'twist' has no attribute '{name}'")


def __dir__():
    return sorted(set(globals()) | set(__all__))


def load(model, **options):
    from . import _native

    return _native.Model(model, **options)
