"""Who hears of what a scheduler does, and of the ends of tasks."""

import aioctl
import aioschedule
from aiosupervisor.report import COROUTINE

EVENTS = ("added", "started", "done", "failed", "missed", "skipped", "removed")
_TEXTS = {
    "started": "starting task",
    "skipped": "start skipped, still running: task",
    "missed": "start missed, too late: task",
}
ends = []  # called with each record whose run has ended; those that return True are forgotten
_hearing = []  # the `_Heard`s that ask for such ends; a new list at each change
_QUIET = (MemoryError, ImportError)  # made now: it takes memory


def hear_ends(callback, first=False):
    """Call callback(record) at the end of each run of a task, until it returns True."""
    ends.insert(0 if first else len(ends), callback)
    aioctl.ended = _ended


def _ended(rec):
    # Takes no memory itself, for there may be none; and they may change the list.
    i = 0
    while i < len(ends):
        f = ends[i]
        try:
            over = f(rec)
        except Exception as e:  # noqa: BLE001 - a guard: reports
            over = False
            _report(rec, e)
        if f in ends:
            i = ends.index(f)
            if over:
                ends.pop(i)
            else:
                i += 1
    if not ends:
        aioctl.ended = None


def _report(rec, e):
    try:
        if rec:
            rec.tell("listener failed: ", e)
        else:
            print("listener failed: %s: %s" % (type(e).__name__, e))
    except _QUIET:  # no room to tell of it, or what tells is not installed
        pass


def set_log(log, sched=None):
    """Set the logger (its `info` is called) that is told of starts, or None."""
    sched = sched or aioschedule.scheduler
    for callback, _ in sched.heard.entries if sched.heard else ():
        if isinstance(callback, _Log):
            unlisten(callback, sched)
    if log:
        listen(_Log(log), tuple(_TEXTS), sched)


class _Log:
    def __init__(self, log):
        self.log = log

    def __call__(self, event, name, s, rec):
        self.log.info("[schedule_loop] %s %s", _TEXTS[event], name)


def listen(callback, mask=EVENTS, sched=None):
    """Call callback(event, name, schedule, record) for these events of a scheduler.

    mask: an event or a tuple of them: "added", "started", "done", "failed", "missed", "skipped",
    "removed". A callback that fails, or is async, is reported, and does no other harm.
    """
    if not callable(callback):
        raise TypeError("callback: expected a function, got %r" % (callback,))
    mask = (mask,) if isinstance(mask, str) else mask
    if not isinstance(mask, (tuple, list)) or not mask or any(e not in EVENTS for e in mask):
        raise ValueError("mask: expected some of %s, got %r" % (EVENTS, mask))
    sched = sched or aioschedule.scheduler
    heard = sched.heard or _Heard(sched)
    heard.entries = heard.entries + [(callback, mask)]
    sched.heard = heard  # pyright: ignore[reportAttributeAccessIssue] - None by default
    hear_again(sched)


def unlisten(callback, sched=None):
    """Call it no more; False if it was not listening."""
    sched = sched or aioschedule.scheduler
    for entry in sched.heard.entries if sched.heard else ():
        if entry[0] == callback:
            heard = sched.heard
            heard.entries = [e for e in heard.entries if e is not entry]
            hear_no_more(sched)
            if heard.entries:
                hear_again(sched)
            else:
                sched.heard = None
            return True
    return False


def hear_again(sched):
    """Let its listeners be told of what others do, as far as they ask for it."""
    global _hearing
    heard = sched.heard
    if heard.asks("done", "failed") and heard not in _hearing:
        _hearing = _hearing + [heard]
        if _run_ended not in ends:
            hear_ends(_run_ended)


def hear_no_more(sched):
    """Forget the scheduler, whose listeners were told of the ends of runs."""
    global _hearing
    _hearing = [h for h in _hearing if h is not sched.heard]


class _Heard:
    # What a scheduler calls.
    def __init__(self, sched):
        self.sched = sched
        self.entries = []  # (callback, events); a new list at each change

    def __call__(self, event, s, rec):
        for callback, mask in self.entries:
            if event in mask:
                try:
                    left = callback(event, s.name, s, rec)
                    if type(left) is COROUTINE:
                        left.close()
                        raise TypeError("callback: expected a plain function, got an async one")
                except Exception as e:  # noqa: BLE001 - a guard: reports
                    _report(rec, e)

    def asks(self, *events):
        """Tell whether one of them is asked for."""
        return any(e in mask for _, mask in self.entries for e in events)


def _run_ended(rec):
    event = "failed"
    if rec.state == "done":
        event = "done"
    elif rec.state not in ("error", "timeout") or rec._again is not None and rec._again >= 0:
        event = None  # it was stopped, or it is tried again first
    first = rec.__dict__.get("_of", rec)  # of an instance beside it
    for heard in _hearing if event else ():
        s = heard.sched.table.get(first.name)
        if s and heard.sched.record(first.name) is first:
            heard(event, s, rec)
    return not _hearing
