"""Writes the files of this folder: run it here with Pillow 13.0 and numpy."""
import numpy as np
from PIL import Image

y, x = np.mgrid[0:32, 0:40]
rgb = np.stack([x * 6, y * 8, (x * y) % 256], -1).astype(np.uint8)
image = Image.fromarray(rgb)


def keep(name, picture, **options):
    picture.save(name, **options)
    with Image.open(name) as read:
        return read.convert("RGB").tobytes()


def write(name, data):
    with open(name, "wb") as file:
        file.write(data)


palette = image.quantize(16)
write("palette.rgb", keep("palette.png", palette, transparency=3))
write("one_bit.rgb", keep("one_bit.png", image.convert("1")))
smooth = Image.fromarray(np.stack([x * 6, y * 8, x * 3 + y * 4], -1).astype(np.uint8))
write("cmyk.rgb", keep("cmyk.jpg", smooth.convert("CMYK"), quality=95))
write("gray.rgb", keep("gray.jpg", smooth.convert("L"), quality=90))
write("progressive.rgb", keep("progressive.jpg", smooth, quality=90, progressive=True))
write("cmyk_tif.rgb", keep("cmyk.tif", smooth.convert("CMYK")))
