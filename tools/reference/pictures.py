"""Image operations by Pillow, and the distribution of torchvision's random crops."""
import functools, math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torchvision.transforms import InterpolationMode, RandomResizedCrop
from torchvision.transforms import functional as TF

from cases import Family


def pixels(image):
    return torch.from_numpy(np.array(image))


def answer_image_ops(case):
    source, base = (Image.fromarray(case[name].numpy()) for name in ("source", "base"))
    images = {"grayscale": TF.rgb_to_grayscale(base, 3), "solarize": TF.solarize(base, 128)}
    for mode, suffix in (InterpolationMode.BICUBIC, ""), (InterpolationMode.BILINEAR, "_bilinear"):
        for i, crop in enumerate(case["crops"]):
            box = [crop[key] for key in ("top", "left", "height", "width")]
            images[f"resized_crop{suffix}.{i}"] = TF.resized_crop(source, *box, [crop["size"]] * 2, mode)
    for mode, suffix in (InterpolationMode.BILINEAR, ""), (InterpolationMode.BICUBIC, "_bicubic"):
        images[f"eval_resize256_center224{suffix}"] = TF.center_crop(TF.resize(source, 256, mode), 224)
    for kind in "brightness", "contrast", "saturation":
        adjust = getattr(TF, f"adjust_{kind}")
        images |= {f"{kind}.{i}": adjust(base, factor) for i, factor in enumerate(case["factors"])}
    images |= {f"hue.{i}": TF.adjust_hue(base, shift) for i, shift in enumerate(case["hue"])}
    images |= {f"blur.{i}": base.filter(ImageFilter.GaussianBlur(radius)) for i, radius in enumerate(case["blur"])}
    return {name: pixels(image) for name, image in images.items()}


def draw_image_ops(rng):
    def picture(width, height):
        """Smooth colours, hard edges, and noise over both."""
        image = Image.fromarray(rng.integers(256, size=(height // 16, width // 16, 3), dtype=np.uint8))
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        for n in range(16):
            (x, y), (w, h) = rng.integers((width, height)), rng.integers(8, (width // 2, height // 2))
            shape = ImageDraw.Draw(image).rectangle if n % 2 else ImageDraw.Draw(image).ellipse
            box, color = (x - w // 2, y - h // 2, x + w // 2, y + h // 2), rng.integers(256, size=3)
            shape([int(corner) for corner in box], tuple(map(int, color)))
        noisy = np.asarray(image) + rng.normal(0, 6, (height, width, 3))
        return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

    def crop(width, height, size):
        h, w = int(rng.integers(20, height + 1)), int(rng.integers(20, width + 1))
        top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
        return dict(top=top, left=left, height=h, width=w, size=size)

    def case(width, height):
        source = picture(width, height)
        listed = lambda least, most: [least, *np.sort(rng.uniform(least, most, 3)).round(4).tolist(), most]
        sizes = 224, int(rng.integers(100, 200)), 96, 64, 32
        return dict(width=width, height=height, crops=[crop(width, height, size) for size in sizes],
                    factors=listed(0.4, 1.7), hue=listed(-0.2, 0.2), blur=listed(0.1, 2.5),
                    source=pixels(source), base=pixels(source.resize((128, 128))))


    return {"im0": case(int(rng.integers(260, 500)), int(rng.integers(150, 260))),
            "im1": case(int(rng.integers(120, 260)), int(rng.integers(260, 500)))}


DRAWS = 100_000


@functools.cache
def crops(width, height, scale, draws):
    image, box = torch.empty(1, height, width), np.empty((draws, 4))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for row in box:
            row[:] = RandomResizedCrop.get_params(image, scale, (3 / 4, 4 / 3))
    top, left, h, w = box.T
    return dict(area=h * w / (height * width), log_aspect=np.log(w / h), top=top, left=left)


def answer_crops(case, draws=DRAWS):
    of = crops(case["width"], case["height"], tuple(case["scale"]), draws)
    values = {f"{name}_mean": float(of[name].mean()) for name in of}
    values |= {f"{name}_std": float(of[name].std()) for name in ("area", "log_aspect")}
    return values | {"area_deciles": np.quantile(of["area"], np.arange(1, 10) / 10).tolist()}


def draw_crops(rng):
    """Ranges end at four times their start at most: the first decile of so many draws is then known to 0.25 %."""
    def case(least):
        width = int(rng.integers(200, 640))
        height = int(width * rng.uniform(0.6, 1.7))
        most = least * rng.uniform(1.5, min(4, 1 / least))
        return dict(scale=[round(least, 3), round(most, 3)], width=width, height=height)

    starts = (0.25, 0.3), (0.3, 0.5), (0.05, 0.1), (0.1, 0.25), (0.08, 0.12)
    return {str(n): case(rng.uniform(*start)) for n, start in enumerate(starts)}


def off_in_image(case, part, got, expected):
    steps = (got.short() - expected.short()).abs()
    most, mean = (1, 0.05) if "resize" in part else (2, 0.3)
    return max((steps.max().item(), most), (steps.double().mean().item(), mean), key=lambda pair: pair[0] / pair[1])


def off_in_statistics(case, part, got, expected):
    """Means in standard errors of the stored sample; deciles and deviations relative."""
    if not part.endswith("_mean"):
        return float(np.max(np.abs(np.array(got) / expected - 1))), 0.01
    of = crops(case["width"], case["height"], tuple(case["scale"]), DRAWS)[part.removesuffix("_mean")]
    return abs(got - expected) / (of.std() / math.sqrt(DRAWS)), 4


IMAGE_OPS = Family("image_ops", draw_image_ops, answer_image_ops,
                   "width|height|crops|factors|hue|blur|source|base", off_in_image)
CROPS = Family("random_resized_crop", draw_crops, answer_crops, "scale|width|height", off_in_statistics,
               again=functools.partial(answer_crops, draws=4 * DRAWS))
