"""Discovers classes in images that nobody labelled, and uses what was learned."""

import os
import pathlib
from collections.abc import Iterable, Iterator
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

class TwistError(Exception):
    """Something that cannot be done, in the words of the command line: what, why, and what helps."""

class Collapsed(TwistError):
    """Training collapsed (for example, all images got the same class) and was stopped; the offending step is saved."""

class Images:
    """A fixed, ordered collection of images: what the command line calls DATA. The order is that of the command line."""

    def __init__(self, data: _Path, *, labels: _Path = "auto") -> None:
        """Opens a folder, one image, a pattern, a list, tar shards, parquet files or CIFAR batches.

        Args:
            data: As DATA of the command line.
            labels: ``auto`` (what the data says), ``folder`` (sub-folders), ``coarse``, ``none``, or a list file.

        Raises:
            TwistError: The data is missing, of an unknown kind, or without an image.
        """

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> npt.NDArray[numpy.uint8]:
        """The pixels of an image, uint8 ``[height, width, 3]``, upright.

        Raises:
            IndexError: There is no such image.
            TwistError: The image cannot be read.
        """

    def __iter__(self) -> Iterator[npt.NDArray[numpy.uint8]]: ...
    @property
    def paths(self) -> list[str]:
        """What each image is called."""

    @property
    def labels(self) -> npt.NDArray[numpy.int64]:
        """The class of each image, a place in ``classes``; -1 where it has none. int64 ``[N]``."""

    @property
    def classes(self) -> list[str]:
        """Names of the classes; empty without labels."""

    @property
    def left_out(self) -> list[str]:
        """What was found beside the images and is not used, a sentence each."""

class Model:
    """A trained network. ``load`` makes one. Python's threads may share it; it answers one after the other."""

    @property
    def path(self) -> pathlib.Path:
        """The weight file."""

    @property
    def origin(self) -> str:
        """Where the weights come from."""

    @property
    def feature_dim(self) -> int:
        """Numbers of a feature vector, D."""

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda:0``."""

    @property
    def classes(self) -> dict[int, str]:
        """Number and name of each class, as people named and merged them; empty for a model without classes."""

    def embed(
        self,
        images: _ImagesLike,
        *,
        normalize: bool = False,
        unreadable: Literal["raise", "nan"] = "raise",
    ) -> npt.NDArray[numpy.float32]:
        """Features of images, float32 ``[N, D]``: a row for each image, in order.

        Args:
            images: ``Images``; a str or path, which is opened as ``Images(path)`` is; one image; or several. An image is a
                path, an image of Pillow, or an array uint8 ``[height, width, 3]`` or ``[height, width]`` (gray). An
                array ``[N, height, width, 3]`` is several images.
            normalize: Divide each row by its length, so that products are cosine similarities.
            unreadable: What becomes of an image that cannot be read: an error that names it, or a row of NaN and a
                warning.

        Raises:
            TwistError: An image cannot be read; the model has no backbone.
            TypeError, ValueError: This is not an image.
        """

    def predict(
        self,
        images: _ImagesLike,
        *,
        top: int = 1,
        classes: Literal["discovered", "labels"] | None = None,
        unsure: float | None = None,
        unreadable: Literal["raise", "nan"] = "raise",
    ) -> Predictions:
        """The most probable classes of images.

        Args:
            images: As in ``embed``.
            top: Classes of each image, T; at most as many as there are.
            classes: The discovered classes or those of a classifier; None: its classifier's where the model has one.
            unsure: Probability below which an image is unsure; None: what is kept with the model, else none is.
            unreadable: As in ``embed``; ``"nan"`` gives cluster -1, name None, probability NaN, and unsure.

        Raises:
            TwistError: The model has no such classes; an image cannot be read.
            TypeError, ValueError: This is not an image, or an argument is out of range.
        """

    def neighbors(self, queries: _ImagesLike, images: _ImagesLike, *, k: int = 10) -> Neighbors:
        """The images that are most like each query, by the cosine of their features.

        Args:
            queries: One image or several, Q. A path is a file, or else the path of an image in ``images``; an image of
                ``images`` is not its own neighbour.
            images: Where to look, as in ``embed``. Features of ``Images`` and of paths are cached, see ``load``. Images
                that cannot be read are not found.
            k: Neighbours of each query.

        Raises:
            TwistError: A query is nowhere, or cannot be read.
            TypeError, ValueError: This is not an image, or k is 0.
        """

class Predictions:
    """The most probable classes of N images, the best first."""

    @property
    def cluster(self) -> npt.NDArray[numpy.int32]:
        """Numbers of the classes, int32 ``[N, T]``."""

    @property
    def name(self) -> npt.NDArray[numpy.object_]:
        """Names of the classes, str ``[N, T]``."""

    @property
    def probability(self) -> npt.NDArray[numpy.float32]:
        """Probabilities of the classes, float32 ``[N, T]``."""

    @property
    def unsure(self) -> npt.NDArray[numpy.bool_]:
        """Whether the best class is less probable than the threshold, bool ``[N]``."""

    def __len__(self) -> int: ...

class Neighbors:
    """The images that are most like Q queries, the most similar first. K is k, or less where there are fewer images."""

    @property
    def index(self) -> npt.NDArray[numpy.int64]:
        """Places among the images that were searched, int64 ``[Q, K]``."""

    @property
    def similarity(self) -> npt.NDArray[numpy.float32]:
        """Cosine similarities, at most 1, float32 ``[Q, K]``."""

    @property
    def path(self) -> list[list[str]]:
        """What the images are called."""

    def __len__(self) -> int: ...

def load(
    model: _Path,
    *,
    device: str = "auto",
    precision: Literal["fp32", "bf16"] | None = None,
    threads: int | None = None,
    teacher: bool = False,
    cache: bool = True,
) -> Model:
    """Opens a trained network.

    Args:
        model: A run folder, a checkpoint, a weight file, ``starter``, or ``hf:ORG/NAME`` of the Hugging Face hub (which is
            fetched once).
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:INDEX``.
        precision: Arithmetic of the network; None: as it was trained.
        threads: Processor cores to use; None: ``OMP_NUM_THREADS``, else all.
        teacher: The momentum teacher instead of the student.
        cache: Keep features that ``neighbors`` computes (in ``TWIST_CACHE``, else ``~/.cache/twist/features``).

    Raises:
        TwistError: There is no such model, or it is damaged; the device cannot be used.
        ImportError: PyTorch 2.11 is not installed.
    """
