"""Schedules: their verbs (`verbs`, `manage`), those beyond an interval (`when`, `overlap`), and
who hears of them (`listen`)."""


def phase(s, ms):
    """Return the ms to the start of `s`; if it is overdue (`ms` < 0) in phase, not far off."""
    return -(-ms % (s.period or 1)) if ms < 0 else ms


def fault(sched, s, what, e):
    """Report the exception of something that was called for the schedule `s`."""
    rec = sched.record(s.name)
    if rec:
        rec.tell(what, e)
    else:
        print("[%s] %s%s: %s" % (s.name, what, type(e).__name__, e))
