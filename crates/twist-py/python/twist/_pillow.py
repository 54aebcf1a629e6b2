"""Images of Pillow as Twist reads images in files."""

import io

import numpy


def plain(image):
    """The pixels of an image of Pillow as uint8 [height, width, 3], or the bytes of a file with them. The orientation
    that its EXIF data says is applied, as it is to files.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        # Pillow would clip 16 bits; Twist scales them.
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=0)
        return file.getvalue()
    if image.mode in ("I", "F"):
        raise ValueError(f"an image of mode {image.mode} has no range of its own: convert it to RGB or L before")
    return numpy.asarray(image.convert("RGB"))
