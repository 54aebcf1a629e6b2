"""Finds the libtorch of the installed PyTorch, without importing PyTorch.

The extension and the binary look for it beside this package (their RPATH). Where PyTorch is installed elsewhere, for
example outside of a virtual environment that sees the system's packages, it is found here.
"""

import importlib.metadata
import importlib.util
import pathlib

SERIES = "2.11"
"""The PyTorch that Twist is built for: libtorch has no stable interface."""

INSTALL = f"python -m pip install 'torch=={SERIES}.*'"


def folder():
    """The folder with PyTorch's libraries; None where no PyTorch is installed.

    Raises ImportError for another version than Twist is built for.
    """
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    version = importlib.metadata.version("torch")
    if not version.startswith(SERIES + "."):
        raise ImportError(f"twist needs PyTorch {SERIES}, and {version} is installed: {INSTALL}")
    return pathlib.Path(found.origin).parent / "lib"


def is_beside(libraries):
    """Whether the RPATH leads there."""
    return libraries == pathlib.Path(__file__).resolve().parent.parent / "torch" / "lib"
