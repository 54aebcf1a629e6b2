"""Writes the GIF, WebP and JPEG XL files that `frames` reads: run it here with Pillow 13.0, pillow-jxl-plugin 1.3 and numpy."""
from pathlib import Path

import numpy as np
import pillow_jxl  # noqa: F401, adds JPEG XL to Pillow
from PIL import Image

y, x = np.mgrid[0:19, 0:29]
rgb = np.stack([(np.sin(x / 4) + 1) * 100 + 20, (np.cos(y / 3) + 1) * 90 + 30, ((x * 5 + y * 7) * 2) % 230], -1)
image = Image.fromarray(rgb.astype(np.uint8))
alpha = image.copy()
alpha.putalpha(Image.fromarray(((x * 9 + y) % 256).astype(np.uint8)))
others = [image.transpose(turn) for turn in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM)]


def keep(name):
    with Image.open(name) as read:
        Path(f"{name}.rgb").write_bytes(read.convert("RGB").tobytes())


indices = image.quantize(16)
indices.save("indices.gif", interlace=0)
indices.save("interlaced.gif", interlace=1)
indices.save("transparent.gif", transparency=3)
image.convert("L").save("gray.gif")
indices.save("animated.gif", save_all=True, append_images=[other.quantize(16) for other in others], duration=50)
# A first picture that is smaller than the screen: the size of the screen and the place of the picture are written into the file.
small = indices.crop((0, 0, 11, 7))
for name, options in {"offset.gif": {}, "offset_transparent.gif": {"transparency": 3}}.items():
    small.save(name, **options)
    data = bytearray(Path(name).read_bytes())
    data[6:10] = (29).to_bytes(2, "little") + (19).to_bytes(2, "little")
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    while data[at] != 0x2C:  # extensions stand before the picture
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    data[at + 1:at + 5] = (5).to_bytes(2, "little") + (4).to_bytes(2, "little")
    Path(name).write_bytes(data)
image.save("animated.webp", save_all=True, append_images=others, lossless=True, duration=50)
alpha.save("animated_alpha.webp", save_all=True, append_images=[alpha.rotate(180)], lossless=True, exact=True, duration=50)

image.save("lossy.jxl", quality=90)
image.save("lossless.jxl", lossless=True)
image.convert("L").save("gray.jxl", lossless=True)
alpha.save("alpha.jxl", lossless=True)
exif = Image.Exif()
exif[0x0112] = 6
image.save("turned.jxl", lossless=True, exif=exif.tobytes())

for name in sorted(path.name for kind in ("gif", "webp", "jxl") for path in Path().glob(f"*.{kind}")):
    keep(name)
