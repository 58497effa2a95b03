"""Write what `mip` installs from: package.json of the core, and one for each part of lib/.

    python3 tools/packages.py [--check]

The core is the four modules and what they import from lib/ on use. --check only tells, with
exit code 1, which files are not up to date.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from aioctl_host.project import Project, imports_of  # noqa: E402 - see above

FOUR = ("aioctl", "aioschedule", "aiolog", "aiorepl")
VERSION = "0.1.0"


def main(arguments):
    """Write the files, or check them; returns the exit code."""
    old = [path for path, text in packages(ROOT) if not is_there(path, text)]
    if arguments not in ([], ["--check"]):
        print("usage: packages.py [--check]", file=sys.stderr)
        return 2
    if arguments:
        for path in old:
            print(f"{path.relative_to(ROOT)} is out of date: run python3 tools/packages.py")
        return 1 if old else 0
    for path, text in packages(ROOT):
        path.write_text(text)
    return 0


def is_there(path, text):
    """True if the file holds this text."""
    return path.is_file() and path.read_text() == text


def packages(root):
    """(path, text) of each file. Sources are relative to it, as mip takes them."""
    project = Project(root)
    needed = set()
    for name in FOUR:
        needed |= imports_of(root / f"{name}.py") & set(project.lib)
    core = [(f"{name}.py", f"{name}.py") for name in FOUR]
    for part in sorted(project.closure(needed)):
        core += [(source.removeprefix("lib/"), source) for source in project.lib[part]]
    yield root / "package.json", as_text(core)
    for part, sources in project.lib.items():
        if sources == [f"lib/{part}.py"]:
            yield root / "lib" / f"{part}.json", as_text([(f"{part}.py", f"{part}.py")])
        else:
            folder = f"lib/{part}/"
            urls = [(s.removeprefix("lib/"), s.removeprefix(folder)) for s in sources]
            yield root / folder / "package.json", as_text(urls)


def as_text(urls):
    """The text of a package.json with [(path on the board, source)]."""
    lines = ",\n".join("  " + json.dumps(pair) for pair in urls)
    return f'{{\n "version": "{VERSION}",\n "urls": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
