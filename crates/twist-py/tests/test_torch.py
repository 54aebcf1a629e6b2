"""PyTorch in the same process: imported before, afterwards or not at all, there is one libtorch."""

import importlib.util
import json
import os
import subprocess
import sys
import unittest

import support

PROGRAM = """
import json, sys
{imports}
model = twist.load({model!r}, cache=False)
rows = model.embed({photos!r})
torch_after = "torch" in sys.modules
{afterwards}
with open("/proc/self/maps") as maps:
    files = {{line.split(maxsplit=5)[5].strip() for line in maps if len(line.split(maxsplit=5)) == 6}}
names = ("libtorch_cpu.so", "libc10.so", "libgomp")
copies = {{name: sorted(file for file in files if file.rsplit("/", 1)[-1].startswith(name)) for name in names}}
print(json.dumps([rows.view("u4").tolist(), torch_after, copies]))
"""

USE = """
import torch
layer = torch.nn.Linear(model.feature_dim, 3)
layer(torch.from_dlpack(rows)).sum().backward()
assert layer.weight.grad.shape == (3, model.feature_dim)
assert (model.embed({photos!r}) == rows).all()
"""


def ran(imports, afterwards=""):
    place = support.place()
    facts = {"model": str(place / "run"), "photos": str(place / "photos")}
    program = PROGRAM.format(imports=imports, afterwards=afterwards.format(**facts), **facts)
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@unittest.skipUnless(importlib.util.find_spec("torch"), "PyTorch is not installed")
class Together(unittest.TestCase):
    def test_any_order_has_one_libtorch_and_the_same_numbers(self):
        alone, imported, copies = ran("import twist")
        self.assertFalse(imported, "twist imports PyTorch")
        self.assertEqual([len(files) for files in copies.values()], [1, 1, 1], copies)
        for imports in ("import torch\nimport twist", "import twist", "import twist\ntwist.Model\nimport torch"):
            rows, _, together = ran(imports, USE)
            self.assertEqual(rows, alone, imports)
            self.assertEqual([len(files) for files in together.values()], [1, 1, 1], together)

    def test_another_series_is_refused_with_what_to_do(self):
        program = (
            "import importlib.metadata; importlib.metadata.version = lambda name: '2.10.0'\n"
            "import twist\n"
            "try:\n    twist.Model\nexcept ImportError as error:\n    print(error)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        self.assertIn("twist needs PyTorch 2.11, and 2.10.0 is installed: python -m pip install", done.stdout)


if __name__ == "__main__":
    unittest.main()
