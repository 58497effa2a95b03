"""What a person sees: tables, durations, sizes. Colours where the output is a terminal."""

import json
import sys

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {  # of the states, as `aioctl.status()` colours them
    "running": "bold green",
    "scheduled": "cyan",
    "suspended": "cyan",
    "stopped": "bold yellow",
    "backoff": "bold yellow",
    "error": "bold red",
    "timeout": "bold red",
    "gave-up": "bold red",
}
WIDE = 10_000  # columns, where no terminal sets a limit


def console(stderr=False):
    """A console that prints text as it is."""
    file = sys.stderr if stderr else sys.stdout
    width = None if file.isatty() else WIDE
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def say(text):
    """One line on stderr, besides the result."""
    console(True).print(Text(text), soft_wrap=True)


def dump(value):
    """Print JSON."""
    print(json.dumps(value, indent=1, ensure_ascii=False))


def dump_line(value):
    """Print JSON in a line of its own, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def duration(s):
    """Seconds as `aioctl.status()` writes them: `5 s`, `00:01:05`, `2 days, 00:00:00`."""
    s = int(s)
    if s < 0:
        return "the past by " + duration(-s)
    if s < 60:
        return f"{s} s"
    days, s = divmod(s, 86400)
    text = f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}"
    return f"{days} days, {text}" if days else text


def size(n):
    """Bytes for a person."""
    return f"{n} B" if n < 10_000 else f"{n / 1024:.1f} KiB"


def show(renderable):
    """Print a table; in a file or a pipe without the blanks at the end of its lines."""
    c = console()
    if c.is_terminal:
        return c.print(renderable)
    with c.capture() as lines:
        c.print(renderable)
    for line in lines.get().splitlines():
        print(line.rstrip())


def table(*columns):
    """A table without lines, its numbers on the right: those whose name begins with `>`."""
    t = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else None, pad_edge=False)
    for name in columns:
        right = name.startswith(">")
        t.add_column(name.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return t


def state_of(i):
    """The state of a task as coloured text."""
    word = i["state"]
    if i.get("stuck"):
        return Text("stuck", STYLES["error"])
    if i.get("stopping") is not None:
        return Text("stopping", STYLES["stopped"])
    return Text(word, STYLES.get(word, ""))


def when_of(i):
    """How long it runs, or when it ended or starts again."""
    now = i["now"]
    if i["state"] == "running":
        return "for " + duration(now - i["since"])
    text = ""
    if i["done_at"] is not None:
        text = duration(now - i["done_at"]) + " ago"
    if i["restart_in"] is not None:
        text += ", restart in " + duration(i["restart_in"])
    return text


def next_of(i):
    """When it starts next by its schedule."""
    s = i["schedule"]
    if not s or not s["pending"]:
        return ""
    return "when scheduled" if s["next"] is None else "in " + duration(s["next"] - i["now"])


def result_of(i):
    """The error or the result as text, coloured."""
    if i["error"]:
        kind, colon, text = i["error"].partition(":")
        return Text(kind, STYLES["error"]).append(colon + text, "not bold default")
    return Text("" if i["result"] is None else str(i["result"]))


def tasks(infos):
    """Print the table of tasks."""
    t = table("task", "state", "", ">starts", "next start", "result")
    for i in infos:
        row = Text(i["name"]), state_of(i), when_of(i), str(i["starts"]), next_of(i), result_of(i)
        t.add_row(*row)
    show(t)


def task(i):
    """Print all that is known of one task."""
    t = Table.grid(padding=(0, 2))
    rows = {
        "task": Text(i["name"]),
        "state": state_of(i),
        "": when_of(i),
        "starts": str(i["starts"]),
        "runtime": "" if i["runtime"] is None else duration(i["runtime"]),
        "next start": next_of(i),
        "schedule": i["schedule"]["when"] if i["schedule"] else "",
        "result": result_of(i),
        "args": Text(i["args"] if i["args"] != "()" else ""),
        "kwargs": Text(i["kwargs"] if i["kwargs"] != "{}" else ""),
    }
    for name, value in rows.items():
        if value:
            t.add_row(Text(name, "dim"), value)
    show(t)
    if i["traceback"]:
        console().print(Text(i["traceback"].rstrip()), soft_wrap=True)


def lines(said):
    """Print lines of text as the board wrote them."""
    for line in said:
        console().print(Text(line), soft_wrap=True)


def top(i):
    """Print what `Board.top` found: a table, and what its numbers mean."""
    columns = ["task", "state", ">starts", ">failures", ">up"]
    sampled = i["sampled"] is not None
    if sampled:
        columns += [">share", ">longest step"]
    t = table(*columns)
    for row in i["tasks"]:
        state = state_of({"state": row["state"], "stuck": row["state"] == "stuck"})
        up = "" if row["up"] is None else duration(row["up"])
        cells = [Text(row["name"]), state, str(row["starts"]), str(row["failures"]), up]
        if sampled:
            cells += [per_cent(row["share"]), _longest(row["longest"], i["period"])]
        t.add_row(*cells)
    if sampled:
        for word in ("other", "idle"):
            t.add_row(f"({word})", "", "", "", "", per_cent(i[word]), "")
    show(t)
    notes = ["failures: of the last " + duration(i["failures_for"])]
    if sampled:
        samples = f"{i['samples']} samples, one in {i['period']} ms"
        notes.append(f"share: of {i['sampled'] / 1000:.1f} s, in {samples}")
    if i["blocked"]:
        ms, name = i["blocked"]["ms"], i["blocked"]["task"] or "task unknown"
        notes.append(f"longest block: {ms} ms, {name}")
    lines(notes)


def per_cent(share):
    """A share of the time."""
    return f"{share:.1f} %"


def _longest(ms, period):
    return f"{ms} ms" if ms > period else f"under {2 * period} ms"


def log_line(line):
    """Print a line of the log, coloured by its level."""
    style = ""
    for word, colour in (("[ERROR]", "red"), ("[CRITICAL]", "red"), ("[WARNING]", "yellow")):
        if word in line:
            style = colour
    console().print(Text(line, style), soft_wrap=True)
