"""Who hears of what a scheduler does, and of the ends of tasks."""

import aioctl
import aioschedule

EVENTS = ("added", "started", "done", "failed", "missed", "skipped", "removed")
_TEXTS = {
    "started": "starting task",
    "skipped": "start skipped, still running: task",
    "missed": "start missed, too late: task",
}
ends = []  # called with each record whose run has ended; those that return True are forgotten
_listeners = []  # (callback, events, scheduler)


def hear_ends(callback, first=False):
    """Call callback(record) at the end of each run of a task, until it returns True."""
    ends.insert(0 if first else len(ends), callback)
    aioctl.ended = _ended


def _ended(rec):
    for f in ends[:]:
        try:
            over = f(rec)
        except Exception as e:  # noqa: BLE001 - a guard: reports
            over = False
            _report(rec, e)
        if over and f in ends:
            ends.remove(f)
    if not ends:
        aioctl.ended = None


def _report(rec, e):
    try:
        rec.tell("listener failed: ", e)
    except (MemoryError, ImportError):  # no room to tell of it, or what tells is not installed
        pass


def set_log(log, sched=None):
    """Set the logger (its `info` is called) that is told of starts, or None."""
    sched = sched or aioschedule.scheduler
    for entry in _listeners[:]:
        if isinstance(entry[0], _Log) and entry[2] is sched:
            unlisten(entry[0], sched)
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
    mask = (mask,) if isinstance(mask, str) else tuple(mask)
    for event in mask:
        if event not in EVENTS:
            raise ValueError("mask: expected some of %s, got %r" % (EVENTS, event))
    sched = sched or aioschedule.scheduler
    _listeners.append((callback, mask, sched))
    sched.heard = _Heard(sched)  # pyright: ignore[reportAttributeAccessIssue] - None by default
    if "added" in mask or "removed" in mask:
        _watch_table(sched)
    if ("done" in mask or "failed" in mask) and _run_ended not in ends:
        hear_ends(_run_ended)


def unlisten(callback, sched=None):
    """Call it no more; False if it was not listening."""
    sched = sched or aioschedule.scheduler
    for entry in _listeners[:]:
        if entry[0] is callback and entry[2] is sched:
            _listeners.remove(entry)
            if not any(e[2] is sched for e in _listeners):
                sched.heard = None
            return True
    return False


class _Heard:
    # What a scheduler calls.
    def __init__(self, sched):
        self.sched = sched

    def __call__(self, event, s, rec):
        _tell(self.sched, event, s, rec)


def _tell(sched, event, s, rec):
    for callback, mask, of in _listeners[:]:
        if of is sched and event in mask:
            try:
                left = callback(event, s.name, s, rec)
                if hasattr(left, "send"):
                    left.close()
                    raise TypeError("callback: expected a plain function, got an async one")
            except Exception as e:  # noqa: BLE001 - a guard: reports
                if rec:
                    _report(rec, e)
                else:
                    print("listener failed: %s: %s" % (type(e).__name__, e))


def _run_ended(rec):
    event = {"done": "done", "error": "failed", "timeout": "failed"}.get(rec.state)
    if event == "failed" and rec._again is not None and rec._again >= 0:
        event = None  # it is tried again first
    for sched in {entry[2] for entry in _listeners} if event else ():
        first = getattr(rec, "_of", rec)  # of an instance beside it
        s = sched.table.get(first.name)
        if s and sched.record(first.name) is first:
            _tell(sched, event, s, rec)
    return not any("done" in e[1] or "failed" in e[1] for e in _listeners)


def _watch_table(sched):
    # A scheduler says nothing of these itself: few ask, and all would pay.
    if "enter" in sched.__dict__:
        return
    enter, drop = sched.enter, sched.drop

    def entered(s, ms):
        old = enter(s, ms)
        _tell(sched, "added", s, sched.record(s.name))
        return old

    def dropped(name):
        s = drop(name)
        if s:
            _tell(sched, "removed", s, sched.record(name))
        return s

    sched.enter = entered
    sched.drop = dropped
