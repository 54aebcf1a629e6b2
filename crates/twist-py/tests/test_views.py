"""The views for other programs are those that training sees: a function of recipe, seed, epoch and image."""

import importlib.util
import re
import unittest
import warnings

import numpy
from PIL import Image

import support
import twist

LOCAL = """
[[views]]
name = "local"
count = 3
size = 8
scale = [0.1, 0.3]
blur = 0.1
solarize = 0.0
"""


class Views(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.place()
        cls.photos = cls.place / "photos"

    def setUp(self):
        self.recipe = self.place / "views.toml"
        self.recipe.write_text(support.RECIPE + LOCAL)

    def epoch(self, views):
        return [(batch.index.copy(), [group.copy() for group in batch.views], batch.label) for batch in views]

    def test_shapes_order_and_labels(self):
        views = twist.Views(self.photos, self.recipe)
        images = twist.Images(self.photos)
        self.assertEqual((len(views), views.batch_size), (support.COUNT // 8, 8))
        seen = []
        for batch in views:
            large, small = batch.views
            self.assertEqual((large.shape, small.shape), ((2, 8, 16, 16, 3), (3, 8, 8, 8, 3)))
            self.assertTrue(large.dtype == small.dtype == numpy.uint8 and large.flags.writeable)
            self.assertEqual(batch.label.tolist(), images.labels[batch.index].tolist())
            seen += batch.index.tolist()
        self.assertEqual(sorted(seen), list(range(support.COUNT)), "an epoch has every image once")

    def test_they_depend_on_seed_and_epoch_and_not_on_threads(self):
        first = twist.Views(self.photos, self.recipe, threads=1)
        again = twist.Views(twist.Images(self.photos), self.recipe, threads=2)
        epochs = [self.epoch(first), self.epoch(first)]
        self.assertEqual(first.epoch, 2)
        for epoch in epochs:
            for (index, groups, _), (other, others, _) in zip(epoch, self.epoch(again), strict=True):
                self.assertEqual(index.tolist(), other.tolist())
                self.assertTrue(all((one == two).all() for one, two in zip(groups, others, strict=True)))
        self.assertNotEqual(epochs[0][0][0].tolist(), epochs[1][0][0].tolist())
        again.epoch = 1
        resumed = self.epoch(again)
        self.assertEqual(resumed[2][0].tolist(), epochs[1][2][0].tolist())
        self.assertTrue((resumed[2][1][0] == epochs[1][2][1][0]).all())
        other = self.epoch(twist.Views(self.photos, self.recipe, seed=1))
        self.assertFalse((other[0][1][0] == epochs[0][0][1][0]).all())

    def test_they_show_the_images(self):
        # A view that is all of an image, without any change.
        squares = self.place / "squares"
        squares.mkdir()
        for number in range(16):
            Image.fromarray(support.picture(number)[:16, :16]).save(squares / f"{number:02}.png")
        plain = "scale = [1.0, 1.0]\nratio = [1.0, 1.0]\nflip = 0.0\njitter = 0.0\ngray = 0.0"
        plain = re.sub(r"blur = .*", "blur = 0.0", support.RECIPE.replace("scale = [0.3, 1.0]", plain))
        self.recipe.write_text(plain.replace("solarize = 0.2", "solarize = 0.0"))
        images = numpy.stack(list(twist.Images(squares)))
        for batch in twist.Views(squares, self.recipe):
            self.assertTrue((batch.views[0] == images[batch.index]).all())

    def test_recipes_have_names_files_and_runs(self):
        self.assertEqual(len(twist.Views("shapes:test", "demo", batch_size=100)), 10)
        of_run = twist.Views(self.photos, self.place / "run")
        self.assertEqual(of_run.batch_size, 8)
        for recipe, words in [("demmo", "did you mean `demo`"), ("no.toml", "recipe no.toml does not exist")]:
            with self.assertRaisesRegex(twist.TwistError, words):
                twist.Views(self.photos, recipe)
        with self.assertRaisesRegex(ValueError, "trains heads on features"):
            twist.views(self.photos, "frozen")
        with self.assertRaisesRegex(twist.TwistError, "batch_size"):
            twist.Views(self.photos, self.recipe, batch_size=100)

    def test_an_unreadable_image_is_replaced_and_told_once(self):
        broken = self.photos / "dots" / "99.png"
        broken.write_bytes(b"no image")
        try:
            views = twist.Views(self.photos, self.recipe, batch_size=41)
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                self.epoch(views)
                self.epoch(views)
            self.assertEqual(["99.png" in str(one.message) for one in told], [True])
            with self.assertRaisesRegex(twist.TwistError, "99.png"):
                self.epoch(twist.Views(self.photos, self.recipe, strict=True))
        finally:
            broken.unlink()

    def test_numbers_out_of_range_are_value_errors(self):
        for numbers in (dict(seed=-1), dict(seed=2**64), dict(batch_size=-3), dict(threads=0)):
            with self.assertRaisesRegex(ValueError, next(iter(numbers))):
                twist.views(self.photos, self.recipe, **numbers)
        with self.assertRaises(TypeError):
            twist.views(self.photos, self.recipe, seed="one")

    def test_an_iteration_may_be_left(self):
        views = twist.Views(self.photos, self.recipe)
        for _ in range(20):
            next(iter(views))

    @unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
    def test_pytorch_takes_them_without_a_copy(self):
        import torch

        batch = next(iter(twist.Views(self.photos, self.recipe)))
        tensor = torch.from_dlpack(batch.views[0])
        self.assertEqual(tensor.data_ptr(), batch.views[0].ctypes.data)


if __name__ == "__main__":
    unittest.main()
