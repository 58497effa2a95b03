"""Plans that outlive a reset or a deep sleep: what has been started, in a store.

Sources: systemd.timer, Persistent=; APScheduler, user guide, "Choosing the right data store".
"""

import aioschedule
from aiosupervisor.report import COROUTINE

from . import fault
from .listen import listen, unlisten
from .verbs import again_in, left_in, pause
from .wall import Wall, ended, limit
from .when import SET

_EVENTS = ("added", "started", "skipped", "missed")
# What makes a plan this one and no other; the rest only says how it is started.
_WORDS = "start_in repeat at cron on trigger start finish count".split()


def set_store(store=None, sched=None, prefix="schedule/"):
    """Keep in `store` what was started, so that a schedule goes on after a reset; None: no more.

    store: an object with load(), which returns {key: record}, put(key, record) and delete(key). A
    record is a dict that json.dumps takes, its key the `prefix` and the name of the task: two
    schedulers with one store take two prefixes. What load() raises is raised here, and nothing
    has changed; a put or delete that fails is reported, and does no other harm.
    """
    sched = sched or aioschedule.scheduler
    keeper = None
    if store is not None:
        if not isinstance(prefix, str):
            raise TypeError("prefix: expected str, got %r" % (prefix,))
        for word in ("load", "put", "delete"):
            if not hasattr(store, word):
                want = "an object with load, put and delete, or None"
                raise TypeError("store: expected %s, got %r" % (want, store))
        keeper = _Keeper(sched, store, prefix)
    if sched.wall and sched.wall.keeper:
        unlisten(sched.wall.keeper, sched)
        sched.wall.keeper = None
    if keeper:
        if not sched.wall:
            sched.wall = Wall(sched)  # pyright: ignore[reportAttributeAccessIssue] - None by default
        listen(keeper, _EVENTS, sched)
        sched.wall.keeper = keeper  # pyright: ignore[reportAttributeAccessIssue] - None by default
        keeper.look()


class _Keeper:
    # Writes down what comes of the schedules, and lets them go on where a record ends.

    def __init__(self, sched, store, prefix):
        self._sched = sched
        self._store = store
        self._prefix = prefix
        records = store.load()
        if not isinstance(records, dict):
            raise TypeError("store: expected load() to return a dict, got %r" % (records,))
        # Of an earlier life of the program; each is taken once.
        n = len(prefix)
        self._found = {k[n:]: r for k, r in records.items() if k.startswith(prefix)}

    def __call__(self, event, name, s, rec):
        """Hear that a schedule was made, or started its task."""
        if event == "added":
            self._meet(s)
        else:
            self.note(s)

    def look(self):
        """The scheduler begins, or the wall clock was set: take up, and write down, all."""
        for s in list(self._sched.table.values()):
            self._meet(s)

    def _meet(self, s):
        if self._sched._s is None:
            return  # time does not count yet
        if s.name in self._found:
            try:
                if _take(self._sched, s, self._found[s.name]):
                    self._found.pop(s.name)
            except MemoryError:
                raise  # it is tried again at the next look
            except Exception as e:  # noqa: BLE001 - a guard: reports
                self._found.pop(s.name)
                fault(self._sched, s.name, "record of its schedule not taken: ", e)
        self.note(s)

    def note(self, s):
        """Write down how far `s` has come."""
        if self._sched._s is None or _boots(s):
            return
        try:
            record = _record(self._sched, s, self._found.get(s.name))
            if s.name in self._found:
                self._found[s.name] = record
            _sync(self._store.put(self._prefix + s.name, record))
        except Exception as e:  # noqa: BLE001 - a guard: reports
            fault(self._sched, s.name, "store failed: ", e)

    def forget(self, name):
        """The program has unscheduled it; whatever else ends it, the next boot goes on with it."""
        self._found.pop(name, None)
        try:
            _sync(self._store.delete(self._prefix + name))
        except Exception as e:  # noqa: BLE001 - a guard: reports
            fault(self._sched, name, "store failed: ", e)


def _sync(left):
    if type(left) is COROUTINE:
        left.close()
        raise TypeError("store: expected plain put and delete, got async ones")


def _boots(s):
    # Is it due once, so long after each boot?
    start = s.when.get("start_in")
    return start is not None and not s.period and not isinstance(start, (tuple, list))


def _words(s):
    when = s.when
    return ", ".join("%s=%s" % (w, _text(when[w])) for w in _WORDS if w in when)


def _text(v):
    # Of a trigger without a __repr__ the same after a reset, when it lies elsewhere.
    v = repr(v)
    at = v.find(" at ")
    return v[:at] if v.startswith("<") and at > 0 else v


