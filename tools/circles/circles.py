#!/usr/bin/env python3
"""Import circles of the crates: files that use items of each other, directly or through other files.

    python3 tools/circles/circles.py [--most FILES]    # lists circles of more files, 3 without --most; exit code 1 if any

File A leads to file B if A names, in a `use` or in a path, an item that is declared in B. Re-exports are followed to the
declaration. Tests are left out. A circle is a strongly connected component of the files of one crate.
"""

import argparse
import pathlib
import re
import sys

NOISE = re.compile(r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\[^\n]*?|[^\\'\n])'", re.S)
DECLARED = re.compile(r"\b(?:fn|struct|enum|union|trait|type|const|static|macro_rules!|mod)\s+(\w+)")
USE = re.compile(r"(?:\bpub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);")
PATH = re.compile(r"(?<![\w:.$])\w+(?:\s*::\s*\w+)*")


def block(text, start):
    """The end of the item that begins at `start`: its semicolon or the brace that closes it."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "{([":
            depth += 1
        elif text[at] in "})]":
            depth -= 1
        if depth == 0 and (text[at] == ";" or text[at] == "}"):
            return at + 1
    return len(text)


def tree(text):
    """The leaves `(path, name)` of one `use`; the name of a glob is `*`."""
    text = text.strip()
    if "{" in text:
        head, inner = text.split("{", 1)
        inner, depth, part = inner.rsplit("}", 1)[0], 0, ""
        for letter in inner + ",":
            depth += (letter == "{") - (letter == "}")
            if letter == "," and depth == 0:
                yield from tree(head + part.strip()) if part.strip() else ()
                part = ""
            else:
                part += letter
        return
    path, _, name = text.partition(" as ")
    path = [part.strip() for part in path.split("::") if part.strip()]
    path = path[:-1] if path[-1] == "self" and len(path) > 1 else path
    yield path, name.strip() or path[-1]


class Module:
    def __init__(self, file, where):
        self.file, self.where = file, where
        text = NOISE.sub(" ", file.read_text())
        while test := re.search(r"#\[cfg\((?:test|any\(test[^]]*)\)\]", text):
            text = text[: test.start()] + text[block(text, test.end()) :]
        self.uses = [leaf for use in USE.finditer(text) for leaf in tree(use[1])]
        self.text = re.sub(r"\bmod\s+\w+\s*;", " ", USE.sub(" ", text))
        flat, depth = [], 0
        for letter in self.text:
            depth -= letter == "}"
            flat.append(letter if depth == 0 else " ")
            depth += letter == "{"
        self.declared = set(DECLARED.findall("".join(flat)))


class Crate:
    def __init__(self, root):
        self.modules = {}
        for file in sorted(root.rglob("*.rs")):
            where = tuple(file.relative_to(root).with_suffix("").parts)
            where = where[:-1] if where[-1] in ("mod", "lib", "main") else where
            if "tests" not in where and where not in self.modules:
                self.modules[where] = Module(file, where)

    def declaration(self, where, path, seen=()):
        """The file that declares what `path` names in the module `where`, or None: it is of another crate."""
        if (where, tuple(path)) in seen or where not in self.modules:
            return None
        seen = (*seen, (where, tuple(path)))
        if not path:
            return self.modules[where].file
        first, rest = path[0], path[1:]
        if first in ("crate", "self", "super"):
            return self.declaration({"crate": (), "self": where, "super": where[:-1]}[first], rest, seen)
        if (*where, first) in self.modules:
            return self.declaration((*where, first), rest, seen)
        module = self.modules[where]
        if first in module.declared:
            return module.file
        for target, name in module.uses:
            found = None
            if name == first:
                found = self.declaration(where, target + rest, seen)
            elif name == "*" and (target[0] in ("crate", "self", "super") or (*where, target[0]) in self.modules):
                found = self.declaration(where, target[:-1] + path, seen)
            if found:
                return found
        return None

    def graph(self):
        """file -> file that it leads to -> the paths that do so"""
        edges = {module.file: {} for module in self.modules.values()}
        for where, module in self.modules.items():
            private = [path for path, name in module.uses if name == "*" and path[0] in ("super", "crate", "self")]
            for path in PATH.findall(module.text):
                parts = [part.strip() for part in path.split("::")]
                if len(parts) > 1 or any(name == parts[0] for _, name in module.uses) or private:
                    file = self.declaration(where, parts)
                    if file not in (None, module.file):
                        edges[module.file].setdefault(file, set()).add("::".join(parts))
        return edges


def circles(edges):
    """The strongly connected components, by what each file reaches."""
    reach = {}
    for file in edges:
        reach[file], todo = set(), [file]
        while todo:
            new = edges[todo.pop()].keys() - reach[file]
            reach[file] |= new
            todo.extend(new)
    return {frozenset(b for b in reach[a] if a in reach[b]) for a in edges if a in reach[a]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=3, help="files of the largest circle that may be (default 3)")
    args = parser.parse_args()
    too_large = 0
    for source in sorted(pathlib.Path(__file__).parents[2].glob("crates/*/src")):
        edges = Crate(source).graph()
        for circle in sorted(circles(edges), key=len, reverse=True):
            if len(circle) <= args.most:
                break
            too_large += 1
            print(f"{source.parent.name}: a circle of {len(circle)} files")
            for file in sorted(circle):
                for to in sorted(edges[file].keys() & circle):
                    print(f"    {file.relative_to(source)} -> {to.relative_to(source)}:", *sorted(edges[file][to]))
    sys.exit(f"{too_large} circles have more than {args.most} files" if too_large else 0)


if __name__ == "__main__":
    main()
