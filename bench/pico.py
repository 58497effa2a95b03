"""Measure what the modules cost on an emulated Raspberry Pi Pico: python bench/pico.py --help."""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from lab import DEVICE, FOUR, ROOT, Failed, figures
from rows import number

sys.path.insert(0, str(ROOT / "tools" / "firmware"))

from board import Board, BoardError, compile_modules, missing

KIB = 1024
# (what, its part, at least or at most, bytes); the rest of the figures is for comparison.
GOALS = (
    ("import of the four modules", "all", "<=", 16 * KIB),
    ("import of the four modules", "aioctl", "<=", 8 * KIB),
    ("the same, frozen into the firmware", "all", "<=", 4 * KIB),
    ("a running task", "above a bare one", "<=", 200),
    ("free while the documented example runs", "at rest", ">=", 180 * KIB),
)
EXAMPLE = ROOT / "tests" / "compat" / "seed_example.py"
# The example is a program that does not end; this looks at the heap while it waits.
WATCHED = """
import gc, machine, sys
def look(timer):
    gc.collect()
    print("\\n@free", gc.mem_free())
machine.Timer(period=5000, mode=machine.Timer.ONE_SHOT, callback=look)
import example
"""
FREE = "print('@' + 'free', gc.mem_free())"  # its echo at the prompt is not yet the answer


class Pico:
    """A column as `lab.Side` is one: runs device programs on the emulated board."""

    def __init__(self, name, scratch, firmware="pico"):
        """name: "bare" or "ours", the latter with the modules on the flash unless frozen."""
        self.name = name
        self.board = Board(Path(scratch, name + firmware), firmware, speed=0)
        folder = Path(scratch, "files-" + name + firmware)
        shutil.copytree(DEVICE, folder)
        if name == "ours" and firmware == "pico":
            compile_modules(folder)
        shutil.copy(EXAMPLE, folder / "example.py")
        self.board.start()
        self.board.put(folder)

    def run(self, program, args=(), **options):
        """Run a device program after a reset of the interpreter; its figures."""
        kind = "bare" if self.name == "bare" else "modules"
        words = [kind, *args, *("%s=%d" % item for item in options.items())]
        output = self.board.run(
            "import sys\nsys.argv[:] = %r\nimport %s" % (["", *words], program), 600
        )
        return figures(program, Answer(output))

    def free(self):
        """Bytes free while the example runs: at rest, and after lines typed at its prompt."""
        with self.board.console() as console:
            console.enter_raw()
            console.begin(WATCHED)
            console.expect("@free ")
            found = {"at rest": int(console.expect("\r\n"))}
            for what, line in (("a line typed", ""), ("status() typed", "aioctl.status();")):
                console.send(f"import aioctl, gc;{line}gc.collect();{FREE}\r")
                console.expect("@free ")
                found["after " + what] = int(console.expect("\r\n"))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.board.cut_power()


class Answer:
    """The output of a program as `lab.figures` takes it."""

    def __init__(self, output):
        self.stdout, self.stderr, self.returncode = output, "", 0


def measure():
    """{what: {part: bytes}}."""
    with tempfile.TemporaryDirectory() as scratch:
        with Pico("bare", scratch) as bare, Pico("ours", scratch) as ours:
            with Pico("ours", scratch, "frozen") as frozen:
                return figures_of(bare, ours, frozen)


def figures_of(bare, ours, frozen):
    sides = {"bare": bare, "supervised": ours}
    task = {name: round(side.run("task_ram", n=50)["bytes"]) for name, side in sides.items()}
    return {
        "import of the four modules": imports(ours),
        "the same, frozen into the firmware": imports(frozen),
        "a running task": {**task, "above a bare one": task["supervised"] - task["bare"]},
        "free while the documented example runs": ours.free(),
    }


def imports(side):
    # Alone, a module brings in what it needs; its siblings are not part of that.
    together = side.run("imports", FOUR)
    return {
        "all": sum(together[name] for name in FOUR),
        "aioctl": side.run("imports", FOUR[:1])["aioctl"],
    }


def misses(found, goals=GOALS):
    """The goals that were missed, one sentence each."""
    compare = {"<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b}
    return [
        "%s, %s: %d bytes, expected %s %d" % (what, part, found[what][part], sign, limit)
        for what, part, sign, limit in goals
        if not compare[sign](found[what][part], limit)
    ]


def table(found):
    goals = {(what, part): "%s %s" % (sign, number(limit)) for what, part, sign, limit in GOALS}
    lines = ["%-44s %10s  %s" % ("bytes on an emulated Raspberry Pi Pico", "ours", "goal"), ""]
    for what, parts in found.items():
        lines.append(what)
        for part, value in parts.items():
            goal = goals.get((what, part), "")
            lines.append(("  %-42s %10s  %s" % (part, number(value), goal)).rstrip())
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/pico.py")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    options = parser.parse_args(argv)
    if missing():
        print("bench: %s" % missing(), file=sys.stderr)
        return 2
    try:
        found = measure()
    except (Failed, BoardError) as exc:
        print("bench: %s" % exc, file=sys.stderr)
        return 2
    missed = misses(found)
    print(
        json.dumps({"bytes": found, "missed": missed}, indent=1) if options.json else table(found)
    )
    for sentence in missed:
        print("missed: " + sentence, file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
