"""The rows of the table: what is measured, how, and the goal (see DESIGN.md, last table)."""

import statistics
from dataclasses import dataclass, field

from lab import FOUR

HOUR_S = 3600
DRIFT = "drift of the last, ms"


@dataclass(frozen=True)
class Row:
    """One row: a title with its unit, the parts of a cell, and when the goal is met.

    `measure(side, scale)` returns {part: number}. `goal` is {word size: {part: limit}}.
    Where the goal is not a limit, `goal_text` states it and `met(ours, bare)` judges.
    `phase`: "count" uses a core and may run beside others; "wait" sleeps and is counted;
    "time" mostly sleeps; "alone" needs the machine for itself.
    """

    id: str
    title: str
    measure: object
    goal: dict = field(default_factory=dict)
    goal_text: str = ""
    met: object = None
    modules: tuple = ("aioctl",)
    bare: bool = True
    phase: str = "count"
    tools: tuple = ()

    def goal_for(self, word):
        """The goal as the table shows it: a sentence, or {part: limit}, or None."""
        return self.goal_text or self.goal.get(word)

    def is_met(self, word, ours, bare):
        """True or False; None where there is no goal for this word size."""
        if self.met:
            return self.met(ours, bare)
        limits = self.goal.get(word)
        return all(ours[part] <= limit for part, limit in limits.items()) if limits else None


@dataclass(frozen=True)
class Scale:
    """How much is done: the whole bench, a quick look, or the long run of the heap."""

    quick: bool = False
    full: bool = False

    def __call__(self, usual, quick):
        return quick if self.quick else usual


def number(value):
    """A figure as the table shows it: three digits that count, thousands apart."""
    if value is None:
        return "–"
    if abs(value) >= 100 or value == int(value):
        return "{:,}".format(round(value))
    return "{:.1f}".format(value) if abs(value) >= 10 else "{:.2f}".format(value)


def both(**limits):
    """The same goal for both word sizes."""
    return {32: limits, 64: limits}


# Memory


def import_ram(compiled):
    def measure(side, scale):
        modules = side.present()
        taken = side.run("imports", args=modules, compiled=compiled)
        parts = {"all": sum(taken[name] for name in modules), "aioctl": None}
        if "aioctl" in modules:
            # On its own: what it drags in counts, what its siblings do not.
            parts["aioctl"] = side.run("imports", args=["aioctl"], compiled=compiled)["aioctl"]
        return parts

    return measure


def asyncio_ram(side, scale):
    return {"asyncio": side.run("imports")["asyncio"]}


def smallest_heap(side, scale):
    return {
        ".py": least(lambda kib: imports_in(side, kib, compiled=False)),
        ".mpy": least(lambda kib: imports_in(side, kib, compiled=True)),
    }


def imports_in(side, kib, compiled):
    heap = "%dK" % kib
    done = side.attempt("smallest", args=side.present(), heap=heap, compiled=compiled)
    return done.returncode == 0


def least(works, low=1, high=1024):
    """The least number for which works(number), which holds for all above it."""
    while low < high:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle + 1
    return low


def task_ram(side, scale):
    return {str(n): side.run("task_ram", n=n)["bytes"] for n in (10, 100, 1000)}


def schedule_ram(cron):
    def measure(side, scale):
        taken = side.run("schedule_ram", n=100, cron=cron)
        return {"alone": taken["schedule"], "with its task": taken["held"]}

    return measure


def steady_heap(side, scale):
    n = 100000 if scale.full else scale(10000, 2000)
    grown = side.run("steady", n=n, heap="64M")["bytes"]
    return {"rounds": n, "bytes": grown, "bytes a round": grown / n}


# Idleness


def idle_wakeups(side, scale):
    window = scale(10, 3)
    return {"hour": side.wakeups("idle", settle=2, window=window, seconds=7000)}


def idle_instructions(side, scale):
    # On a busy machine a wait may end a tick early and cost one more turn of the loop: the
    # least of three runs has none of that.
    seconds = scale(4, 2)
    short, long = (
        min(side.instructions("idle", seconds=s) for _ in range(scale(3, 1)))
        for s in (1, 1 + seconds)
    )
    return {"hour": (long - short) / seconds * HOUR_S / 1e6}


def idle_garbage(side, scale):
    seconds = scale(5, 2)
    return {"hour": side.run("idle", seconds=seconds)["bytes"] * HOUR_S / seconds / 1000}


# Time


