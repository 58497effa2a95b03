"""Plans that outlive a reset or a deep sleep: what is due next, in a store.

Source: systemd.timer, Persistent=; APScheduler, user guide, "Choosing the right job store".
"""

import aioschedule

from . import fault
from .listen import listen, unlisten
from .when import SET, Rich

_KEY = "schedule/"  # before the name of the task: other things may lie in the same store
_EVENTS = ("added", "started", "missed", "skipped", "removed")


def set_store(store=None, sched=None):
    """Keep in `store` what is due next, and go on with it when the same schedule is made again.

    store: an object with load() -> {key: record}, put(key, record) and delete(key), or None. A
    record is a dict that json.dumps takes. To be called before the schedules are made. A store
    that fails is reported, and does no other harm, but load() may raise here.
    """
    sched = sched or aioschedule.scheduler
    keeper = None
    if store is not None:
        for word in ("load", "put", "delete"):
            if not hasattr(store, word):
                want = "an object with load, put and delete, or None"
                raise TypeError("store: expected %s, got %r" % (want, store))
        keeper = _Keeper(sched, store)
    for callback, _ in sched.heard.entries if sched.heard else ():
        if isinstance(callback, _Keeper):
            unlisten(callback, sched)
    if keeper:
        listen(keeper, _EVENTS, sched)


class _Keeper:
    # Hears of all that changes when a task is due next.

    def __init__(self, sched, store):
        self.sched = sched
        self.store = store
        # Of an earlier life of the program; each is taken once.
        self.found = {k: v for k, v in store.load().items() if k.startswith(_KEY)}

    def __call__(self, event, name, s, rec):
        try:
            if event == "removed":
                self.store.delete(_KEY + name)
                return
            if event == "added":
                found = self.found.pop(_KEY + name, None)
                if found and found["when"] == _words(s):
                    _restore(self.sched, s, found)
            if self.sched.clock.wall() < SET:
                return  # it would be wrong, and what is there may be right
            self.store.put(_KEY + name, _record(self.sched, s))
        except Exception as e:  # noqa: BLE001 - a guard: reports
            fault(self.sched, s, "store failed: ", e)


def _words(s):
    return ", ".join("%s=%r" % i for i in sorted(s.when.items()))


def _record(sched, s):
    # What there is to know of it after a reset.
    now = sched.clock.wall()
    at = None
    if s.pending and s._t:
        from .verbs import _left

        # In ms of the second `at`, so that the phase of an interval stays.
        ms = 0
        at = s.wall
        if at is None:
            ms = sched.clock.wall_ms + _left(sched, s) - s._late
            at = now + ms // 1000
        at = [at, ms % 1000]
    last = None if s.last is None else now - sched.clock.now() + s.last
    return {
        "when": _words(s),
        "next": at,
        "last": last,
        "runs": s.runs,
        "left": s.left,
        "over": not s.pending,
    }


def _restore(sched, s, found):
    # Go on where the record ends. What is due once, after the start of the loop, begins anew.
    if not s.period and not s.calendar and s.on is None:
        return
    s.runs = found["runs"]
    now = sched.clock.wall()
    if found["last"] is not None:
        s.last = found["last"] - now + sched.clock.now()
    if found["left"] is not None:
        s.left = found["left"]
    if found["over"]:
        s.pending = False
        sched.withdraw(s)
    elif found["next"]:
        at, ms = found["next"]
        if s.trigger:
            s.unset = now < SET
            s.wall = at
            _due(sched, s, s.wait(sched))
        elif s.period and now >= SET and (found["runs"] or not s.calendar):
            ms += (at - now) * 1000 - sched.clock.wall_ms
            if ms > s.period:
                return  # the clock went back
            if isinstance(s, Rich):
                s.wall = None  # one that began at wall time goes on by the clock
                s.delay = ms
                ms = s.wait(sched)
            _due(sched, s, ms)


def _due(sched, s, ms):
    # It is due in `ms`, or that many ms overdue.
    sched.withdraw(s)
    if ms is not None:
        sched.put(s, ms + sched.since())
        sched.wake()
