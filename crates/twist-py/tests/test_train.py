"""Training from Python: its progress, its end, its errors, and Ctrl-C."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import support
import twist


class Train(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = support.place()
        cls.photos, cls.recipe = cls.place / "photos", cls.place / "tiny.toml"

    def quietly(self, *args, **options):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            run = twist.train(*args, **options)
        return run, out.getvalue(), err.getvalue()

    def test_a_run_is_that_of_the_command(self):
        options = {"recipe": self.recipe, "clusters": 4, "seed": 3, "settings": {"optim.lr": 0.1}}
        run, out, err = self.quietly(self.photos, out=self.place / "of_python", **options)
        self.assertRegex(err, "40 images, 4 clusters.*(?s:.)*epoch .*images/s")
        self.assertRegex(out, "report: .*report.html")
        self.assertTrue(run.report.is_file() and "nmi" in run.metrics, run.metrics)
        done = support.command(
            "train", self.photos, "--out", self.place / "of_command", "--recipe", self.recipe,
            "--clusters", "4", "--seed", "3", "--set", "optim.lr=0.1",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        files = sorted(path.name for path in (run.path / "checkpoints").iterdir())
        for name in files:
            same = (self.place / "of_command" / "checkpoints" / name).read_bytes()
            self.assertEqual((run.path / "checkpoints" / name).read_bytes(), same, name)
        self.assertGreater(len(files), 0)
        self.assertEqual(len(twist.load(run).classes), 4)
        again, _, _ = self.quietly(self.photos, out=run, resume=True)
        self.assertEqual(again, run)

    def test_it_can_be_silent(self):
        run, out, err = self.quietly(self.photos, recipe=self.recipe, out=self.place / "silent", progress=False)
        self.assertEqual((out, err), ("", ""))
        self.assertTrue(run.report.is_file())

    def test_errors_have_the_words_of_the_command(self):
        for words, options in [
            ([], {"recipe": "demmo"}),
            (["--epochs", "0"], {"epochs": 0}),
            (["--set", "optim.lr=\"x\""], {"settings": {"optim.lr": "x"}}),
        ]:
            recipe = options.pop("recipe", self.recipe)
            with self.assertRaises(twist.TwistError) as raised:
                self.quietly(self.photos, recipe=recipe, out=self.place / "none", **options)
            expected = support.refusal("train", self.photos, "--recipe", recipe, "--out", self.place / "none", *words)
            self.assertEqual(str(raised.exception), expected)
        with self.assertRaisesRegex(TypeError, "epoch_count"):
            twist.train(self.photos, epoch_count=3)
        with self.assertRaisesRegex(TypeError, "settings"):
            twist.train(self.photos, settings="optim.lr=1")

    def test_values_that_begin_with_a_dash_are_values(self):
        with self.assertRaisesRegex(twist.TwistError, "--version"):
            self.quietly("--version", out=self.place / "none")
        self.assertFalse((self.place / "none").exists())

    def test_a_collapse_is_an_exception_of_its_own(self):
        # A guard that takes every training for one.
        settings = {"guard.window_steps": 1, "guard.uniform_gap": 100.0}
        with self.assertRaisesRegex(twist.Collapsed, "^training collapsed at step"):
            self.quietly(self.photos, recipe=self.recipe, out=self.place / "fallen", settings=settings)

    def test_ctrl_c_saves_and_stops(self):
        # Once to Python alone, as a notebook may do; once to both, as a terminal does.
        for number, to_both in enumerate((False, True)):
            run = self.place / f"stopped{number}"
            program = (
                "import twist\n"
                f"try:\n    twist.train({str(self.photos)!r}, recipe={str(self.recipe)!r}, out={str(run)!r}, epochs=5000, "
                "settings={'guard.enabled': False})\n"
                "except KeyboardInterrupt:\n    print('interrupted')"
            )
            child = subprocess.Popen(
                [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                start_new_session=True,
            )
            log = run / "log.jsonl"
            while not (log.exists() and '"step":5,' in log.read_text().replace(" ", "")):
                self.assertIsNone(child.poll(), child.stderr.read() if child.poll() is not None else "")
                time.sleep(0.05)
            (os.killpg if to_both else os.kill)(child.pid, signal.SIGINT)
            out, err = child.communicate(timeout=120)
            self.assertIn("interrupted", out)
            self.assertIn("stopped and saved after step", err)
            events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
            self.assertEqual(events[-1], "stopped")


if __name__ == "__main__":
    unittest.main()
