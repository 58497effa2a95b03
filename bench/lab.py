"""The laboratory of the benchmark: runs device programs and counts what they cost.

Counts come from outside the process (callgrind's instructions, strace's system calls) or
from MicroPython's own heap; a device program prints one line of figures.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path

DEVICE = Path(__file__).parent / "device"
ROOT = Path(__file__).parent.parent
FOUR = ("aioctl", "aioschedule", "aiolog", "aiorepl")
APT = {"valgrind": "valgrind", "strace": "strace"}
# How the interpreter waits: poll with a timeout; the others are there to catch a new way.
SLEEPS = "poll,ppoll,select,pselect6,epoll_wait,epoll_pwait,nanosleep,clock_nanosleep"


class Failed(Exception):
    """A device program did not end as it should, or printed no figures."""


class Missing(Exception):
    """A module that a row needs is not there."""


class Interpreter:
    """A MicroPython and the mpy-cross for it."""

    def __init__(self, micropython, mpy_cross):
        for path in (micropython, mpy_cross):
            if not shutil.which(path):
                raise Failed("no %s; `make test` sets both up, or name another (--help)" % path)
        self.path = micropython
        self.mpy_cross = mpy_cross
        code = "import sys; print(sys.maxsize > 2**32, sys.version)"
        answer = subprocess.run([micropython, "-c", code], capture_output=True, text=True)
        if answer.returncode:
            raise Failed("%s: %s" % (micropython, last_line(answer.stderr)))
        wide, self.version = answer.stdout.strip().split(" ", 1)
        self.word = 64 if wide == "True" else 32

    def compile(self, source, target):
        """Cross-compile one module as it is for a board: no asserts, no line numbers."""
        target.parent.mkdir(parents=True, exist_ok=True)
        bits = ["-msmall-int-bits=30"] if self.word == 32 else []
        command = [self.mpy_cross, "-O3", *bits, "-s", source.name, "-o", target, source]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise Failed("%s: %s" % (source.name, last_line(done.stderr)))


class Side:
    """One column of the table: a folder of modules, from source and compiled, and how to run them.

    The bare side has the folder of the device programs themselves.
    """

    def __init__(self, name, source, interpreter, scratch):
        self.name = name
        self.interpreter = interpreter
        self.modules = ("bare",) if name == "bare" else FOUR
        self.source = Path(source)
        self.py = Path(scratch, name, "py")
        self.mpy = Path(scratch, name, "mpy")
        self._figures = {}
        self._lock = threading.Lock()
        self._stage()

    def _stage(self):
        # Copies, so that neither the work tree's other files nor its folders are importable.
        # The optional packages lie beside the four, as on a board's path.
        for base in (self.source, self.source / "lib"):
            pattern = "*.py" if base == self.source else "**/*.py"
            for path in sorted(base.glob(pattern)):
                if path.name in ("boot.py", "main.py"):
                    continue
                place = path.relative_to(base)
                (self.py / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.py / place)
                self.interpreter.compile(path, (self.mpy / place).with_suffix(".mpy"))

    def present(self):
        """The names among the modules that this side has."""
        return [name for name in self.modules if (self.py / (name + ".py")).exists()]

    def require(self, modules):
        """Raise Missing if one of the modules is not there. The bare side needs none."""
        absent = [] if self.name == "bare" else sorted(set(modules) - set(self.present()))
        if absent:
            raise Missing("missing: " + ", ".join(absent))

    def _command(self, program, args, options, heap):
        size = ["-X", "heapsize=" + heap] if heap else []
        kind = "bare" if self.name == "bare" else "modules"
        pairs = ["%s=%d" % item for item in options.items()]
        return [self.interpreter.path, *size, DEVICE / (program + ".py"), kind, *args, *pairs]

    def _environment(self, compiled):
        # A fixed seed, as the interpreter may live in a CPython process whose start would
        # otherwise differ by some 100,000 instructions from run to run.
        modules = self.mpy if compiled else self.py
        return {**os.environ, "MICROPYPATH": "%s:.frozen" % modules, "PYTHONHASHSEED": "0"}

    def attempt(self, program, args=(), heap="", compiled=True, **options):
        """Run a device program; the finished process, whatever its exit code."""
        command = self._command(program, args, options, heap)
        env = self._environment(compiled)
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)

    def run(self, program, args=(), heap="", compiled=True, **options):
        """Run a device program; its figures. The same run is never done twice."""
        key = (program, tuple(args), compiled, tuple(sorted(options.items())))
        with self._lock:
            future = self._figures.get(key)
            first = future is None
            if first:
                future = self._figures[key] = Future()
        if first:
            try:
                done = self.attempt(program, args, heap, compiled, **options)
                future.set_result(figures(program, done))
            except Exception as exc:  # noqa: BLE001 - goes to each row that waits for this run
                future.set_exception(exc)
        return future.result()

    def instructions(self, program, heap="", **options):
        """Instructions of a whole run under callgrind; only differences mean something."""
        with tempfile.NamedTemporaryFile("r") as log:
            valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            command = self._command(program, (), options, heap)
            done = subprocess.run(
                [*valgrind, "--log-file=" + log.name, *command],
                env=self._environment(compiled=True),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                timeout=600,
            )
            count = re.search(r"Collected : (\d+)", log.read())
        if done.returncode or not count:
            raise Failed("%s: %s" % (program, last_line(done.stderr)))
        return int(count.group(1))

    def kilo_each(self, program, less, more, operations, **options):
        """Thousands of instructions of one operation: two runs that differ by `operations`."""
        high = self.instructions(program, **{**options, **more})
        low = self.instructions(program, **{**options, **less})
        return (high - low) / operations / 1000

    def wakeups(self, program, settle, window, **options):
        """Wake-ups in an hour, extrapolated from `window` seconds seen with strace.

        With none in the window, the timeout of the wait in force says when the next comes.
        """
        with tempfile.NamedTemporaryFile("r") as log:
            strace = ["strace", "-f", "-ttt", "-T", "-e", "trace=" + SLEEPS, "-o", log.name]
            process = subprocess.Popen(
                [*strace, *self._command(program, (), options, "")],
                env=self._environment(compiled=True),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                time.sleep(settle + window)
                if process.poll() is not None:
                    raise Failed("%s: %s" % (program, last_line(process.stderr.read())))
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                process.communicate()
            return hourly_wakeups(log.read(), window)


def hourly_wakeups(trace, window):
    """Wake-ups in an hour from strace's lines (-ttt -T), the last `window` seconds of them."""
    calls = re.findall(r"(\d+\.\d+) (\w+)\((.*)\)\s+= (.*)", trace)
    ends = re.findall(r"(\d+\.\d+) \+\+\+ killed", trace)
    if not calls or not ends:
        raise Failed("strace: no system call of %s was seen" % SLEEPS)
    opened = float(ends[-1]) - window
    count = 0
    pending_ms = None
    for start, name, args, result in calls:
        timeout = args.rsplit(",", 1)[-1].strip()
        if name == "poll" and timeout == "0":
            continue  # a look at the streams in passing: the loop was awake anyway
        if result.startswith("?"):
            pending_ms = int(timeout) if name == "poll" else None
            continue
        took = re.search(r"<([\d.]+)>$", result)
        if float(start) + float(took.group(1) if took else 0) >= opened:
            count += 1
    if count:
        return count * 3600 / window
    if pending_ms is None:
        raise Failed("strace: the end of the wait in force is not known")
    return 0 if pending_ms < 0 or pending_ms >= 3600000 else 3600000 / pending_ms


def figures(program, done):
    """The figures that a finished device program printed."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("@bench ")]
    if done.returncode or not lines:
        raise Failed("%s: %s" % (program, last_line(done.stderr or done.stdout)))
    return json.loads(lines[-1][len("@bench ") :])


def last_line(text):
    """The last line that says something, usually the error of a traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no output"
