"""Writes operations.safetensors: run it here with Pillow 13.0, numpy and safetensors.

Each tensor is an image [height, width, 3]. `IMAGE.source` is what `IMAGE.OPERATION` or `IMAGE.OPERATION.ARGUMENT` was
made from, by Pillow as timm's RandAugment calls it.
"""
import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from safetensors.numpy import save_file

FILL = (124, 116, 104)


def affine(image, *matrix):
    return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BICUBIC, fillcolor=FILL)


def solarize_add(image, add):
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


def posterize(image, bits):
    """Pillow 13 refuses 0 bits, which earlier versions turned black; timm asks for them at its greatest strength."""
    return ImageOps.posterize(image, bits) if bits else image.point([0] * 768)


PLAIN = {"auto_contrast": ImageOps.autocontrast, "equalize": ImageOps.equalize, "invert": ImageOps.invert}
WITH_ARGUMENT = {
    "rotate": (
        lambda image, degrees: image.rotate(degrees, resample=Image.BICUBIC, fillcolor=FILL),
        [27.0, -27.0, 30.0, -13.7, 0.0],
    ),
    "posterize": (posterize, [0, 1, 2, 3, 4]),
    "solarize": (ImageOps.solarize, [0, 26, 128, 256]),
    "solarize_add": (solarize_add, [0, 99, 110]),
    "color": (lambda image, factor: ImageEnhance.Color(image).enhance(factor), [0.1, 0.19, 1.9]),
    "contrast": (lambda image, factor: ImageEnhance.Contrast(image).enhance(factor), [0.1, 0.19, 1.9]),
    "brightness": (lambda image, factor: ImageEnhance.Brightness(image).enhance(factor), [0.1, 0.19, 1.81]),
    "sharpness": (lambda image, factor: ImageEnhance.Sharpness(image).enhance(factor), [0.1, 0.19, 1.0, 1.81]),
    "shear_x": (lambda image, shear: affine(image, 1, shear, 0, 0, 1, 0), [0.27, -0.27, 0.3, -0.1234]),
    "shear_y": (lambda image, shear: affine(image, 1, 0, 0, shear, 1, 0), [0.27, -0.27, 0.3, -0.1234]),
    "translate_x": (lambda image, part: affine(image, 1, 0, part * image.size[0], 0, 1, 0), [0.405, -0.405, 0.25, -0.45]),
    "translate_y": (lambda image, part: affine(image, 1, 0, 0, 0, 1, part * image.size[1]), [0.405, -0.405, 0.25, -0.45]),
}

random = np.random.RandomState(0)


def picture(width, height):
    """Gradients with noise, and a black and a white patch with hard edges."""
    y, x = np.mgrid[0:height, 0:width]
    values = np.stack([x * 255 / width, 255 - y * 255 / height, (x + y) * 255 / (width + height)], -1)
    values += random.normal(0, 12, values.shape)
    values[: height // 3, : width // 4] = 0
    values[height // 2 : height // 2 + 4, width // 2 :, :2] = 255
    return values.clip(0, 255).round().astype(np.uint8)


# Few values, and one channel that is flat. The sides of the images are odd and even.
narrow = picture(21, 19) // 3 + 60
narrow[..., 2] = 93
SOURCES = {"wide": picture(34, 24), "narrow": narrow, "thin": picture(2, 7), "dot": picture(1, 1)}

images = {}
for name, source in SOURCES.items():
    image = Image.fromarray(source)
    images[f"{name}.source"] = source
    for operation, function in PLAIN.items():
        images[f"{name}.{operation}"] = np.array(function(image))
    for operation, (function, arguments) in WITH_ARGUMENT.items():
        for argument in arguments:
            images[f"{name}.{operation}.{argument}"] = np.array(function(image, argument))
save_file(images, "operations.safetensors")
print(len(images), "images")
