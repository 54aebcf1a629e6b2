"""Pictures, a model that trains in seconds, and the command line."""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

# One thread: the machine that tests may be busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TWIST_TORCH_CUDA", "off")

RECIPE = """# A recipe for tests.
[model]
arch = "resnet18_cifar"
width = 4
hidden_dim = 16
dim = 6
[optim]
name = "sgd"
lr = 0.05
[schedule]
epochs = 3
warmup_epochs = 1
[train]
batch_size = 8
precision = "fp32"
log_every = 1
[eval]
every_epochs = 2
knn_k = 5
[[views]]
name = "view1"
size = 16
scale = [0.3, 1.0]
blur = 0.5
solarize = 0.0
[[views]]
name = "view2"
size = 16
scale = [0.3, 1.0]
blur = 0.1
solarize = 0.2
"""

COUNT = 40
"""Pictures of the folder."""


def picture(number):
    """Pixels uint8 [20, 24, 3]: dots or lines with a colour and a phase of their own."""
    y, x = numpy.mgrid[0:20, 0:24]
    on = (x + number) % 5 < 2
    if number % 2 == 0:
        on &= (y + number // 3) % 5 < 2
    colour = [number * 53 % 200 + 55, number * 91 % 256, number * 29 % 256]
    return numpy.where(on[..., None], numpy.array(colour), 20).astype(numpy.uint8)


@functools.cache
def place():
    """A folder with `photos/dots`, `photos/lines` and the run `run`; removed at the end."""
    from PIL import Image

    folder = tempfile.TemporaryDirectory()
    path = pathlib.Path(folder.name)
    os.environ["TWIST_CACHE"] = str(path / "cache")
    for number in range(COUNT):
        within = path / "photos" / ("dots" if number % 2 == 0 else "lines")
        within.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number)).save(within / f"{number:02}.png")
    (path / "tiny.toml").write_text(RECIPE)
    place.folder = folder
    done = command("train", path / "photos", "--recipe", path / "tiny.toml", "--out", path / "run")
    assert done.returncode == 0, done.stderr
    return path


def command(*words):
    """The finished `twist WORDS`."""
    words = [sys.executable, "-m", "twist", *map(str, words)]
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def refusal(*words):
    """Why `twist WORDS` fails, as the command line says it."""
    done = command(*words)
    assert done.returncode in (1, 2), (done.returncode, done.stderr)
    return done.stderr.split("error: ", 1)[1].strip()
