"""The examples of README, of docs/python.md and of the notebook run."""

import contextlib
import io
import json
import os
import pathlib
import re
import tempfile
import unittest

from PIL import Image

import support
import twist

ROOT = pathlib.Path(__file__).resolve().parents[3]


def blocks(page):
    """The Python of a page."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def cells(notebook):
    """The code of a notebook."""
    cells = json.loads((ROOT / notebook).read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


class Docs(unittest.TestCase):
    def run_all(self, texts, least):
        self.assertGreaterEqual(len(texts), least)
        home = os.getcwd()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as out:
            os.chdir(folder)
            try:
                os.mkdir("photos")
                for number in range(support.COUNT):
                    Image.fromarray(support.picture(number)).save(f"photos/{number:02}.jpg")
                for name in "ab":
                    Image.fromarray(support.picture(3)).save(f"{name}.jpg")
                variables = {}
                with contextlib.redirect_stderr(io.StringIO()):
                    for text in texts:
                        exec(compile(text, "example", "exec"), variables)
            finally:
                os.chdir(home)
        return out.getvalue()

    def test_pages(self):
        # A recipe that trains in seconds, in place of the one that is made for the images.
        shorter = lambda text: text.replace("out=", f"recipe={str(support.place() / 'tiny.toml')!r}, out=")
        for page, least in (("README.md", 1), ("docs/python.md", 2)):
            self.assertIn("report: ", self.run_all([shorter(text) for text in blocks(page)], least))

    def test_notebook(self):
        self.assertIn("(1000, ", self.run_all(cells("docs/python.ipynb"), 5))


if __name__ == "__main__":
    unittest.main()
