"""What `aioschedule` shows to people, and its rarely used verbs."""

import aioctl
import aioschedule
from aiocontrol import settle, wall

from . import _dt, tmdelta_fmt


def next_due(name):
    """Return the next start, epoch seconds; None if there is none or schedule_loop is off."""
    s = aioschedule.group().get(name)
    if not s or not s.due:
        return None
    if s.wall is not None:
        return s.wall
    c = aioctl.clock
    if s.due[0] is None:
        return None
    now = c.now()
    ws, wms = c.wall_ms()
    return ws + s.due[0] - now + (wms + s.due[1] - c.ms) // 1000


def unschedule(name):
    """Forget the schedule of a task; a run that goes on is let go on. False if it has none."""
    if not aioschedule.drop(name):
        print("Task %s not found in %s" % (name, sorted(aioschedule.group())))
        return False
    g = aioctl.group()
    rec = g and g.tasks.get(name)
    if rec and rec.state == "scheduled":
        settle(rec)
    return True


def set_group(schedules):
    """Replace all schedules by {name: {start_in=, repeat=}}, or by what `group` returned."""
    new = [(n, getattr(w, "when", w)) for n, w in schedules.items()]
    for n, w in new:
        aioschedule.Schedule(n, w)  # refuses what is wrong before anything changes
    reset()
    for n, w in new:
        aioschedule.schedule(n, **w)


def set_log(log):
    """Set the logger of the loop."""
    aioschedule.scheduler.alog = log


def reset(group=True, log=False):
    """Forget all schedules; with log=True the logger as well."""
    if group:
        for n in list(aioschedule.group()):
            unschedule(n)
    if log:
        set_log(None)


def info(name):
    """Return the schedule of a task as a dict that json.dumps takes, or None."""
    s = aioschedule.group().get(name)
    return s and {
        "pending": s.due is not None,
        "next": next_due(name),
        "last": wall(s.last),
        "repeat": s.period / 1000,
        "skipped": s.skipped,
        "when": ", ".join("%s=%s" % i for i in sorted(s.when.items())),
    }


def format(s, debug=False):
    """Return the schedule lines of `status` for a dict of `info`, or ""."""
    text = ""
    if s["pending"]:
        text = "    ┗━► schedule: "
        if s["last"] is None:
            text += "starts "
        else:
            text += "last @ %s --> next " % _dt(s["last"])
        at = s["next"]
        if at is None:
            text += "with schedule_loop, which is not running\n"
        else:
            text += "in %s @ %s\n" % (tmdelta_fmt(at - aioctl.clock.wall()), _dt(at))
    if debug:
        text += "    ┗━► schedule opts: %s\n" % s["when"]
    return text


def status_sc(name=None, debug=False):
    """Print the schedule of a task, or of all."""
    for n in (name,) if name else sorted(aioschedule.group()):
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
