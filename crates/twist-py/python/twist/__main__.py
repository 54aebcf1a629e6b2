"""The command ``twist``: starts the binary of this package in place of Python."""

import os
import pathlib
import sys

from . import _libtorch

BINARY = pathlib.Path(__file__).resolve().parent / "bin" / "twist"


def environment():
    """The environment of the binary, which finds libtorch."""
    variables = dict(os.environ)
    libraries = _libtorch.folder()
    if libraries is not None and not _libtorch.is_beside(libraries):
        known = variables.get("LD_LIBRARY_PATH")
        variables["LD_LIBRARY_PATH"] = f"{libraries}:{known}" if known else str(libraries)
    return variables


def main():
    try:
        variables = environment()
    except ImportError as error:
        sys.exit(f"error: {error}")
    os.execve(BINARY, ["twist", *sys.argv[1:]], variables)


if __name__ == "__main__":
    main()
