"""Collects the device tests, which run on MicroPython; pytest only starts them and reports.

- `tests/device/test_*.py`: each top-level `def test_x()` or `async def test_x()` is one item,
  run in a process of its own, after the module's `setup()` if it has one. It may use the
  folder named by `os.getenv("TEST_TMP")`, which is empty before and gone afterwards.
- `tests/device/x.py` or `tests/compat/x.py` beside an `x.exp`: run; what it writes must equal
  the `.exp`, trailing blanks included.
- Top-level `HEAP = "2M"` and `TIMEOUT = 120` (seconds) in a file replace the defaults.

MICROPYTHON names another interpreter than the one in `.venv`. With `--board` they run on an
emulated Raspberry Pi Pico (tests/board/suite.py), each after a reset of the interpreter, and
`tests/board` is collected instead of `tests/host`.
"""

import ast
import difflib
import linecache
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEVICE = ROOT / "tests" / "device"
COMPAT = ROOT / "tests" / "compat"

HEAP = "200wK"  # "w": times the words per object, so 400 KB on a 64-bit build
TIMEOUT = 60
OUTPUT_LIMIT = 1_000_000  # bytes; a test that writes more than this runs away
_PASSED = 81  # exit code of a test that returned; 0 would also be a stray sys.exit()
# A shell that starts this in the background lets it ignore Ctrl-C, and so would all programs that
# the tests start, and send one.
signal.signal(signal.SIGINT, signal.default_int_handler)

_BOARD = pytest.StashKey()  # in config.stash: what runs the device tests instead of a process


def interpreter():
    """Path of the MicroPython to test with; pytest.UsageError if there is none."""
    asked = os.environ.get("MICROPYTHON")
    path = shutil.which(asked or str(ROOT / ".venv" / "bin" / "micropython"))
    if path is None:
        raise pytest.UsageError(
            f"no MicroPython at {asked or '.venv/bin/micropython'}: "
            "run `make test`, or set MICROPYTHON to a binary"
        )
    return os.path.abspath(path)


def device_environment(tmp):
    """The environment of a device process: the same wherever the tests run."""
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "MICROPYINSPECT")}
    env["MICROPYPATH"] = f"{ROOT}:{ROOT / 'lib'}:{DEVICE}:.frozen"
    env["TEST_TMP"] = tmp
    env["TZ"] = "UTC"
    return env


