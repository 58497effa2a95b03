"""The sources in a checkout, and which of them go to a board."""

import ast
import json
import pathlib

from aioctl_host.errors import USAGE, Failure

PROGRAM = ("boot.py", "main.py")  # read by the firmware as they are, never compiled


def find_root(asked=None):
    """The folder of the project: `asked`, one above this folder, or the one this file is in."""
    if asked:
        candidates = [pathlib.Path(asked)]
    else:
        here = pathlib.Path.cwd()
        candidates = [here, *here.parents, pathlib.Path(__file__).resolve().parents[2]]
    for path in candidates:
        if (path / "aioctl.py").is_file() and (path / "package.json").is_file():
            return path
    where = repr(asked) if asked else "here"
    raise Failure(USAGE, f"no project {where}: give --project DIR, the folder with aioctl.py")


class Project:
    """The project in the folder `root`."""

    def __init__(self, root):
        self.root = root
        lib = root / "lib"
        self.lib = {}  # what can be chosen: name -> its files, relative to root
        for path in sorted(lib.iterdir()) if lib.is_dir() else ():
            if path.suffix == ".py":
                self.lib[path.stem] = [f"lib/{path.name}"]
            elif (path / "__init__.py").is_file():
                files = sorted(path.rglob("*.py"))
                self.lib[path.name] = [
                    f.relative_to(root).as_posix() for f in files if f.name != "manifest.py"
                ]

    @property
    def core(self):
        """What makes the core, as mip installs it: files relative to the root."""
        package = json.loads((self.root / "package.json").read_text())
        return [source for _, source in package["urls"]]

    def choose(self, core=False, lib=None, app=None):
        """The files that go to a board, relative to the root.

        core: only the four modules and what they need. lib: names to add to these (None: all).
        app: the user's program, whose imports are added as well.
        """
        names = set()
        if lib is not None:
            names.update(self.find(name) for name in lib)
        elif not core:
            names.update(self.lib)
        program = [] if core else [p for p in PROGRAM if (self.root / p).is_file()]
        for path in [self.root / p for p in program] + ([app] if app else []):
            names |= imports_of(path) & set(self.lib)
        files = set(self.core)
        for name in self.closure(names):
            files.update(self.lib[name])
        return sorted(files) + program

    def find(self, name):
        """The part of lib/ that `name` means, shortened or not; Failure if there is none."""
        short = name.removeprefix("aio")
        for n in (name, "aio" + short, "aio" + short.removesuffix("s")):
            if n in self.lib:
                return n
        known = ", ".join(n.removeprefix("aio") for n in self.lib)
        raise Failure(USAGE, f"there is no {name!r} in lib/; known: {known}")

    def closure(self, names):
        """These parts of lib/, and those that they require."""
        found, todo = set(), sorted(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += [n for n in self.required(name) if n in self.lib]
        return found

    def required(self, name):
        """The names in `require("name")` of the manifest of a part of lib/."""
        manifest = self.root / "lib" / name / "manifest.py"
        if not manifest.is_file():
            return []
        return [
            node.args[0].value
            for node in ast.walk(ast.parse(manifest.read_text(), str(manifest)))
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", None) == "require"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ]


def imports_of(path):
    """The top names of all that a Python file imports, at start or on use."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError:
        return set()  # the compiler will say it better
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names