def _record(sched, s, found):
    # What there is to know of it after a reset; found: what was there, while the clock is unset.
    # Its times are epoch ms, so that the phase of an interval stays.
    record: dict = {"when": _words(s)}
    if sched.clock.wall() >= SET:
        record["t"] = now = sched.clock.wall_s * 1000 + sched.clock.wall_ms
        if s.trigger:
            record["zone"] = _zone(sched)
            if s.wall is not None:
                record["next"] = s.wall * 1000
        elif s.period and s.wall is None:
            ms = _until(sched, s)
            if ms is not None:
                record["next"] = now + ms
            if s._grid:
                record["grid"] = now + _ms_to(sched, s._grid)
        if s.last is not None:
            record["last"] = now + _ms_to(sched, (s.last, 0))
    elif found and found.get("when") == record["when"]:
        record = dict(found)
    if s.left is not None:
        record["left"] = s.left
    record["paused"] = s.paused
    record["over"] = s.left == 0 or ("window" if s.over else not s.pending)
    return record


def _zone(sched):
    return _text(sched.zone) if sched.zone else None


def _until(sched, s):
    # The ms to the next start of an interval, without its jitter; None if it has none.
    if s._t:
        return left_in(sched, s) - s._late
    return s.due and _ms_to(sched, s.due) - s._late


def _ms_to(sched, moment):
    # The ms to a moment of the clock, (s, ms).
    return (moment[0] - sched.clock.now()) * 1000 + moment[1] - sched.clock.ms


def _take(sched, s, found):
    # Go on where the record ends; False if it is not all taken yet, as the clock is unset.
    if found["when"] != _words(s):
        return True  # another plan begins anew
    for word in ("t", "next", "grid", "last", "left"):
        v = found.get(word, 0)
        if isinstance(v, bool) or not isinstance(v, int):
            raise TypeError("%s: expected an int, got %r" % (word, v))
    unset = sched.clock.wall() < SET
    now = sched.clock.wall_s * 1000 + sched.clock.wall_ms
    back = 0 if unset else found.get("t", now) - now
    stays = back <= (limit(s) if s.trigger else 0)  # or else the clock was ahead
    if s.left is not None:
        s.left = min(found.get("left", s.left), s.left)
    over = found.get("over")
    if over is True or over and stays:
        if over is True:
            s.left = 0
        elif "grid" in found:
            s._grid = _moment(sched.clock, found["grid"] - now)
        sched.withdraw(s)
        s.pending = s.over = True  # its task does not start, even if it is added later
        ended(sched, s)
        return True
    if found.get("paused"):
        pause(s)
    if not unset:
        _take_times(sched, s, found, now, stays)
    return not unset


def _take_times(sched, s, found, now, stays):
    at = found.get("next")
    if s.last is None and "last" in found:
        s.last = _moment(sched.clock, found["last"] - now)[0]
    if at is None:
        pass
    elif s.trigger:
        if stays and found.get("zone") == _zone(sched):
            _go_on(sched, s, at // 1000)
    elif s.period and not s.runs + s.skipped + s.missed:
        _keep_phase(sched, s, at - now, found["grid"] - now if "grid" in found else None)


def _moment(clock, ms):
    # That in so many ms, by the clock.
    ms += clock.ms
    return clock.now() + ms // 1000, ms % 1000


def _go_on(sched, s, at):
    # With its start `at`, if that is one, or with the one after it.
    sched.wall.look()
    t = s.following(sched, at - 1)
    if t is None:
        return  # it is over, and so it was found
    s.wall = t
    _revive(s)
    if not s.holders:
        _put(sched, s, s.plan(sched))


def _keep_phase(sched, s, ms, grid):
    # An interval is due in `ms`, or was due so long ago; grid: the same of where its grid begins.
    windowed = grid is not None
    if windowed and grid > 0:
        ms = grid
    if ms > max(s.period, s.delay):
        if not windowed:
            return  # the clock was ahead then
        ms = grid = ms % s.period
    if s.wall is not None:
        s.wall = None  # it began at that time, and goes on by the clock
    s.due = _moment(sched.clock, ms)
    if windowed:
        s._grid = _moment(sched.clock, grid)
    if s._late:
        s._late = 0
    _revive(s)
    if not s.holders:
        ms = again_in(sched, s)
        if ms is not None and s.jitter and not windowed:
            ms += s.shake()
        _put(sched, s, ms)
        if s.over:
            s.pending = True  # as above
            ended(sched, s)


def _revive(s):
    # What would be over, if it began now, goes on.
    if s.over:
        s.over = False
        s.pending = True


def _put(sched, s, ms):
    entry = s._t
    sched.withdraw(s)
    if ms is not None:
        s._t = entry
        sched.put(s, ms + sched.since())
        sched.wake()
