"""The verbs of `aioschedule`, of a `Scheduler` and of a `Schedule`; loaded at first use.

What only shows something to people is in `aiostatus.schedule`.
"""

from time import ticks_diff

import aioctl
import aioschedule
from aiocontrol import settle

from .listen import set_log as set_log


def __getattr__(name):
    from aiostatus import schedule

    return getattr(schedule, name)


def of_scheduler(scheduler, name):
    """Return an attribute of a `Scheduler` that is not in aioschedule."""
    raise AttributeError(name)


def of_schedule(s, name):
    """Return an attribute of a `Schedule` that is not in aioschedule."""
    if name == "when":  # as given; True and the like as what they mean
        when = {}
        if s.delay != s.period:
            when["start_in"] = _seconds(s.delay)
        if s.period:
            when["repeat"] = _seconds(s.period)
        return when
    if name in ("wall", "due"):  # it knows no wall time; it is where it should be
        return None
    raise AttributeError(name)


def _seconds(ms):
    return ms / 1000 if ms % 1000 else ms // 1000


def _left(sched, s):
    # The ms until its next start; negative if that is late.
    ms = ticks_diff(s._t.ph_key, sched._key) + s._far * aioschedule.LAP
    return ms - sched._ahead - sched.since()


def next_due(name):
    """Return the next start, epoch seconds; None if there is none or schedule_loop is off."""
    sched = aioschedule.scheduler
    s = sched.table.get(name)
    if not s or not s._t:
        return None
    if s.wall is not None:
        return s.wall
    if sched._s is None:
        return None
    ms = _left(sched, s)
    ws, wms = sched.clock.wall_ms()
    return ws + (wms + ms) // 1000


def put_away(name):
    """Take out the schedule of a task for `put_back`; None if it has no start to come."""
    sched = aioschedule.scheduler
    s = sched.table.get(name)
    if s and s._t and sched._s is not None:
        ms = _left(sched, s) + sched.clock.ms
        s.due = (sched.clock.s + ms // 1000, ms % 1000)
    sched.drop(name)
    return s if s and s.pending else None


def put_back(s):
    """Enter it again as it was planned; due at once if its time has passed since."""
    sched = aioschedule.scheduler
    if s.wall is not None:
        ms = s.wait(sched)
    elif s.due:
        ms = (s.due[0] - sched.clock.now()) * 1000 + s.due[1] - sched.clock.ms
    else:
        ms = s.delay
    sched.enter(s, late(s, ms))


def late(s, ms):
    """Return the ms to its start for one that may be overdue (`ms` < 0): in phase, not far off."""
    return -(-ms % (s.period or 1)) if ms < 0 else ms


def unschedule(name):
    """Forget the schedule of a task; a run that goes on is let go on. False if it has none."""
    if not aioschedule.drop(name):
        print("Task %s not found in %s" % (name, sorted(aioschedule.scheduler.table)))
        return False
    g = aioctl.group()
    rec = g and g.tasks.get(name)
    if rec and rec.state == "scheduled":
        settle(rec)
    return True


def group():
    """Return the schedules, {name: Schedule}."""
    return aioschedule.scheduler.table


def set_group(schedules):
    """Replace all schedules by {name: {start_in=, repeat=}}, or by what `group` returned."""
    new = [(n, getattr(w, "when", w)) for n, w in schedules.items()]
    for n, w in new:
        aioschedule.make(aioschedule.scheduler, n, w)  # refuses what is wrong, changes nothing
    reset()
    for n, w in new:
        aioschedule.schedule(n, **w)


def reset(group=True, log=False):
    """Forget all schedules; with log=True the logger as well."""
    if group:
        for n in list(aioschedule.scheduler.table):
            unschedule(n)
    if log:
        set_log(None)
