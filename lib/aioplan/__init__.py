"""Schedules: their verbs (`verbs`, `manage`), those beyond an interval (`when`, `overlap`), and
who hears of them (`listen`)."""


def phase(s, ms):
    """Return the ms to the start of `s`; if it is overdue (`ms` < 0) in phase, not far off."""
    return -(-ms % (s.period or 1)) if ms < 0 else ms


def settle(sched, s):
    """It has ended: if its task has not begun, and no other will start it, that is stopped."""
    rec = sched.record(s.name)
    if rec and rec.state == "scheduled":
        from aiocontrol import schedules, settle

        if not any(o.pending and not o.over for o in schedules(s.name)):
            settle(rec)


def held(s):
    """Tell whether it was over before it began: then its task is held, and never started."""
    return s.over and s.pending


def note(sched, s):
    """Write down how far it has come, if somebody asked for that (see `keep`)."""
    if sched.wall and sched.wall.keeper:
        sched.wall.keeper.note(s)


def forget(sched, name):
    """Forget what was written down of the schedule of that name."""
    if sched.wall and sched.wall.keeper:
        sched.wall.keeper.forget(name)


def fault(sched, name, what, e):
    """Report the exception of something that was called for the schedule of the task `name`."""
    rec = sched.record(name)
    if rec:
        rec.tell(what, e)
    else:
        print("[%s] %s%s: %s" % (name, what, type(e).__name__, e))
