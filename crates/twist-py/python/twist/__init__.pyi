# Types. What each thing does stands in its docstring.
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import numpy
import numpy.typing as npt

__version__: str

class _Array(Protocol):
    def __array__(self) -> npt.NDArray[Any]: ...

class _Pillow(Protocol):
    def getexif(self) -> Any: ...

_Path: TypeAlias = str | os.PathLike[str]
_Image: TypeAlias = _Path | _Pillow | _Array
_ImagesLike: TypeAlias = Images | _Image | Iterable[_Image]
_Setting: TypeAlias = str | int | float | bool | list[Any]

class TwistError(Exception): ...
class Collapsed(TwistError): ...

class Images:
    def __init__(self, data: _Path, *, labels: _Path = "auto") -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> npt.NDArray[numpy.uint8]: ...
    def __iter__(self) -> Iterator[npt.NDArray[numpy.uint8]]: ...
    @property
    def paths(self) -> list[str]: ...
    @property
    def labels(self) -> npt.NDArray[numpy.int64]: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def left_out(self) -> list[str]: ...

class Model:
    def __init__(
        self,
        model: _Path,
        *,
        device: str = "auto",
        precision: Literal["fp32", "bf16"] | None = None,
        threads: int | None = None,
        teacher: bool = False,
        cache: bool = True,
    ) -> None: ...
    @property
    def path(self) -> pathlib.Path: ...
    @property
    def origin(self) -> str: ...
    @property
    def feature_dim(self) -> int: ...
    @property
    def device(self) -> str: ...
    @property
    def classes(self) -> dict[int, str]: ...
    def embed(
        self, images: _ImagesLike, *, normalize: bool = False, unreadable: Literal["raise", "nan"] = "raise"
    ) -> npt.NDArray[numpy.float32]: ...
    def predict(
        self,
        images: _ImagesLike,
        *,
        top: int = 1,
        classes: Literal["discovered", "labels"] | None = None,
        unsure: float | None = None,
        unreadable: Literal["raise", "nan"] = "raise",
    ) -> Predictions: ...
    def neighbors(self, queries: _ImagesLike, images: _ImagesLike, *, k: int = 10) -> Neighbors: ...

class Predictions:
    @property
    def cluster(self) -> npt.NDArray[numpy.int32]: ...
    @property
    def name(self) -> npt.NDArray[numpy.object_]: ...
    @property
    def probability(self) -> npt.NDArray[numpy.float32]: ...
    @property
    def unsure(self) -> npt.NDArray[numpy.bool_]: ...
    def __len__(self) -> int: ...

class Neighbors:
    @property
    def index(self) -> npt.NDArray[numpy.int64]: ...
    @property
    def similarity(self) -> npt.NDArray[numpy.float32]: ...
    @property
    def path(self) -> list[list[str]]: ...
    def __len__(self) -> int: ...

class Views:
    epoch: int
    def __init__(
        self,
        images: _ImagesLike,
        recipe: _Path,
        *,
        seed: int | None = None,
        batch_size: int | None = None,
        threads: int | None = None,
        strict: bool = False,
    ) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[ViewBatch]: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def mean(self) -> list[float]: ...
    @property
    def std(self) -> list[float]: ...

class ViewBatch:
    @property
    def views(self) -> list[npt.NDArray[numpy.uint8]]: ...
    @property
    def index(self) -> npt.NDArray[numpy.int64]: ...
    @property
    def label(self) -> npt.NDArray[numpy.int64]: ...

class Run:
    path: pathlib.Path
    @property
    def report(self) -> pathlib.Path: ...
    @property
    def metrics(self) -> dict[str, Any]: ...
    def __fspath__(self) -> str: ...

def load(
    model: _Path,
    *,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] | None = None,
    threads: int | None = None,
    teacher: bool = False,
    cache: bool = True,
) -> Model: ...
def views(
    images: _ImagesLike,
    recipe: _Path,
    *,
    seed: int | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    strict: bool = False,
) -> Views: ...
def train(
    data: _Path,
    *,
    out: _Path | None = None,
    recipe: _Path | None = None,
    clusters: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    settings: Mapping[str, _Setting] | None = None,
    frozen: _Path | None = None,
    init: _Path | None = None,
    labels: _Path | None = None,
    eval_data: _Path | None = None,
    device: str | None = None,
    precision: Literal["auto", "fp32", "bf16"] | None = None,
    threads: int | None = None,
    max_time: str | None = None,
    strict: bool = False,
    resume: bool = False,
    force: bool = False,
    progress: bool = True,
) -> Run: ...
