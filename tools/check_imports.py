"""Check who imports whom: the table of rooms, in code.

    python3 tools/check_imports.py [root]

Prints one line for each import that goes the wrong way, and exits with 1 if there is one.
At start: what runs when the module is imported. On use: inside a function.
"""

import ast
import pathlib
import sys

FOUR = {"aioctl", "aioschedule", "aiolog", "aiorepl"}
BOARD = {"boot", "main"}
HOST_FOLDERS = {"host", "tools", "tests", "bench"}

# module: what of the project it may import at start, and what on use (besides lib/).
CORE = {
    "aioctl": (set(), FOUR),
    "aioschedule": ({"aioctl"}, {"aioctl"}),
    "aiolog": (set(), set()),
    "aiorepl": (set(), set()),
    "boot": (FOUR, FOUR),
    "main": (FOUR | {"boot"}, FOUR | {"boot"}),
}
MAY_IMPORT_LIB_AT_START = BOARD

# Names that programs for the earlier modules use, so they are public in spite of their look.
PUBLISHED = "_AIOCTL_"

# CPython has them, MicroPython has not.
ABSENT = {
    "abc",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "traceback",
    "typing",
    "unittest",
    "weakref",
}


def main(arguments):
    """Check the tree at `arguments[0]`, or this one; returns the exit code."""
    root = pathlib.Path(arguments[0] if arguments else __file__).resolve()
    if not arguments:
        root = root.parent.parent
    problems = Tree(root).problems()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


class Import:
    """One import: `module` (dotted), `names` taken from it, where, and whether on use."""

    def __init__(self, node, module, names, level, lazy):
        self.line = node.lineno
        self.module = module
        self.top = module.split(".")[0]
        self.names = names
        self.level = level
        self.lazy = lazy


def imports_of(tree):
    """Every import in a parsed module, `__import__("x")` included."""
    found = []
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

    def visit(node, lazy):
        if isinstance(node, ast.Import):
            found.extend(Import(node, alias.name, [], 0, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            found.append(Import(node, node.module or "", names, node.level, lazy))
        elif is_dunder_import(node):
            found.append(Import(node, node.args[0].value, [], 0, lazy))
        for child in ast.iter_child_nodes(node):
            visit(child, lazy or isinstance(node, functions))

    visit(tree, False)
    return found


def is_dunder_import(node):
    """True for `__import__("a literal name")`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "__import__"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


def private_uses(tree, modules):
    """(line, text) of each `module._name` and `from module import _name`."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in modules:
                    bound[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            if (node.module or "").split(".")[0] in modules:
                for alias in filter(lambda a: is_private(a.name), node.names):
                    yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in bound and is_private(node.attr):
                yield node.lineno, f"{bound[node.value.id]}.{node.attr}"


def is_private(name):
    """True for `_name`, not for `__name__`, nor for what the earlier modules published."""
    return name.startswith("_") and not name.startswith(("__", PUBLISHED))


class Tree:
    """The project below `root`."""

    def __init__(self, root):
        self.root = root
        lib = root / "lib"
        entries = sorted(lib.iterdir()) if lib.is_dir() else []
        packages = [e.name for e in entries if e.is_dir() and any(e.glob("*.py"))]
        self.lib = set(packages) | {e.stem for e in entries if e.suffix == ".py"}

    def problems(self):
        """One line of text for each import that the table does not allow."""
        return [
            f"{path.relative_to(self.root)}:{line}: {text}"
            for path, check in self._files()
            for line, text in sorted(self._check(path, check))
        ]

    def _check(self, path, check):
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as e:
            return [(e.lineno or 1, f"syntax: {e.msg}")]
        return check(path, tree)

    def _files(self):
        root = self.root
        for name in CORE:
            if (root / f"{name}.py").is_file():
                yield root / f"{name}.py", self._core
        for path in sorted((root / "lib").rglob("*.py")):
            if path.name != "manifest.py":
                yield path, self._library
        for folder, check in (
            ("examples", self._program),
            ("tests/device", self._program),
            ("tests/faults", self._program),
            ("tests/host", self._host),
            ("host", self._host),
            ("tools", self._host),
        ):
            for path in sorted((root / folder).rglob("*.py")):
                # What a host test runs on MicroPython lies in a folder `programs` beside it.
                yield path, self._program if path.parent.name == "programs" else check

    # Each check yields (line, text).

    def _core(self, path, tree):
        name = path.stem
        at_start, on_use = CORE[name]
        for entry in imports_of(tree):
            allowed = on_use if entry.lazy else at_start
            when = "on use" if entry.lazy else "at start"
            if entry.top in (FOUR | BOARD) - {name} - allowed:
                yield entry.line, f"{name} must not import {entry.top} {when}"
            if entry.top in self.lib and not entry.lazy and name not in MAY_IMPORT_LIB_AT_START:
                yield entry.line, f"{name} must import {entry.top} of lib/ on use, in a function"
            yield from self._device(entry)

    def _library(self, path, tree):
        package = path.relative_to(self.root / "lib").parts[0].removesuffix(".py")
        required = self._required(package)
        for entry in imports_of(tree):
            if entry.top in BOARD:
                yield entry.line, f"nobody imports {entry.top}"
            others = self.lib - {package} - required
            if entry.level == 0 and entry.top in others:
                text = f"lib/{package}/manifest.py does not require {entry.top}"
                yield entry.line, text
            yield from self._device(entry)
        yield from self._private(tree, (FOUR | self.lib) - {package})

    def _program(self, path, tree):
        for entry in imports_of(tree):
            yield from self._device(entry)
        yield from self._private(tree, FOUR | self.lib)

    def _host(self, path, tree):
        for entry in imports_of(tree):
            if entry.level == 0 and entry.top in FOUR | BOARD | {"lib"} | (self.lib - {"logging"}):
                yield entry.line, f"host code must not import {entry.top}, which is for a board"
            if entry.top == "tools":
                yield entry.line, "nobody imports tools"

    def _device(self, entry):
        if entry.level:
            return
        if entry.top == "lib":
            yield entry.line, f"import {entry.module[4:] or 'it'} by its bare name, not from lib"
        elif entry.top in HOST_FOLDERS:
            yield entry.line, f"board code must not import {entry.top}"
        elif entry.top in ABSENT - self.lib:
            yield entry.line, f"MicroPython has no {entry.top}"

    def _private(self, tree, modules):
        for line, name in private_uses(tree, modules):
            yield line, f"{name} is private"

    def _required(self, package):
        # The names in `require("name")` of the package's manifest.
        manifest = self.root / "lib" / package / "manifest.py"
        if not manifest.is_file():
            return set()
        return {
            node.args[0].value
            for node in ast.walk(ast.parse(manifest.read_bytes(), str(manifest)))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "require"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
