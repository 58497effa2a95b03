"""Set up `.venv` (and `typings/`) from the locks in `requirements/`.

    python3 tools/bootstrap.py run|test|check|board

Each step includes those that it builds on. Standard library only, Python 3.10 or later. pip comes
from Python itself, and pip finds its index by its own configuration. A step that is set up
already touches no network.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
MICROPYTHON = VENV / "bin" / "micropython"
STEPS = {  # what each consists of
    "run": ("run",),
    "test": ("run", "test"),
    "check": ("run", "test", "check"),
    "board": ("run", "test", "board"),
}
PORTS = ("unix", "esp32", "rp2")
STUBS = ROOT / "tools" / "stubs"
OLDEST = (3, 10)
NEWEST = (3, 14)  # the newest that the wheel of MicroPython is made for
VENV_PACKAGE = "python3-venv"  # Debian and its kin keep ensurepip apart


class SetupError(Exception):
    """What a person has to do, in one sentence."""


def main(arguments):
    """Set up what `arguments` names; returns the exit code."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"usage: bootstrap.py {'|'.join(STEPS)}", file=sys.stderr)
        return 2
    # Two makes at once must not build the same folder. The lock is on this very file, so
    # that nothing has to be created for it and `make clean` cannot remove it.
    with open(__file__, "rb") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        try:
            set_up(arguments[0])
        except SetupError as e:
            print(f"set-up: {e}", file=sys.stderr)
            return 1
    return 0


def set_up(step):
    """Bring `.venv` to `step`; does nothing where the stamps say so."""
    base = find_python()
    if any(stamp_of(name).is_file() and not is_current(name, base) for name in STEPS):
        shutil.rmtree(VENV)  # another Python, a moved folder, or an older lock
    missing = [name for name in STEPS[step] if not is_current(name, base)]
    if missing:
        target = "test-board" if step == "board" else step
        print(f"set-up: what `make {target}` needs ...", flush=True)
        if "run" in missing:
            make_venv(base)
        install_locks(base, missing)
        if "run" in missing:
            find_micropython(base)
        if "check" in missing:
            install_typings(base)
        if "board" in missing:
            build_emulator(base)
    for name in STEPS[step]:  # last: an interrupted set-up starts over
        stamp_of(name).write_text(fingerprint(name, base))


# -- state ---------------------------------------------------------------------------------


def lock_of(step):
    """The lock file of a step."""
    return ROOT / "requirements" / f"{step}.lock"


def stamp_of(step):
    """The file that says what a step was set up from."""
    return VENV / f".stamp-{step}"


def fingerprint(step, base):
    """What a set-up depends on: locks, Python, place (scripts hold absolute paths)."""
    files = [lock_of(step)]
    if step == "check":
        files += [lock_of("typings"), *sorted(STUBS.rglob("*.pyi"))]
    text = b"".join(file.read_bytes() for file in files)
    if step == "board":
        text += repr(CORRECTIONS).encode()
    digest = hashlib.sha256(text).hexdigest()
    wanted = os.environ.get("MICROPYTHON", "") if not base["wheel"] else ""
    return "\n".join([digest, base["version"], str(VENV), wanted, ""])


def is_current(step, base):
    """True if the step is set up, from these very locks."""
    stamp = stamp_of(step)
    return (
        VENV_PYTHON.exists()  # a link that dangles after an upgrade of Python does not
        and stamp.is_file()
        and stamp.read_text() == fingerprint(step, base)
    )


# -- Python --------------------------------------------------------------------------------


def find_python():
    """The Python to build on: this one if it will do, else one on PATH, else a newer one."""
    this = sys.version_info[:2]
    if not OLDEST <= this <= NEWEST:
        for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
            path = shutil.which(f"python3.{minor}")
            # Some version managers put names on PATH that only say "not installed".
            if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
                return {"path": path, "version": f"3.{minor}", "wheel": True}
    version = "%d.%d" % this
    if this < OLDEST:
        raise SetupError(
            "Python %d.%d or later is needed, this is " % OLDEST
            + f"{version}: name one with `make PYTHON=<path> ...`"
        )
    return {"path": sys.executable, "version": version, "wheel": this <= NEWEST}


