"""The extension, with the libtorch that it needs. PyTorch itself is not imported.

Whether PyTorch is imported before or afterwards, the process has one copy of its libraries: the loader knows them by name.
"""

import ctypes

from . import _libtorch


def _load():
    libraries = _libtorch.folder()
    if libraries is not None and not _libtorch.is_beside(libraries):
        for name in ("libc10.so", "libtorch_cpu.so"):
            ctypes.CDLL(str(libraries / name))
    try:
        from . import _twist
    except ImportError as error:
        if libraries is None:
            message = f"twist needs PyTorch {_libtorch.SERIES}, which is not installed: {_libtorch.INSTALL}"
            raise ImportError(message) from error
        raise
    return _twist


extension = _load()
