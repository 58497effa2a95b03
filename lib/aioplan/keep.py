"""Plans that outlive a reset or a deep sleep: what has been started, in a store.

Sources: systemd.timer, Persistent=; APScheduler, user guide, "Choosing the right data store".
"""

from micropython import const

import aioschedule
from aiosupervisor.report import COROUTINE

from . import fault, manage
from .listen import listen, unlisten
from .verbs import again_in, hold, left_in
from .wall import Wall, limit, move
from .when import SET

_EVENTS = ("added", "started", "skipped", "missed")
# What makes a plan this one and no other, beside the interval; the rest says how it is started.
_WORDS = "at cron on trigger start finish count".split()
_TIMES = "t next grid last left".split()  # ints, if they are there
_MOST = const(0x40000000000)  # of them: the year 2109 in epoch ms
_TRIES = const(5)  # looks for which there may be no memory until a record is dropped


def set_store(store=None, prefix="schedule/", sched=None):
    """Keep in `store` what was started, so that a schedule goes on after a reset; None: no more.

    store: an object with load(), which returns {key: record}, put(key, record) and delete(key). A
    record is a dict that json.dumps takes, its key the `prefix` and the name of the task: two
    schedulers with one store take two prefixes. To be called before the scheduler runs. A store
    that fails is reported, and does no other harm.
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
        if not sched.wall:
            sched.wall = Wall(sched)  # pyright: ignore[reportAttributeAccessIssue] - None by default
        listen(keeper, _EVENTS, sched)
    if sched.wall:
        manage.ask_all()
        if sched.wall.keeper:
            unlisten(sched.wall.keeper, sched)
        sched.wall.keeper = keeper  # pyright: ignore[reportAttributeAccessIssue] - None by default
        sched.wall.ask(sched)


class _Keeper:
    # Writes down what comes of the schedules, and lets them go on where a record ends.
    # later: records whose times wait for the clock to be set, or for the task to be added.
    # failed, gone: names whose record could not be put, or deleted.

    def __init__(self, sched, store, prefix):
        self._sched = sched
        self._store = store
        self._prefix = prefix
        self._tries = 0
        self._unset = None  # whether the clock was, at the last look
        self.later = {}
        self.failed = []
        self.gone = []
        self._found = self._read()  # of an earlier life of the program, until they are taken

    def _read(self):
        n = len(self._prefix)
        try:
            records = self._store.load()
            return {k[n:]: r for k, r in records.items() if k.startswith(self._prefix)}
        except Exception as e:  # noqa: BLE001 - a guard: reports
            fault(self._sched, "schedules", "store failed: ", e)
            return {}

    def __call__(self, event, name, s, rec):
        """Hear that a schedule was made, or started its task."""
        if event == "added" and name in self._found:
            # Not now: who makes it goes on with it. And once more, if there is no memory for it.
            self._sched.wall.ask(self._sched)
            return
        later = event == "added" and self.later.get(name)
        if later and later["when"] != _words(s):
            self.later.pop(name)  # of the plan whose place it takes
        self.note(s)

    def look(self):
        """The scheduler begins, or the wall clock was set: take up, and write down, all."""
        unset = self._sched.clock.wall() < SET
        if unset and self._unset is False:
            # The clock was set, and is no more: what was known then is the best there is.
            self.later = {n: r for n, r in self._read().items() if isinstance(r, dict)}
        self._unset = unset
        short = False
        for s in list(self._sched.table.values()):
            if self._meet(s):
                self.note(s)
            else:
                short = True
        if short:
            self._tries += 1
            raise MemoryError  # at the next look once more
        self._tries = 0

    def _meet(self, s):
        # Take its record, if there is one; False if there was no memory for it.
        name = s.name
        try:
            if name in self._found:
                if self._here(s) and _take(self._sched, s, self._found[name]):
                    self.later[name] = self._found[name]
                self._found.pop(name, None)
            if name in self.later and not self._unset and self._sched.record(name):
                _take_times(self._sched, s, self.later[name])
                self.later.pop(name, None)
            return True
        except Exception as e:  # noqa: BLE001 - a guard: reports
            if isinstance(e, MemoryError) and self._tries < _TRIES:
                return False
            self.anew(name)
            fault(self._sched, name, "record of its schedule not taken: ", e)
            return True

    def expects(self, name):
        """Tell whether a record waits for the task of that name, and nothing else."""
        return name in self.later and not self._unset

    def _here(self, s):
        # A listener, a trigger or a store may have taken it out.
        return self._sched.table.get(s.name) is s

    def note(self, s):
        """Write down how far `s` has come."""
        if self._sched._s is None or not self._here(s) or s.name in self._found:
            return  # time does not count yet; or it is not taken yet
        if _boots(s) and not s.paused:
            return  # there is nothing to know
        try:
            record = _record(self._sched, s, self.later.get(s.name))
            if s.name in self.later:
                self.later[s.name] = record
            _sync(self._store.put(self._prefix + s.name, record))
            if s.name in self.failed:
                self.failed.remove(s.name)
        except Exception as e:  # noqa: BLE001 - a guard: reports
            if s.name not in self.failed:
                fault(self._sched, s.name, "store failed: ", e)
                self.failed.append(s.name)

    def again(self):
        """Write down what could not be."""
        for name in self.failed[:]:
            s = self._sched.table.get(name)
            if s:
                self.note(s)
            else:
                self.failed.remove(name)
        for name in self.gone[:]:
            self.gone.remove(name)
            if name not in self._sched.table:
                self.forget(name, False)

    def resumed(self, s):
        """What it was paused by in an earlier life does not count, nor what was due since."""
        for records in (self._found, self.later):
            found = records.get(s.name)
            if isinstance(found, dict) and found.get("paused"):
                records[s.name] = dict(found, paused=False, resumed=True)
        if s.paused and _boots(s):
            self.forget(s.name)

    def anew(self, name):
        """It begins anew, whatever was found of it; True if that was paused."""
        found = self._found.pop(name, None)
        self.later.pop(name, None)
        return isinstance(found, dict) and found.get("paused", False)

    def forget(self, name, tell=True):
        """The program has unscheduled it; whatever else ends it, the next boot goes on with it."""
        self.anew(name)
        try:
            _sync(self._store.delete(self._prefix + name))
        except Exception as e:  # noqa: BLE001 - a guard: reports
            self.gone.append(name)
            if tell:
                fault(self._sched, name, "store failed: ", e)


def _sync(left):
    if type(left) is COROUTINE:
        left.close()
        raise TypeError("store: expected plain put and delete, got async ones")


def _tuple(s):
    start = s.when.get("start_in")
    return start if isinstance(start, (tuple, list)) else None


def _lives_on(s):
    # May it be due again after a reset, with nothing to come now? A trigger may have failed.
    return s.period or s.trigger or s.on or _boots(s)


def _boots(s):
    # Is it due once, so long after each boot?
    return not (s.period or s.trigger or s.on or "at" in s.when or _tuple(s))


def _words(s):
    when = s.when
    words = ["%s=%s" % (w, _text(when[w])) for w in _WORDS if w in when]
    start = _tuple(s)
    if start or s.delay or s.period:  # of a plain interval `when` is not as it was given
        words.append("start_in=%r, repeat=%r" % (start or s.delay, s.period))
    return ", ".join(words)


def _text(v):
    # Of a trigger without a __repr__ the same after a reset, when it lies elsewhere.
    parts = repr(v).split(" at ")
    for i in range(1, len(parts)):
        end = parts[i].find(">")
        if "<" in parts[i - 1] and end > 0:
            parts[i] = parts[i][end:]
    return "".join(parts)


def _zone(sched):
    return _text(sched.zone) if sched.zone else None


def _record(sched, s, later):
    # What there is to know of it after a reset. Its times are epoch ms, so that the phase of an
    # interval stays; later: those it still waits for.
    record: dict = dict(later) if later else {"when": _words(s)}
    clock = sched.clock
    if not later and clock.wall() >= SET:
        record["t"] = now = clock.wall_s * 1000 + clock.wall_ms
        if s.trigger:
            record["zone"] = _zone(sched)
            if s.wall is not None and (s._t or s.holders):
                record["next"] = s.wall * 1000
        elif s.period and s.wall is None:
            ms = _until(sched, s)
            if ms is not None:
                record["next"] = now + ms
            if s._grid:
                record["grid"] = now + _ms_to(clock, s._grid)
        if s.last is not None:
            record["last"] = (now + _ms_to(clock, (s.last, 0)) + 500) // 1000 * 1000
    if s.left is not None:
        record["left"] = s.left
    record["paused"] = bool(s.paused)
    record["over"] = s.left == 0 or ("window" if s.over else not (s.pending or _lives_on(s)))
    return record


def _until(sched, s):
    # The ms to the next start of an interval, without its jitter; None if it has none.
    if s._t:
        return left_in(sched, s) - s._late
    return s.due and _ms_to(sched.clock, s.due) - s._late


def _ms_to(clock, moment):
    # The ms to a moment of the clock, (s, ms).
    return (moment[0] - clock.now()) * 1000 + moment[1] - clock.ms


def _moment(clock, ms):
    # The moment of the clock in so many ms.
    s = clock.now()
    ms += clock.ms
    return s + ms // 1000, ms % 1000


def _take(sched, s, found):
    # Go on where the record ends, but for its times; True if there are some to go on with.
    if found["when"] != _words(s):
        return False  # another plan begins anew
    for word in _TIMES:
        v = found.get(word, 0)
        if not isinstance(v, int) or not 0 <= v < _MOST:
            raise TypeError("%s: expected an int, 0 to 2**42, got %r" % (word, v))
    over = found.get("over")
    if found.get("paused") and not s.paused and not over:
        hold(sched, s)  # first, as this takes memory
        s.paused = True
    if s.left is not None:
        # Some may have been made before the store was set.
        s.left = max(found.get("left", s.left) - s.when["count"] + s.left, 0)
    if over:  # its task does not start, even if it is added later
        if over is True:
            s.left = 0
        sched.withdraw(s)
        s.pending = s.over = True
    return over is not True or "last" in found


def _take_times(sched, s, found):
    clock = sched.clock
    clock.wall()
    now = clock.wall_s * 1000 + clock.wall_ms
    if s.last is None and "last" in found:
        s.last = _moment(clock, found["last"] - now + 500)[0]
    at = found.get("next")
    grid = found["grid"] - now if "grid" in found else None
    stays = found.get("t", now) - now <= (limit(s) if s.trigger else 0)  # or the clock was ahead
    if found.get("over"):
        if s.over and s.left != 0:
            if not stays:
                _begin(sched, s)
            elif grid is not None:
                s._grid = _moment(clock, grid)
    elif at is None or s.runs + s.missed:
        pass  # it goes on as it began now
    elif s.trigger:
        if stays and not found.get("resumed") and found.get("zone") == _zone(sched):
            _go_on(sched, s, at // 1000)
    elif s.period:
        ms = at - now
        if ms < 0 and found.get("resumed"):
            ms %= s.period
        _keep_phase(sched, s, ms, grid, s.period if "last" in found else max(s.period, s.delay))


def _begin(sched, s):
    # As if nothing had been found.
    _revive(s)
    if not s.holders:
        move(sched, s, s.wait(sched))


def _go_on(sched, s, at):
    # With its start `at`, if that is one, or with the one after it.
    sched.wall.look()
    t = s.following(sched, at - 1)
    if t is None:
        return  # it is over, and so it was found
    s.wall = t
    _revive(s)
    if not s.holders:
        ms = s.plan(sched)
        due = (t - sched.wall.s) * 1000 - sched.wall.ms
        move(sched, s, ms if due > 0 else _shaken(s, due))


def _shaken(s, ms):
    # The ms to a start that was due so long ago (ms <= 0): perhaps it waited for its jitter.
    late = s.shake(max(s.jitter + ms, 0))
    if s.jitter > -ms:
        s._late = late - ms
    return ms + s._late


def _keep_phase(sched, s, ms, grid, most):
    # An interval is due in `ms`, or was due so long ago; grid: the same of where its grid begins;
    # most: that it can be.
    windowed = grid is not None
    if windowed and grid > 0:
        ms = grid
    if ms > most:
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
    left_out = _left_out(sched, s, ms)
    if not s.holders:
        ms = again_in(sched, s)
        if ms is not None and s.jitter and (ms < 0 or not windowed):
            ms = _shaken(s, ms) if ms < 0 else ms + s.shake()
        move(sched, s, ms)
        if s.over:
            s.pending = True  # as if it had been found so
    if left_out:
        s.missed += left_out


def _left_out(sched, s, ms):
    # How often it was due since then, its window having ended meanwhile.
    if s.finish is None or s.finish >= sched.clock.wall():
        return 0
    n = (s.finish - sched.clock.wall_s) * 1000 - sched.clock.wall_ms - ms
    return max(n // s.period + 1, 0)


def _revive(s):
    # What would be over, if it began now, goes on.
    if s.over:
        s.over = False
        s.pending = True
