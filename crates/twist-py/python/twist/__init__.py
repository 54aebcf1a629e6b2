"""Discovers classes in images that nobody labelled, and uses what was learned.

``train`` makes a network of a folder of images. ``load`` opens one for features, classes and neighbours. ``Images`` opens
images as the command line does, and ``views`` makes the augmented views of a recipe for training elsewhere. Results are
arrays of numpy. The command ``twist`` is installed beside.
"""

from ._errors import Collapsed, TwistError
from ._train import Run, train

__all__ = ["Collapsed", "Images", "Model", "Neighbors", "Predictions", "Run", "TwistError", "ViewBatch", "Views"]
__all__ += ["load", "train", "views"]

# libtorch is loaded when it is first needed: the command, which needs it for itself, starts at once.
_NATIVE = ("Images", "Model", "Neighbors", "Predictions", "ViewBatch", "Views", "__version__")


def __getattr__(name):
    if name in _NATIVE:
        from ._native import extension

        return getattr(extension, name)
    raise AttributeError(f"module 'twist' has no attribute '{name}'")


def __dir__():
    return sorted(set(globals()) | set(_NATIVE))


def load(model, *, device="auto", precision=None, threads=None, teacher=False, cache=True):
    """Opens a trained network, a ``Model``.

    Args:
        model: A run folder, a checkpoint, a weight file, ``starter``, or ``hf:ORG/NAME`` of the Hugging Face hub (which is
            fetched once).
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:INDEX``.
        precision: Arithmetic of the network, ``fp32`` or ``bf16``; None: as it was trained.
        threads: Processor cores to use; None: ``OMP_NUM_THREADS``, else all.
        teacher: The momentum teacher instead of the student.
        cache: Keep the features of ``Images`` and of paths (in ``TWIST_CACHE``, else ``~/.cache/twist/features``).

    Raises:
        TwistError: There is no such model, or it is damaged; the device cannot be used.
        ImportError: PyTorch 2.11 is not installed.
    """
    from ._native import extension

    return extension.Model(
        model, device=device, precision=precision, threads=threads, teacher=teacher, cache=cache
    )


def views(images, recipe, *, seed=None, batch_size=None, threads=None, strict=False):
    """The augmented views that training makes of images, for training in another program. One iteration is one epoch.

    The views are a function of recipe, seed, epoch and image: ``twist train`` sees the same ones.

    Args:
        images: ``Images``; a str or path, which is opened as DATA of ``twist train`` is; or images as in ``Model.embed``.
        recipe: A built-in recipe (``twist recipes``), a file that ends in .toml, or a run folder.
        seed: Of order and augmentation; None: that of the recipe.
        batch_size: Images of a batch, B; None: that of the recipe. Images that do not fill a batch wait for the next epoch.
        threads: Threads that decode and augment; None: ``OMP_NUM_THREADS``, else one for each core.
        strict: Whether an image that cannot be read is an error. Otherwise the next one takes its place, and a warning
            names it.

    Raises:
        TwistError: There is no such recipe, it contradicts itself, or the images do not fill a batch; while iterating: an
            image cannot be read.
    """
    from ._native import extension

    return extension.Views(images, recipe, seed=seed, batch_size=batch_size, threads=threads, strict=strict)
