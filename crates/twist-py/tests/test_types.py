"""The types say what there is, and everything says what it does."""

import ast
import inspect
import pathlib
import unittest

import twist


class Types(unittest.TestCase):
    def test_the_stub_names_what_there_is(self):
        stub = ast.parse((pathlib.Path(twist.__file__).parent / "__init__.pyi").read_text())
        seen = 0
        for item in stub.body:
            if not isinstance(item, (ast.ClassDef, ast.FunctionDef)) or item.name.startswith("_"):
                continue
            found = getattr(twist, item.name)
            self.assertIn(item.name, twist.__all__)
            self.assertTrue(inspect.getdoc(found), f"{item.name} says nothing of itself")
            if isinstance(item, ast.FunctionDef):
                self.assertEqual(list(inspect.signature(found).parameters), arguments(item), item.name)
            for member in item.body:
                if isinstance(member, ast.FunctionDef) and not member.name.startswith("__"):
                    attribute = getattr(found, member.name)
                    self.assertTrue(attribute.__doc__, f"{item.name}.{member.name} says nothing of itself")
                    if callable(attribute):
                        parameters = list(inspect.signature(attribute).parameters)
                        self.assertEqual(parameters, arguments(member), member.name)
                    seen += 1
            seen += 1
        self.assertEqual(sorted(twist.__all__), sorted(set(twist.__all__)))
        self.assertGreater(seen, 30)

    def test_typed_and_versioned(self):
        self.assertTrue((pathlib.Path(twist.__file__).parent / "py.typed").is_file())
        self.assertRegex(twist.__version__, r"^\d+\.\d+\.\d+")
        with self.assertRaises(AttributeError):
            twist.nothing


def arguments(function):
    return [argument.arg for argument in function.args.args + function.args.kwonlyargs]


if __name__ == "__main__":
    unittest.main()