def make_venv(base):
    """An empty `.venv`. Without pip in it: that takes 3 s and is not needed."""
    command = [base["path"], "-m", "venv", "--clear", "--without-pip", str(VENV)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise SetupError(
            f"`{' '.join(command)}` failed: {(result.stderr or result.stdout).strip()}"
        )


# -- pip -----------------------------------------------------------------------------------


# Nothing that the locks do not name, and nothing that runs code while it is installed.
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--no-warn-script-location")


def install_locks(base, steps):
    """Install what the locks of these steps name: at once, for pip's start takes a second."""
    with tempfile.TemporaryDirectory() as scratch:
        options = []
        for step in steps:
            lock = pathlib.Path(scratch) / f"{step}.lock"
            lock.write_text(entries(lock_of(step), lambda name: name != EMULATOR))
            options += ["-r", str(lock)]
        pip(base, "install", *options, *LOCKED)


def entries(lock, wanted):
    """The text of a lock, reduced to the packages for whose names `wanted` is true."""
    parts = re.split(r"(?m)^(?=[A-Za-z0-9])", lock.read_text())
    return "".join(part for part in parts if wanted(part.split("==")[0]))


def pip(base, *arguments):
    """Run pip on `.venv`; no package brings others with it."""
    env = {k: v for k, v in os.environ.items() if k not in UNWANTED}
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    command = [*find_pip(base), *arguments, "-qq", "--no-deps"]
    if subprocess.run(command, env=env, cwd=ROOT).returncode:
        raise SetupError("pip could not install what the lock names (its message is above)")


# What would send the packages elsewhere than to `.venv`.
UNWANTED = (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_PYTHON",
    "PYTHONHOME",
    "PYTHONPATH",
)


def find_pip(base):
    """The command that runs pip for `.venv`: the wheel in Python's ensurepip, or Debian's."""
    wheel = bundled_pip(base)
    if wheel is None and has_pip_module(base):
        return [base["path"], "-m", "pip", "--python", str(VENV_PYTHON)]
    if wheel is None:
        install_venv_package()
        wheel = bundled_pip(base)
    if wheel is None:
        raise SetupError(f"{base['path']} comes without pip: {advice()}")
    return [str(VENV_PYTHON), str(pathlib.Path(wheel) / "pip")]


# Debian keeps the wheels in a folder of their own.
FIND_WHEEL = """
import glob, importlib.util, os, sysconfig
folders = [sysconfig.get_config_var("WHEEL_PKG_DIR")]
ensurepip = importlib.util.find_spec("ensurepip")
if ensurepip and ensurepip.origin:
    folders.append(os.path.join(os.path.dirname(ensurepip.origin), "_bundled"))
for folder in filter(None, folders):
    print(*glob.glob(os.path.join(glob.escape(folder), "pip-*.whl")), sep="\\n")
"""


def bundled_pip(base):
    """Path of the pip wheel that `base` was delivered with, or None."""
    command = [base["path"], "-I", "-c", FIND_WHEEL]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split("\n")
    return next(filter(None, found), None)


def has_pip_module(base):
    """True if `base` has a pip that can install into another environment (22.3 or later)."""
    command = [base["path"], "-m", "pip", "--python", str(VENV_PYTHON), "--version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def install_venv_package():
    """Install Debian's package of ensurepip; SetupError says how if that is not allowed."""
    if shutil.which("apt-get") is None or root_prefix() is None:
        raise SetupError(f"this Python comes without ensurepip: {advice()}")
    apt_install(VENV_PACKAGE)


def apt_install(*packages):
    """Install packages of Debian; SetupError says how if that is not allowed."""
    if not packages:
        return
    by_hand = f"run `sudo apt-get install {' '.join(packages)}`, then make again"
    prefix = root_prefix()
    if prefix is None:
        raise SetupError(f"packages are missing, and root or sudo is needed: {by_hand}")
    print(f"set-up: installing {' '.join(packages)}", flush=True)
    install = [*prefix, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    # The lists of a fresh container are empty; a machine in use needs no update.
    for command in (install, [*prefix, "apt-get", "update", "-q"], install):
        result = subprocess.run(command, capture_output=True, text=True, env=env)
        if command is install and result.returncode == 0:
            return
    raise SetupError(f"apt-get failed: {result.stderr.strip()}; {by_hand}")


def root_prefix():
    """What to put before a command that needs root: [], sudo, or None if neither will do."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n"]
    return None


def advice():
    """The one command that brings ensurepip."""
    if shutil.which("apt-get"):
        return f"run `sudo apt-get install {VENV_PACKAGE}`, then make again"
    return "install the venv and ensurepip modules of your Python, then make again"


# -- MicroPython ---------------------------------------------------------------------------


def find_micropython(base):
    """Make `.venv/bin/micropython` a link to the user's own where no wheel was installed."""
    if MICROPYTHON.exists():
        return
    asked = os.environ.get("MICROPYTHON")
    path = shutil.which(asked or "micropython")
    if path is None:
        machine = f"{sysconfig.get_platform()}, Python {base['version']}"
        wrong = f" ({asked!r} is not a program)" if asked else ""
        raise SetupError(
            f"there is no ready-made MicroPython for {machine}: install `micropython` (its "
            f"unix port, 1.22 or later) or name it with MICROPYTHON=<path>{wrong}"
        )
    MICROPYTHON.unlink(missing_ok=True)
    MICROPYTHON.symlink_to(os.path.abspath(path))


# -- type stubs ----------------------------------------------------------------------------


def install_typings(base):
    """One folder a port: the stubs of all ports have the same file names."""
    shutil.rmtree(ROOT / "typings", ignore_errors=True)
    for port in PORTS:
        others = [f"micropython-{other}-stubs" for other in PORTS if other != port]
        with tempfile.NamedTemporaryFile("w", suffix=".lock") as part:
            part.write(entries(lock_of("typings"), lambda name: name not in others))  # noqa: B023
            part.flush()
            target = str(ROOT / "typings" / port)
            pip(base, "install", "--target", target, "-r", part.name, *LOCKED)
        correct_typings(ROOT / "typings" / port / "stdlib")


def correct_typings(stdlib):
    """Add what the stubs lack: asyncio.core, and that BytesIO and StringIO are streams."""
    if not stdlib.is_dir():
        return
    shutil.copytree(STUBS, stdlib, dirs_exist_ok=True)
    with open(stdlib / "asyncio" / "__init__.pyi", "a") as asyncio:
        asyncio.write("\nfrom . import core as core\n")
    io = stdlib / "io.pyi"
    streams = re.sub(r"(?m)^class (BytesIO|StringIO):", r"class \1(IOBase_mp):", io.read_text())
    io.write_text(streams)


# -- the emulated board --------------------------------------------------------------------

EMULATOR = "rp2040py"
# Its wheel for Python 3.11 and later is made for any later Python as well, which costs half of
# its speed; the other two lines ask Python objects what to do before each instruction.
LOOP = "src/rp2040py/native/_simulator.pyx"
CORRECTIONS = (
    ("setup.py", "USE_LIMITED_API = (\n", "USE_LIMITED_API = False and (\n"),
    (LOOP, "    pios = rp2040.pio\n", "    pios = tuple(rp2040.pio)\n"),
    (
        LOOP,
        "and not simulator.stopped:",
        "and not ((core.waiting or ticks_since_check & 15 == 0) and simulator.stopped):",
    ),
)


def build_emulator(base):
    """Compile the emulator from its source, with CORRECTIONS."""
    pinned = entries(lock_of("board"), lambda name: name == EMULATOR)
    if not pinned:
        return
    find_compiler(base)
    print("set-up: compiling the emulator, about a minute ...", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        lock = pathlib.Path(scratch) / "emulator.lock"
        lock.write_text(pinned)
        source = ("-r", str(lock), "--require-hashes", "--no-binary", EMULATOR)
        pip(base, "download", *source, "--no-build-isolation", "--dest", scratch)
        archive = next(pathlib.Path(scratch).glob(EMULATOR + "-*.tar.gz"))
        subprocess.run(["tar", "xf", archive, "-C", scratch], check=True)
        folder = archive.with_name(archive.name[: -len(".tar.gz")])
        for name, old, new in CORRECTIONS:
            text = (folder / name).read_text()
            if text.count(old) != 1:
                raise SetupError(f"{folder.name} is not what was expected: no {old!r} in {name}")
            (folder / name).write_text(text.replace(old, new))
        pip(base, "install", "--no-build-isolation", str(folder))
    # Where its compilation fails it installs itself without, and is a hundred times slower.
    check = [VENV_PYTHON, "-c", f"import {EMULATOR}.native._simulator"]
    if subprocess.run(check, capture_output=True).returncode:
        raise SetupError(f"{EMULATOR} could not be compiled: see `pip install -v {EMULATOR}`")


FIND_COMPILER = """
import os, shutil, sysconfig
compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
header = os.path.join(sysconfig.get_path("include"), "Python.h")
print(bool(shutil.which(compiler) and os.path.exists(header)))
"""


def find_compiler(base):
    """Make sure of a C compiler and Python's header files; SetupError if there are none."""
    command = [base["path"], "-I", "-c", FIND_COMPILER]
    if subprocess.run(command, capture_output=True, text=True).stdout.strip() == "True":
        return
    if not shutil.which("apt-get"):
        raise SetupError("a C compiler and Python's header files are needed: install them")
    apt_install("build-essential", "python3-dev")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
