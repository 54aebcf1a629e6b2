"""Features from Python are those of `twist embed`, whatever the images come as."""

import unittest
import warnings

import numpy
from PIL import Image

import support
import twist


def bits(rows):
    return rows.view(numpy.uint32).tolist()


class Embed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.place()
        cls.model = twist.load(cls.place / "run")
        cls.images = twist.Images(cls.place / "photos")
        cls.files = [cls.place / "photos" / path for path in cls.images.paths]
        cls.rows = cls.model.embed(cls.images)

    def test_the_command_gives_the_same_bits(self):
        for flags, given in (([], {}), (["--normalize"], {"normalize": True})):
            table = self.place / "table.npy"
            done = support.command(
                "embed", self.place / "run", self.place / "photos", "--out", table, "--force", *flags
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            expected = numpy.load(table)
            rows = self.model.embed(str(self.place / "photos"), **given)
            self.assertEqual((rows.shape, rows.dtype), ((support.COUNT, self.model.feature_dim), numpy.float32))
            self.assertEqual(bits(rows), bits(expected))

    def test_images_may_come_as_anything(self):
        arrays = [numpy.asarray(Image.open(file)) for file in self.files]
        pillow = [Image.open(file) for file in self.files]
        forms = [self.images, self.files, map(str, self.files), arrays, numpy.stack(arrays), pillow]
        # As a file and as pixels in turn.
        forms.append([file if number % 2 else array for number, (file, array) in enumerate(zip(self.files, arrays))])
        for form in forms:
            self.assertEqual(bits(self.model.embed(form)), bits(self.rows))
        for form in (self.files[3], arrays[3], pillow[3], [arrays[3]], arrays[3][::-1][::-1]):
            self.assertEqual(self.model.embed(form).shape, (1, self.model.feature_dim))
            numpy.testing.assert_allclose(self.model.embed(form)[0], self.rows[3], rtol=1e-5, atol=1e-6)

    def test_images_of_pillow_are_read_as_files_are(self):
        colours = Image.fromarray(support.picture(4))
        clear = colours.copy()
        clear.putalpha(100)
        turned = colours.copy()
        turned.getexif()[0x0112] = 6
        forms = {"L": colours.convert("L"), "1": colours.convert("1"), "P": colours.quantize(8), "RGBA": clear}
        forms["I;16"] = Image.fromarray(support.picture(4)[..., 0].astype(numpy.uint16) * 257)
        for mode, image in forms.items():
            self.assertEqual(image.mode, mode)
            file = self.place / "one.png"
            image.save(file)
            self.assertEqual(bits(self.model.embed(image)), bits(self.model.embed([file])), mode)
        upright = numpy.rot90(support.picture(4), -1)
        self.assertEqual(bits(self.model.embed(turned)), bits(self.model.embed(upright)))
        with self.assertRaisesRegex(ValueError, "mode F has no range"):
            self.model.embed(Image.new("F", (4, 4)))

    def test_gray_arrays_are_gray_images(self):
        gray = support.picture(2)[..., 0]
        three = numpy.repeat(gray[..., None], 3, axis=2)
        for form in (gray, gray[..., None]):
            self.assertEqual(bits(self.model.embed(form)), bits(self.model.embed(three)))

    def test_what_is_not_an_image_is_refused(self):
        for given, error, words in [
            (3, TypeError, "this is of type int"),
            ([3], TypeError, "this is of type int"),
            ([], ValueError, "list of images is empty"),
            (numpy.zeros((4, 4, 3), numpy.float32), TypeError, "uint8.*float32"),
            (numpy.zeros((3, 4, 4), numpy.uint8), ValueError, r"\[3, 4, 4\]"),
            (numpy.zeros((0, 4, 3), numpy.uint8), ValueError, "not an image"),
            (numpy.zeros(4, numpy.uint8), ValueError, r"\[4\]"),
            (numpy.zeros((0, 4, 4, 3), numpy.uint8), ValueError, "list of images is empty"),
        ]:
            with self.assertRaisesRegex(error, words):
                self.model.embed(given)

    def test_an_image_that_cannot_be_read_is_named(self):
        broken = self.place / "broken.png"
        broken.write_bytes(self.files[0].read_bytes()[:60])
        given = [self.files[0], broken, self.files[1]]
        with self.assertRaisesRegex(twist.TwistError, "broken.png cannot be read: .*unreadable='nan'"):
            self.model.embed(given)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            rows = self.model.embed(given, unreadable="nan")
        self.assertEqual(numpy.isnan(rows).all(axis=1).tolist(), [False, True, False])
        self.assertEqual(len(told), 1)
        self.assertRegex(str(told[0].message), "skipped .*broken.png")
        with self.assertRaisesRegex(ValueError, "'raise' or 'nan'"):
            self.model.embed(given, unreadable="skip")

    def test_errors_have_the_words_of_the_command(self):
        missing, photos = self.place / "rum", self.place / "photos"
        with self.assertRaises(twist.TwistError) as raised:
            twist.load(missing)
        self.assertEqual(str(raised.exception), support.refusal("embed", missing, photos, "--out", "x.npy"))
        with self.assertRaises(twist.TwistError) as raised:
            twist.load("hf:a/b/c")
        self.assertEqual(str(raised.exception), support.refusal("embed", "hf:a/b/c", photos, "--out", "x.npy"))
        with self.assertRaises(twist.TwistError) as raised:
            self.model.embed(str(self.place / "fotos"))
        words = support.refusal("embed", self.place / "run", self.place / "fotos", "--out", "x.npy")
        self.assertEqual(str(raised.exception), words)
        with self.assertRaisesRegex(twist.TwistError, "unknown device"):
            twist.load(self.place / "run", device="gpu")
        with self.assertRaisesRegex(ValueError, "'fp32' or 'bf16'"):
            twist.load(self.place / "run", precision="fp16")


class OpenedImages(unittest.TestCase):
    def test_they_are_as_the_command_line_has_them(self):
        place = support.place()
        images = twist.Images(place / "photos")
        self.assertEqual(len(images), support.COUNT)
        self.assertEqual(images.classes, ["dots", "lines"])
        for number in (0, support.COUNT - 1, -1):
            name = images.paths[number]
            self.assertEqual(images.classes[images.labels[number]], name.split("/")[0])
            pixels = images[number]
            self.assertTrue((pixels == support.picture(int(name[-6:-4]))).all() and pixels.dtype == numpy.uint8)
        self.assertEqual(len(list(images)), support.COUNT)
        with self.assertRaises(IndexError):
            images[support.COUNT]
        bare = twist.Images(place / "photos", labels="none")
        self.assertEqual((set(bare.labels.tolist()), bare.classes), ({-1}, []))
        (place / "photos" / "notes.txt").write_text("x")
        self.assertRegex(" ".join(twist.Images(place / "photos").left_out), "1 ")
        (place / "photos" / "notes.txt").unlink()


if __name__ == "__main__":
    unittest.main()
