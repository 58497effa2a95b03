"""What `aioschedule` shows to people."""

import aioschedule
from aiocontrol import schedules, wall

from . import _dt, tmdelta_fmt


def info(name):
    """Return the schedule of a task as a dict that json.dumps takes, or None."""
    found = schedules(name)
    return facts(found[0]) if found else None


def facts(s):
    """Return what there is to know of a `Schedule` as a dict that json.dumps takes."""
    sched = s.sched or aioschedule.scheduler
    at = aioschedule.next_due(s)
    return {
        "pending": s.pending and not s.over,
        "over": bool(s.over),  # its window has ended, or it was over before it began
        "paused": s.holders > 0 or sched.__dict__.get("paused", False),
        "unset": bool(s.unset),  # held since the wall clock is not set
        "on": s.on,
        "next": at,
        "in": None if at is None else at - sched.clock.wall(),
        "last": wall(s.last, sched.clock),
        "repeat": s.period / 1000,
        "runs": s.runs,
        "skipped": s.skipped,
        "coalesced": s.coalesced,
        "missed": s.missed,
        "retried": s.retried,
        "when": ", ".join("%s=%s" % i for i in sorted(s.when.items())),
    }


def format(s, debug=False):
    """Return the schedule lines of `status` for a dict of `info`, or ""."""
    text = ""
    if s["over"]:
        text = "    ┗━► schedule: is over, starts no more\n"
    elif s["pending"]:
        text = "    ┗━► schedule: "
        if s["last"] is None:
            text += "starts "
        else:
            text += "last @ %s --> next " % _dt(s["last"])
        at = s["next"]
        if s["paused"]:
            text += "after resume(), it is paused\n"
        elif s["on"]:
            text += "on %s\n" % s["on"]
        elif s["unset"]:
            text += "once the clock is set\n"
        elif at is None:
            text += "with schedule_loop, which is not running\n"
        else:
            text += "in %s @ %s\n" % (tmdelta_fmt(s["in"]), _dt(at))
    if debug:
        text += "    ┗━► schedule opts: %s\n" % s["when"]
    return text


def status_sc(name=None, debug=False):
    """Print the schedule of a task, or of all."""
    for n in (name,) if name else sorted({s.name for s in schedules()}):
        s = info(n)
        if s:
            if not name:
                print(n + ":")
            print(format(s, debug), end="")
        elif debug:
            print("    ┗━► schedule: Task %s not found in schedule group" % n)


def status_sc_all():
    """Print all schedules."""
    status_sc()
