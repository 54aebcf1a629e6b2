"""Classes and neighbours from Python are those of `twist predict` and `twist neighbors`."""

import json
import unittest
import warnings

import numpy

import support
import twist


class Classes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.place()
        cls.trained = cls.place / "run"
        cls.model = twist.load(cls.trained)
        cls.images = twist.Images(cls.place / "photos")

    def command(self, *flags):
        table = self.place / "table.jsonl"
        words = ["predict", self.trained, self.place / "photos", "--out", table, "--force", *flags]
        done = support.command(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in table.read_text().splitlines()]

    def same(self, found, rows):
        self.assertEqual(len(found), support.COUNT)
        top = found.cluster.shape[1]
        for rank in range(top):
            suffix = "" if rank == 0 else f"_{rank + 1}"
            for name in ("cluster", "name", "probability"):
                column = getattr(found, name)[:, rank].tolist()
                expected = [row[name + suffix] for row in rows]
                if name == "probability":
                    column, expected = numpy.float32(column).tolist(), numpy.float32(expected).tolist()
                self.assertEqual(column, expected, name)
        self.assertEqual(found.unsure.tolist(), [row["unsure"] for row in rows])

    def test_the_command_names_the_same_classes(self):
        self.same(self.model.predict(self.images), self.command())
        self.same(self.model.predict(self.images, top=3, unsure=0.4), self.command("--top", "3", "--unsure", "0.4"))
        every = self.model.predict(self.images, top=100)
        self.assertEqual(every.cluster.shape, (support.COUNT, len(self.model.classes)))
        numpy.testing.assert_allclose(every.probability.sum(axis=1), 1, rtol=1e-5)
        self.assertEqual((every.cluster.dtype, every.probability.dtype, every.unsure.dtype), ("i4", "f4", "?"))

    def test_names_and_merges_follow_at_once(self):
        for words in (["rename", "0", "dots"], ["merge", "1", "2"]):
            done = support.command("clusters", self.trained, *words)
            self.assertEqual(done.returncode, 0, done.stderr)
        try:
            self.assertEqual((len(self.model.classes), self.model.classes[0]), (5, "dots"))
            self.same(self.model.predict(self.images, top=5), self.command("--top", "5"))
        finally:
            (self.trained / "clusters.json").unlink()
        self.assertEqual(len(self.model.classes), 6)

    def test_what_is_missing_or_wrong_is_said(self):
        with self.assertRaisesRegex(ValueError, "'discovered' or 'labels'"):
            self.model.predict(self.images, classes="all")
        with self.assertRaisesRegex(ValueError, "between 0 and 1"):
            self.model.predict(self.images, unsure=2)
        with self.assertRaises(twist.TwistError) as raised:
            self.model.predict(self.images, classes="labels")
        words = support.refusal("predict", self.trained, self.place / "photos", "--classes", "labels")
        self.assertEqual(str(raised.exception), words)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self.model.predict([self.place / "none.png", support.picture(3)], top=2, unreadable="nan")
        self.assertEqual((found.cluster[0].tolist(), found.name[0].tolist()), ([-1, -1], [None, None]))
        self.assertTrue(found.unsure[0] and numpy.isnan(found.probability[0]).all() and found.cluster[1, 0] >= 0)


class Neighbours(unittest.TestCase):
    def test_the_command_finds_the_same_images(self):
        place = support.place()
        photos, model = place / "photos", twist.load(place / "run")
        images = twist.Images(photos)
        queries = [images.paths[5], str(photos / images.paths[9])]
        flags = [flag for query in queries for flag in ("--query", query)]
        done = support.command("neighbors", place / "run", photos, *flags, "--k", "4", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        expected = [query["neighbors"] for query in json.loads(done.stdout)["queries"]]
        for searched in (images, str(photos)):
            found = model.neighbors(queries, searched, k=4)
            self.assertEqual((found.index.dtype, found.similarity.dtype), ("i8", "f4"))
            self.assertEqual(found.path, [[one["path"] for one in row] for row in expected])
            self.assertEqual(found.index.tolist(), [[one["index"] for one in row] for row in expected])
            self.assertEqual(
                found.similarity.tolist(), numpy.float32([[one["similarity"] for one in row] for row in expected]).tolist()
            )
        # Pixels are in no data set: the image itself is the first match.
        itself = model.neighbors(images[5], images, k=1)
        self.assertEqual((itself.index.tolist(), len(itself)), ([[5]], 1))
        self.assertAlmostEqual(float(itself.similarity[0, 0]), 1, places=5)
        few = [images[number] for number in range(3)]
        self.assertEqual(model.neighbors(images[1], few).index.shape, (1, 3))

    def test_a_query_that_is_nowhere_is_named(self):
        place = support.place()
        model = twist.load(place / "run", cache=False)
        with self.assertRaisesRegex(twist.TwistError, "nowhere.png: no such file, and no readable image"):
            model.neighbors("nowhere.png", place / "photos")
        with self.assertRaisesRegex(ValueError, "at least 1"):
            model.neighbors(support.picture(1), place / "photos", k=0)


if __name__ == "__main__":
    unittest.main()
