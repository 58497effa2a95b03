"""What happens when a task is due while it still runs: queued, replaced, or run beside."""

from micropython import const

import aioctl
import aioschedule

from .listen import ends, hear_ends
from .verbs import suspended
from .when import count

_MOST = const(255)  # starts that may wait in a queue
# Of the record, what its instances beside it have as well.
_WORDS = (
    "coro",
    "name",
    "kwargs",
    "args",
    "_id",
    "on_stop",
    "on_error",
    "timeout",
    "watchdog",
    "shutdown",
    "on_giveup",
    "shield",
)


def words(s, when):
    """Set what overlap, retries and retry_in say; TypeError, ValueError if it makes no sense."""
    o = when.get("overlap", "skip")
    if o not in ("skip", "queue", "replace"):
        o = count("overlap", o)
    retries = count("retries", when.get("retries", 0), 0)
    if "retry_in" in when and not retries:
        raise ValueError("retry_in: goes with retries, got none")
    if retries:
        if isinstance(o, int):
            raise ValueError("retries: goes with one run at a time, got overlap=%d as well" % o)
        s.retries = retries
        s.retry_in = aioschedule.seconds_ms("retry_in", when.get("retry_in", 1), 0, 6 * 86400)
    if o != "skip":
        s.overlap = o


def begin(sched, s, n):
    """Start the task of `s` `n` times as its `overlap` says."""
    rec = sched.record(s.name)
    if rec and s.retries and not hasattr(rec.coro, "send"):  # a coroutine runs once
        _retry(sched, s, rec)
    ran = rec and rec.live()
    if not ran:
        sched.launch(s)
        n -= 1
    if not rec or not n:
        return
    if ran and (s.overlap == "skip" or hasattr(rec.coro, "send")):  # a coroutine runs once
        s.skipped += n
        sched.say("skipped", s, rec)
    elif s.overlap == "replace":
        s.coalesced += n - 1
        if not ran:  # of several that were due the last one runs
            s.coalesced += 1
        elif rec._asked is not None:  # it is about to, once its run has let itself be stopped
            s.skipped += 1
            sched.say("skipped", s, rec)
        else:
            aioctl.restart(s.name)
            if rec._again is None:  # it can't stop itself
                s.skipped += 1
                sched.say("skipped", s, rec)
            else:
                _count(sched, s, rec)
    elif isinstance(s.overlap, int):
        _beside(sched, s, rec, n)
    else:
        if not s.owed:
            hear_ends(_Owed(sched, s, rec))
        spare = max(0, s.owed + n - _MOST)
        s.owed += n - spare
        if spare:
            s.skipped += spare
            sched.say("skipped", s, rec)


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
        if self.sched.table.get(s.name) not in (s, None) or _gone(self):
            s.owed = 0
        elif rec is not self.rec or rec._again is not None and rec._again >= 0:
            return False  # not this one, or it is tried again first
        elif rec._asked is not None or rec.state == "stopped":
            s.owed = 0
        elif suspended(s) or not s.within(self.sched.clock.wall()):
            s.skipped += s.owed
            s.owed = 0
        elif s.owed:
            s.owed -= 1
            rec._again = 0
            _count(self.sched, s, rec)
        return not s.owed


def _gone(self):
    # Its task was deleted or added anew.
    return self.sched.record(self.s.name) is not self.rec


def _retry(sched, s, rec):
    # Once a task: its hearing goes before the others', which ask whether it tries again.
    for f in ends:
        if isinstance(f, _Tries) and f.s is s and f.rec is rec:
            return
    hear_ends(_Tries(sched, s, rec), first=True)


class _Tries:
    # Makes a run that failed again, `retries` times in a row; then it is left to the next due
    # time, not to the watcher.

    def __init__(self, sched, s, rec):
        self.sched = sched
        self.s = s
        self.rec = rec
        self.left = s.retries

    def __call__(self, rec):
        """Hear of an end; True once the schedule is no longer that of the task."""
        s = self.s
        if self.sched.table.get(s.name) is not s or _gone(self):
            return True
        if rec is not self.rec:
            return False
        # Who was told to stop is not made to run again, even by an error of its cleaning up.
        over = rec._again is not None or rec._asked is not None
        if over or rec.state not in ("error", "timeout"):
            self.left = s.retries
        elif self.left and not suspended(s):
            self.left -= 1
            s.retried += 1
            rec._again = s.retry_in
        else:
            self.left = s.retries
            rec._again = -1
        return False


def _beside(sched, s, rec, n):
    # More instances of a task, up to s.overlap; each is listed while it runs.
    g = aioctl.group()
    live = 1 + sum(1 for r in g.order if r.__dict__.get("_of") is rec and r.live())
    spare = n - max(0, s.overlap - live)
    if spare > 0:
        s.skipped += spare
        n -= spare
        sched.say("skipped", s, rec)
    for _ in range(n):
        more = type(rec)()
        for word in _WORDS:
            if word in rec.__dict__:
                setattr(more, word, rec.__dict__[word])
        more.restart = "no"
        more._of = rec  # pyright: ignore[reportAttributeAccessIssue]
        more._c = None
        more.launch()
        try:
            hear_ends(_Beside(more))
            g.add_task(more)
        except MemoryError:
            more.hold()
            raise
        _count(sched, s, more)


class _Beside:
    # Takes an instance off the list at its end.

    def __init__(self, rec):
        self.rec = rec

    def __call__(self, rec):
        if rec is not self.rec:
            return not self.rec.live()  # it never began
        g = aioctl.group()
        if g and g.tasks.get(rec.name) is rec:
            g.remove(rec.name)  # pyright: ignore[reportCallIssue]
        return True
