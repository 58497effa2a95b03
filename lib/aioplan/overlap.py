"""What happens when a task is due while it still runs: queued, replaced, or run beside."""

import aioctl

from .listen import hear_ends

_MOST = 255  # starts that may wait in a queue


def begin(sched, s, n):
    """Start the task of `s` `n` times as its `overlap` says."""
    rec = sched.record(s.name)
    ran = rec and rec.live()
    if not ran:
        sched.launch(s)
        n -= 1
    if not rec or not n:
        return
    if ran and s.overlap == "skip":
        s.skipped += n
        sched.say("skipped", s, rec)
    elif s.overlap == "replace":
        _count(sched, s, rec)
        aioctl.restart(s.name)
    elif isinstance(s.overlap, int):
        _beside(sched, s, rec, n)
    else:
        if not s.owed:
            hear_ends(_Owed(sched, s, rec))
        spare = max(0, s.owed + n - _MOST)
        s.owed += n - spare
        s.skipped += spare


def _count(sched, s, rec):
    s.last = sched.clock.now()
    s.runs += 1
    sched.say("started", s, rec)


class _Owed:
    # Starts the task again at the end of each run, as often as it is owed.

    def __init__(self, sched, s, rec):
        self.sched = sched
        self.s = s
        self.rec = rec

    def __call__(self, rec):
        """Hear of an end; True if there are no more to wait for."""
        s = self.s
        if rec is not self.rec:
            return False
        if rec.state == "stopped" or self.sched.table.get(s.name) not in (s, None):
            s.owed = 0
        if s.owed:
            s.owed -= 1
            rec._again = True
            _count(self.sched, s, rec)
        return not s.owed


def _beside(sched, s, rec, n):
    # More instances of a task, up to s.overlap; each is listed while it runs.
    g = aioctl.group()
    for _ in range(n):
        live = 1 + sum(1 for r in g.order if getattr(r, "_of", None) is rec and r.live())
        if live >= s.overlap:
            s.skipped += 1
            sched.say("skipped", s, rec)
            continue
        more = aioctl.Taskctl(rec.coro, rec.name, rec.kwargs)
        for word in ("args", "_id", "on_stop", "on_error"):
            if word in rec.__dict__:
                setattr(more, word, rec.__dict__[word])
        more.restart = "no"
        more._of = rec  # pyright: ignore[reportAttributeAccessIssue]
        more._c = None
        g.add_task(more)
        more.launch()
        hear_ends(_Beside(more))
        _count(sched, s, more)


class _Beside:
    # Takes an instance off the list at its end.

    def __init__(self, rec):
        self.rec = rec

    def __call__(self, rec):
        if rec is not self.rec:
            return False
        g = aioctl.group()
        if g and g.tasks.get(rec.name) is rec:
            g.remove(rec.name)
        return True