def lateness(way):
    def measure(side, scale):
        cron = {"cron": 1} if way == "cron" else {}
        runs = []
        lost = 0
        for i in range(scale(3, 1)):
            ways = side.run("lateness", instants=scale(10, 3), tasks=3, run=i, **cron)
            times = ways["tuple" if cron else way]
            runs.append(sorted(t / 1000 for t in times if t is not None))
            lost += times.count(None)
        if not all(runs):
            return {"p50": None, "p99": None, "max": None, "min": None, "lost": lost}
        return {
            # Each run has its own phase of asyncio's clock to the wall clock, and its own luck.
            "p50": statistics.median(percentile(late_ms, 50) for late_ms in runs),
            "p99": statistics.median(percentile(late_ms, 99) for late_ms in runs),
            "max": max(late_ms[-1] for late_ms in runs),
            "min": min(late_ms[0] for late_ms in runs),
            "lost": lost,
        }

    return measure


def percentile(ordered, percent):
    """Nearest rank of a sorted list."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def on_time(ours, bare):
    # asyncio counts whole milliseconds: a start may be early by the part of one.
    if ours["lost"] or ours["min"] is None or ours["min"] < -1:
        return False
    return ours["p99"] <= 1.2 * bare["p99"]


def repeats(task, period_s):
    def measure(side, scale):
        seconds = scale(30, 10)
        times_ms = side.run("repeat", seconds=seconds)[task]
        times_ms = [t for t in times_ms if t < (seconds + period_s / 2) * 1000]
        drift_ms = times_ms[-1] - (len(times_ms) - 1) * period_s * 1000 if times_ms else None
        return {"starts": len(times_ms), DRIFT: drift_ms}

    return measure


def keeps_phase(ours, bare):
    return ours["starts"] == bare["starts"] and abs(ours[DRIFT]) <= abs(bare[DRIFT]) + 2


def restart(side, scale):
    # The loop's own turns are not the price of a restart: they are counted and taken off.
    turn_kilo = side.kilo_each("restart", {"idle": 0}, {"idle": 500}, 500)
    eager_turns = side.run("restart", n=20, count=1, eager=1)["turns"]
    kilo = side.kilo_each("restart", {"n": 20}, {"n": 70}, 50, eager=1)
    return {
        "turns of the loop": side.run("restart", n=20, count=1)["turns"],
        "k instructions": kilo - eager_turns * turn_kilo,
        "ms": side.run("restart", n=20)["ms"],
    }


# Instructions


def add_cost(same):
    def measure(side, scale):
        sizes = (10, 100) if scale.quick else (10, 100, 1000)
        if same and not side.run("features")["records"]:
            # Each add looks at all the names: too slow to fill up, so only the last ones count.
            return {
                str(n): side.kilo_each("add", {"more": 0}, {"more": 10}, 10, n=n, same=1)
                for n in sizes
            }
        none = side.instructions("add", more=0, same=same)
        return {
            str(n): (side.instructions("add", more=n, same=same) - none) / n / 1000 for n in sizes
        }

    return measure


def status_one(side, scale):
    return {"each": side.kilo_each("status", {"calls": 0}, {"calls": 10}, 10, n=100, named=1)}


def status_all(side, scale):
    sizes = scale((100, 200), (100,))
    return {str(n): side.kilo_each("status", {"calls": 0}, {"calls": 1}, 1, n=n) for n in sizes}


def linear_status(ours, bare):
    return ours["100"] <= 8000 and ours.get("200", 0) <= 2.2 * ours["100"]


def scheduler_growth(side, scale):
    cost = {}
    for n in (100, scale(10000, 2000)):
        none = side.instructions("scheduler", n=n, heap="64M")
        for what in ("add", "fire", "remove"):
            many = side.instructions("scheduler", n=n, heap="64M", **{what: n // 2})
            cost[what] = (many - none) / (n // 2) / cost.get(what, 1)
    return cost


def log_write(side, scale):
    kilo = side.kilo_each("log", {"writes": 0}, {"writes": 500}, 500)
    return {"k instructions": kilo, "heap bytes": side.run("log", writes=500)["bytes"]}


def log_cat(side, scale):
    kilo = side.kilo_each("log", {"cats": 0}, {"cats": 5}, 5)
    return {"k instructions": kilo, "heap bytes": side.run("log", cats=5)["bytes"]}


CTL = ("aioctl",)
SCHEDULE = ("aioctl", "aioschedule")
VALGRIND = ("valgrind",)
LATE_GOAL = "p99 1.2 × bare, never early"

ROWS = [
    Row(
        "import-asyncio",
        "import of asyncio itself, bytes (apart from the next rows)",
        asyncio_ram,
        modules=(),
    ),
    Row(
        "import-mpy",
        "import from .mpy, bytes",
        import_ram(compiled=True),
        goal={32: {"all": 16000, "aioctl": 8000}, 64: {"all": 24 * 1024}},
        modules=FOUR,
    ),
    Row(
        "import-py",
        "import from .py, bytes",
        import_ram(compiled=False),
        modules=FOUR,
    ),
    Row(
        "heap",
        "smallest heap that imports them, KiB",
        smallest_heap,
        goal={32: {".py": 40, ".mpy": 24}},
        modules=FOUR,
    ),
    Row(
        "task-ram",
        "RAM of a running task, bytes, of N",
        task_ram,
        goal={
            32: {"10": 280, "100": 280, "1000": 280},
            64: {"10": 560, "100": 560, "1000": 560},
        },
    ),
    Row(
        "schedule-ram",
        "RAM of an idle interval schedule, bytes",
        schedule_ram(cron=0),
        goal={32: {"alone": 160}, 64: {"alone": 320}},
        modules=SCHEDULE,
        bare=False,
    ),
    Row(
        "schedule-ram-cron",
        "RAM of an idle cron schedule, bytes",
        schedule_ram(cron=1),
        goal={32: {"alone": 200}, 64: {"alone": 400}},
        modules=SCHEDULE,
        bare=False,
    ),
    Row(
        "idle-wakeups",
        "wake-ups of an idle hour",
        idle_wakeups,
        goal=both(hour=0),
        modules=SCHEDULE,
        phase="wait",
        tools=("strace",),
    ),
    Row(
        "idle-instructions",
        "instructions of an idle hour, millions",
        idle_instructions,
        goal=both(hour=5),  # one turn of the loop each ten seconds is more than that
        goal_text="0 (under 5)",
        modules=SCHEDULE,
        phase="wait",
        tools=VALGRIND,
    ),
    Row(
        "idle-garbage",
        "heap garbage of an idle hour, kB",
        idle_garbage,
        goal=both(hour=0),
        modules=SCHEDULE,
        phase="wait",
    ),
    *(
        Row(
            "late-" + way,
            "start lateness, " + what + ", ms, median of 3 runs",
            lateness(way),
            goal_text=LATE_GOAL,
            met=on_time,
            modules=SCHEDULE,
            phase="alone",
        )
        for way, what in (
            ("whole", "whole seconds"),
            ("fraction", "fractions"),
            ("tuple", "time tuples"),
            ("cron", "cron"),
            ("late", "tuples set 2.5 s late"),
        )
    ),
    *(
        Row(
            "repeat-" + task,
            "repeat each " + what,
            repeats(task, period_s),
            goal_text="as many as bare, no drift",
            met=keeps_phase,
            modules=SCHEDULE,
            phase="time",
        )
        for task, what, period_s in (("whole", "1 s", 1), ("quarter", "0.25 s", 0.25))
    ),
    Row(
        "restart",
        "crash to restarted first line",
        restart,
        goal=both(**{"turns of the loop": 2, "k instructions": 20}),
        modules=SCHEDULE,
        tools=VALGRIND,
    ),
    Row(
        "add-named",
        "add() with names, k instructions, of N",
        add_cost(same=0),
        goal=both(**{"10": 25, "100": 35, "1000": 50}),
        tools=VALGRIND,
    ),
    Row(
        "add-same",
        "add() of one function, k instructions, of N",
        add_cost(same=1),
        goal=both(**{"10": 25, "100": 35, "1000": 50}),
        tools=VALGRIND,
    ),
    Row(
        "status-one",
        "status(name) of 100, k instructions",
        status_one,
        goal=both(each=80),
        tools=VALGRIND,
    ),
    Row(
        "status-all",
        "status() of N, k instructions",
        status_all,
        goal_text="8,000 for 100, linear",
        met=linear_status,
        tools=VALGRIND,
    ),
    Row(
        "scheduler",
        "scheduler at 10,000 schedules against 100, times the instructions",
        scheduler_growth,
        goal=both(add=2, fire=2, remove=2),
        modules=SCHEDULE,
        bare=False,
        tools=VALGRIND,
    ),
    Row(
        "log-write",
        "log write of 60 bytes",
        log_write,
        goal=both(**{"k instructions": 6, "heap bytes": 0}),
        modules=("aiolog",),
        tools=VALGRIND,
    ),
    Row(
        "log-cat",
        "cat of 2 kB with a pattern",
        log_cat,
        goal=both(**{"k instructions": 600, "heap bytes": 3000}),
        modules=("aiolog",),
        bare=False,
        tools=VALGRIND,
    ),
    Row(
        "steady",
        "heap growth over rounds of life, restart, crash, delete",
        steady_heap,
        goal=both(**{"bytes a round": 0.1}),
        modules=SCHEDULE,
    ),
]
