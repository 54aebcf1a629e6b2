"""Writes the files that `odd_images` reads: run it here with Pillow 13.0, numpy, and cjpeg and jpegtran of libjpeg-turbo 2.1."""
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

y, x = np.mgrid[0:19, 0:29]
rgb = np.stack([(np.sin(x / 4) + 1) * 100 + 20, (np.cos(y / 3) + 1) * 90 + 30, ((x * 5 + y * 7) * 2) % 230], -1)
image = Image.fromarray(rgb.astype(np.uint8))


def keep(name):
    with Image.open(name) as read:
        Path(name).with_suffix(".rgb").write_bytes(read.convert("RGB").tobytes())


with tempfile.TemporaryDirectory() as folder:
    source, scans = Path(folder, "image.ppm"), Path(folder, "scans.txt")
    image.save(source)
    scans.write_text("0;\n1;\n2;\n")
    for name, options in {
        "scans_420.jpg": ["-sample", "2x2", "-scans", scans],
        "scans_440_restarts.jpg": ["-sample", "1x2", "-scans", scans, "-restart", "2B"],
        "luma_coarser.jpg": ["-sample", "1x1,2x2,1x1"],
        "scans_odd.jpg": ["-sample", "4x2,2x1,1x1", "-scans", scans],
    }.items():
        subprocess.run(["cjpeg", "-quality", "85", *options, "-outfile", name, source], check=True)
        if name != "scans_odd.jpg":  # it is refused
            keep(name)
    inks = Path(folder, "inks.jpg")
    image.convert("CMYK").save(inks, quality=85, subsampling="4:2:0")
    scans.write_text("0;\n1;\n2;\n3;\n")
    subprocess.run(["jpegtran", "-scans", scans, "-outfile", "scans_cmyk.jpg", inks], check=True)
    keep("scans_cmyk.jpg")

image.quantize(16).save("indices.tif", compression="tiff_lzw")
image.save("big.tif", big_tiff=True)
image.save("jpeg_rgb.tif", compression="jpeg")
image.convert("YCbCr").save("jpeg_ycc.tif", compression="jpeg")
image.convert("1").save("fax3.tif", compression="group3")
image.convert("1").save("fax4.tif", compression="group4")
for name in ["indices.tif", "big.tif", "jpeg_rgb.tif", "jpeg_ycc.tif", "fax4.tif"]:
    keep(name)