def run_device(arguments, heap, timeout):
    """Run MicroPython; returns its exit code, its output, and what cut it short or None."""
    with tempfile.TemporaryDirectory() as tmp:
        process = subprocess.Popen(
            [interpreter(), "-X", f"heapsize={heap}", *arguments],
            cwd=ROOT,
            env=device_environment(tmp),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, cut = _read(process, timeout)
        finally:
            _kill_group(process)
            process.stdout.close()
    return process.returncode, output.decode("utf-8", "backslashreplace"), cut


def _read(process, timeout):
    deadline = time.monotonic() + timeout
    output = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            return output, f"did not end within {timeout} s"
        chunk = os.read(process.stdout.fileno(), 65536)
        if not chunk:
            break
        output += chunk
        if len(output) > OUTPUT_LIMIT:
            return output[-10_000:], f"wrote more than {OUTPUT_LIMIT} bytes; the last of them"
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return output, f"did not end within {timeout} s"
    return output, None


def _kill_group(process):
    # The group outlives its leader when a test left children behind.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
        pass
    process.wait()


def _exception(output):
    # The last line of a traceback; for a bare assert the line of source.
    last = output.rstrip().rsplit("\n", 1)[-1]
    places = re.findall(r'File "([^"]+)", line (\d+)', output)
    if last != "AssertionError:" or not places:
        return last or _ending(1)
    path, line = places[-1]
    return linecache.getline(str(ROOT / path), int(line)).strip() or last


def _ending(code):
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class DeviceFailure(Exception):
    """A device test failed; the message is all that the report shows."""


class DeviceItem(pytest.Item):
    """One run of MicroPython."""

    def __init__(self, *, heap, timeout, line=0, **kw):
        super().__init__(**kw)
        self.heap = heap
        self.timeout = timeout
        self.line = line

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, DeviceFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.line, self.name

    def run_on_board(self, script):
        """Run it on the emulated board; returns what it wrote."""
        board = self.config.stash[_BOARD]
        output, error = board.run(script, self.timeout)
        if error is not None:
            self.fail(_exception(output) if error == "" else error, output)
        return output

    def fail(self, why, output):
        where = f"{self.path.relative_to(ROOT)}:{self.line + 1}"
        text = output.replace(f"{ROOT}/", "")  # tracebacks as a reader can click them
        # The first line is also what the summary of the session shows.
        raise DeviceFailure(f"{why}\n{where}: output:\n{text or '(none)'}")


class FunctionItem(DeviceItem):
    """One test function, called by MicroPython."""

    def __init__(self, *, script, **kw):
        super().__init__(**kw)
        self.script = script

    def runtest(self):
        if _BOARD in self.config.stash:
            self.run_on_board(self.script)
            return
        script = f"{self.script}\nsys.exit({_PASSED})"
        code, output, cut = run_device(["-c", script], self.heap, self.timeout)
        if cut:
            self.fail(cut, output)
        if code == 0:
            self.fail("the process ended before the test returned (exit code 0)", output)
        if code != _PASSED:
            self.fail(_exception(output) if code == 1 else _ending(code), output)


class ProgramItem(DeviceItem):
    """A program whose output must equal the file beside it."""

    def runtest(self):
        if _BOARD in self.config.stash:
            code, output, cut = 0, self.run_on_board(self.path.read_text()), None
        else:
            code, output, cut = run_device([str(self.path)], self.heap, self.timeout)
        expected_path = self.path.with_suffix(".exp")
        expected = expected_path.read_bytes().decode("utf-8", "backslashreplace")
        if cut:
            self.fail(cut, output)
        if output != expected:
            names = (str(expected_path.relative_to(ROOT)), "output")
            lines = difflib.unified_diff(_visible(expected), _visible(output), *names, lineterm="")
            self.fail(f"the output differs ({_ending(code)})", "\n".join(lines))
        if code:
            self.fail(_ending(code), output)


def _visible(text):
    # Lines in which trailing blanks, control characters and a missing last newline show.
    lines = text.split("\n")
    last = lines.pop()
    marked = []
    for line in lines:
        bare = line.rstrip(" ")
        blanks = "\u2420" * (len(line) - len(bare))
        marked.append("".join(c if c.isprintable() else repr(c)[1:-1] for c in bare) + blanks)
    if last:
        marked.append(repr(last)[1:-1] + "  [no newline at the end]")
    return marked


def _script(module, functions):
    # Source that runs these functions of a module on MicroPython. asyncio.run() returns None
    # early when the loop finds nothing left that could ever wake the test.
    lines = [
        "import asyncio, sys",
        f"import {module} as _module",
        "async def _whole(test):",
        "    await test()",
        "    return True",
    ]
    for function in functions:
        name = f"_module.{function.name}"
        if isinstance(function, ast.AsyncFunctionDef):
            lines.append(f"if not asyncio.run(_whole({name})):")
            lines.append(f"    print('{function.name}: the loop ended before it: a deadlock')")
            lines.append("    sys.exit(1)")
        else:
            lines.append(f"{name}()")
    return "\n".join(lines)


class DeviceFile(pytest.File):
    """A file of test functions, or a program with an `.exp`."""

    def collect(self):
        name = self.path.name
        try:
            tree = ast.parse(self.path.read_bytes(), name)
        except (SyntaxError, ValueError) as e:
            raise self.CollectError(f"{self.path.relative_to(ROOT)}: {e}") from None
        limits = self._limits(tree)
        if self.path.with_suffix(".exp").exists():
            yield ProgramItem.from_parent(self, name=self.path.stem, **limits)
        else:
            yield from self._functions(tree, limits)

    def _functions(self, tree, limits):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        functions = [n for n in tree.body if isinstance(n, kinds)]
        tests = [f for f in functions if f.name.startswith("test_")]
        setup = next((f for f in functions if f.name == "setup"), None)
        if not tests:
            raise self.CollectError(f"{self.path.relative_to(ROOT)}: no test_ function in it")
        seen = set()
        for test in tests:
            if test.name in seen:
                raise self.CollectError(f"{self._at(test)} defined twice")
            seen.add(test.name)
            a = test.args
            if a.posonlyargs or a.args or a.vararg or a.kwonlyargs or a.kwarg:
                raise self.CollectError(f"{self._at(test)} takes arguments; a test takes none")
            yield FunctionItem.from_parent(
                self,
                name=test.name,
                script=_script(self.path.stem, [f for f in (setup, test) if f]),
                line=test.lineno - 1,
                **limits,
            )

    def _at(self, function):
        return f"{self.path.relative_to(ROOT)}:{function.lineno}: {function.name}"

    def _limits(self, tree):
        limits = {"heap": HEAP, "timeout": TIMEOUT}
        for node in tree.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            key = node.targets[0].id
            if key in ("HEAP", "TIMEOUT"):
                limits[key.lower()] = ast.literal_eval(node.value)
        return limits


class OrphanFile(pytest.File):
    """An `.exp` without its program: an error, or a rename would drop a test in silence."""

    def collect(self):
        raise self.CollectError(f"{self.path.relative_to(ROOT)}: no {self.path.stem}.py beside it")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    """Called by pytest for each file below the test paths."""
    found = yield
    if file_path.parent not in (DEVICE, COMPAT):
        return found
    # Named on the command line, any file would be imported as a test of CPython as well.
    collector = _device_collector(file_path, parent)
    return [collector] if collector else []


def _device_collector(file_path, parent):
    if file_path.suffix == ".exp":
        if not file_path.with_suffix(".py").exists():
            return OrphanFile.from_parent(parent, path=file_path)
        return None
    if file_path.suffix != ".py":
        return None
    is_test = file_path.parent == DEVICE and file_path.name.startswith("test_")
    if is_test or file_path.with_suffix(".exp").exists():
        return DeviceFile.from_parent(parent, path=file_path)
    return None


def pytest_addoption(parser):
    """Where the device tests run."""
    parser.addoption(
        "--board",
        action="store_true",
        help="run tests/board, and the device tests on an emulated RP2040",
    )


def pytest_ignore_collect(collection_path, config):
    """Without the board no board tests, with it nothing that needs none; None: as pytest would."""
    other = "host" if config.getoption("board") else "board"
    return True if collection_path == ROOT / "tests" / other else None


def pytest_configure(config):
    """A missing interpreter ends the session: nothing here is ever skipped."""
    if config.getoption("board"):
        sys.path.insert(0, str(ROOT / "tests" / "board"))
        from suite import Suite, missing

        if missing():
            raise pytest.UsageError(missing())
        config.stash[_BOARD] = Suite()
    else:
        interpreter()


def pytest_unconfigure(config):
    """Switch the board off."""
    if _BOARD in config.stash:
        config.stash[_BOARD].close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """On the board, leave out what only the unix port can show."""
    if _BOARD not in config.stash:
        return
    chosen, left = config.stash[_BOARD].select(items)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = chosen


def pytest_report_header(config):
    """Name the interpreter under test."""
    if _BOARD in config.stash:
        return "device: MicroPython on an emulated RP2040"
    script = "import sys; print(sys.version, sys.maxsize > 2**31 and '64-bit' or '32-bit')"
    found = subprocess.run([interpreter(), "-c", script], capture_output=True, text=True)
    return f"device: {interpreter()}: {(found.stdout or found.stderr).strip()}"
