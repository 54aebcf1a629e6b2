"""Training, in a process of its own: whatever becomes of it, Python and what it holds stay, and its memory is given back."""

import collections.abc
import dataclasses
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time

from . import __main__ as _command
from ._errors import Collapsed, TwistError

_FOLDER = "run folder "
_ERROR = "error: "
_STOPPING = "stopping after this step"
_COLLAPSED = 3
# How long Ctrl-C may take to reach the training, which it does by itself where a terminal or a notebook sends it to both.
_GRACE = 1.0


@dataclasses.dataclass(frozen=True)
class Run:
    """A run on disk. It can be given wherever a model is wanted."""

    path: pathlib.Path
    """Its folder."""

    @property
    def report(self):
        """The report, one HTML file."""
        return self.path / "report.html"

    @property
    def metrics(self):
        """The figures of the evaluation at its end, with the protocol that defines them."""
        return json.loads((self.path / "metrics.json").read_text())

    def __fspath__(self):
        return str(self.path)


def train(
    data,
    *,
    out=None,
    recipe=None,
    clusters=None,
    epochs=None,
    batch_size=None,
    seed=None,
    settings=None,
    frozen=None,
    init=None,
    labels=None,
    eval_data=None,
    device=None,
    precision=None,
    threads=None,
    max_time=None,
    strict=False,
    resume=False,
    force=False,
    progress=True,
):
    """Discovers classes in images, as ``twist train`` does, in a process of its own; returns when it is evaluated.

    Ctrl-C saves the run and raises KeyboardInterrupt; ``resume=True`` goes on. A second Ctrl-C ends it at once.

    Args:
        data: Folder, pattern, list, tar shards, zip, parquet or CIFAR batches, or a file of features.
        out: Folder of the run; None: the next free ``runs/RECIPE-N``.
        recipe: A built-in recipe (``twist recipes``) or a file that ends in .toml; None: one is made for the images.
        clusters: Number of classes to discover; ``"auto"`` counts them in the features of ``frozen``.
        epochs, batch_size, seed: Instead of what the recipe says.
        settings: Further values of the recipe, for example ``{"optim.lr": 0.1}``.
        frozen: Train a head alone, on the features of this model.
        init: Begin with these weights instead of random ones.
        labels: Labels to measure with: ``auto``, ``folder``, ``coarse``, ``none``, or a list file.
        eval_data: Images to measure on, kept out of training.
        device, precision, threads: As the flags of ``twist train``.
        max_time: Time for training, such as ``30m``.
        strict: Stop at the first unreadable image instead of replacing it.
        resume: Continue the run in ``out``.
        force: Replace the run in ``out``.
        progress: Show what the command shows.

    Raises:
        TwistError: What the command line would say.
        Collapsed: Training collapsed.
        KeyboardInterrupt: After Ctrl-C, once the run is saved.
    """
    if resume and out is None:
        raise ValueError("resume=True: out says which run goes on")
    flags = {
        "--out": out,
        "--recipe": recipe,
        "--clusters": clusters,
        "--epochs": epochs,
        "--batch-size": batch_size,
        "--seed": seed,
        "--frozen": frozen,
        "--init": init,
        "--labels": labels,
        "--eval-data": eval_data,
        "--device": device,
        "--precision": precision,
        "--threads": threads,
        "--max-time": max_time,
    }
    if settings is not None and not isinstance(settings, collections.abc.Mapping):
        raise TypeError(f"settings: a dictionary of keys and values, not {type(settings).__name__}")
    words = ["train"]
    # `--flag=value` and `--` keep values that begin with a dash what they are.
    for flag, value in flags.items():
        if value is not None:
            words.append(f"{flag}={os.fspath(value) if hasattr(value, '__fspath__') else value}")
    # JSON and TOML write numbers, texts, truth values and lists alike.
    for key, value in (settings or {}).items():
        words.append(f"--set={key}={json.dumps(value)}")
    words += [flag for flag, given in (("--strict", strict), ("--resume", resume), ("--force", force)) if given]
    words += ["--", os.fspath(data)]
    return _run(words, progress, out)


def _run(words, progress, out):
    child = subprocess.Popen(
        [_command.BINARY, *words],
        env=_command.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    try:
        said = _follow(child, progress)
    except BaseException:
        child.kill()
        raise
    finally:
        child.stdout.close()
        child.stderr.close()
    return _outcome(child.wait(), said, out)


class _Said:
    """What a training said, as far as it is needed."""

    def __init__(self):
        self.folder, self.error, self.collapse, self.interrupted = None, [], [], False

    def line(self, line):
        if self.error or line.startswith(_ERROR):
            self.error.append(line.removeprefix(_ERROR))
        elif line.startswith(_FOLDER):
            self.folder = pathlib.Path(line.removeprefix(_FOLDER))
        elif line.startswith("warning: training collapsed"):
            self.collapse.append(line.removeprefix("warning: "))


def _follow(child, progress):
    """Shows what the child says until it ends. Ctrl-C is a request to save and stop."""
    lines, said = queue.SimpleQueue(), _Said()
    for stream, shown in ((child.stderr, sys.stderr), (child.stdout, sys.stdout)):
        threading.Thread(target=_read, args=(stream, shown, lines), daemon=True).start()
    # When the child is asked to stop, unless it says by then that the terminal has asked it as well. It may say other things meanwhile.
    left, asked_at = 2, None
    while left:
        try:
            patience = None if asked_at is None else max(asked_at - time.monotonic(), 0)
            if patience == 0:
                raise queue.Empty
            shown, line = lines.get(timeout=patience)
        except KeyboardInterrupt:
            said.interrupted, asked_at = True, time.monotonic() + _GRACE
            continue
        except queue.Empty:
            asked_at = None
            child.send_signal(signal.SIGINT)
            continue
        if line is None:
            left -= 1
            continue
        if line.startswith(_STOPPING):
            asked_at = None
        if shown is sys.stderr:
            said.line(line)
        if progress and not said.error:
            print(line, file=shown, flush=True)
    return said


def _read(stream, shown, lines):
    for line in stream:
        lines.put((shown, line.rstrip("\n")))
    lines.put((shown, None))


def _outcome(code, said, out):
    if said.interrupted or code in (128 + signal.SIGINT, -signal.SIGINT):
        raise KeyboardInterrupt
    if code == _COLLAPSED:
        raise Collapsed("\n".join(said.collapse))
    if code != 0:
        raise TwistError("\n".join(said.error).strip() or f"training ended with exit code {code}")
    return Run(said.folder or pathlib.Path(out))
