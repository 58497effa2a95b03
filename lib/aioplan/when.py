"""Schedules beyond a plain interval: wall time, cron, keywords, windows, and how to be late.

Sources: APScheduler, user guide, "Limiting the number of concurrently executing instances" and
"Missed job executions and coalescing"; systemd.timer, RandomizedDelaySec=.
"""

import random

from micropython import const

import aioschedule
from aiotrigger.days import BASE, EPOCH, number, seconds

from . import fault, settle

WORDS = (
    "start_in repeat at cron on trigger start finish jitter count coalesce grace overlap "
    "retries retry_in"
).split()
KINDS = ("start_in", "at", "cron", "on", "trigger")
SET = (number(2024, 1, 1) - EPOCH) * 86400  # a clock that shows less has not been set
_COUNTED = const(100)  # due times that are counted one by one when many were missed
_NEAR_MS = const(2)  # as in aioschedule
_LATER_MS = const(1000)  # until it is tried again for which there was no memory
# Of the start that is being made: due times before the latest one, ms since that. Here, as a
# tuple of its own for each start would be garbage.
_due = [0, 0]


class Rich(aioschedule.Schedule):
    """A schedule that knows all the words of `aioschedule.schedule`.

    wall: epoch seconds of the next start, if it is in wall time. runs, skipped, coalesced,
    missed: starts, and due times left out: still running; many at once; later than `grace`.
    retried: runs made again since they failed.
    """

    # A record holds only what differs from these.
    due = trigger = on = start = finish = left = grace = heir = _w = _grid = None
    jitter = missed = owed = holders = 0
    retries = retried = 0  # how often a run that fails is made again; and was, up to now
    retry_in = 0  # ms
    coalesce = True
    unset = False  # held, since the wall clock is not set
    overlap = "skip"
    _late = 0  # ms of jitter in the due time

    def __init__(self, sched, name, when):
        for w in when:
            if w not in WORDS:
                raise TypeError("schedule: unexpected %r; takes %s" % (w, ", ".join(WORDS)))
        when = {w: v for w, v in when.items() if v is not None}
        kinds = [w for w in KINDS if w in when]
        if len(kinds) > 1:
            raise ValueError("schedule: expected one of %s, got %s" % (KINDS, kinds))
        kind = kinds[0] if kinds else "repeat"
        repeat = when.get("repeat")
        if repeat and kind not in ("start_in", "at", "repeat"):
            raise ValueError("repeat: goes with start_in or at, got %s as well" % kind)
        _policy(self, sched, when)
        if kind in ("start_in", "repeat") and not isinstance(when.get(kind), (tuple, list)):
            super().__init__(name, when)
        else:
            _wall(self, sched, kind, when)
            self.name = name
            self.last = self._t = None
            self.runs = self._far = 0
        if kind != "cron" or len(when) > 1:
            self.when = when
        windowed = self.start is not None or self.finish is not None
        if sched.wall is None and (self.calendar or windowed):
            from .wall import Wall

            sched.wall = Wall(sched)
        if windowed or self.jitter:
            self._late = 0  # takes its place in memory now
        if not self.pending:
            raise ValueError("schedule: never due: %r" % (when,))
        self.planned(sched)  # a trigger that fails is refused

    @property
    def wall(self):
        return None if self._w is None else self._w + BASE

    @wall.setter
    def wall(self, t):
        self._w = None if t is None else t - BASE

    @property
    def calendar(self):
        """True if its next start is in wall time."""
        return self.trigger is not None or self._w is not None

    def wait(self, sched):
        """Return the ms from now to its first start, or None."""
        if not self.pending:  # when it was made
            self.pending = True
            self.over = False
        ms = self.planned(sched)
        if not self.pending:
            # The program may be older than its last start, and has to go on.
            print("schedule of %s: its window or its trigger has ended" % self.name)
            rec = sched.record(self.name)
            self.pending = not (rec and rec.live())  # its task is held
            self.over = True
            sched.wall.ask(sched)
            from .manage import ask_all

            ask_all()
        return ms

    def planned(self, sched):
        """Return the ms from now to the next start as it is planned, or None."""
        w = sched.wall
        if not w:
            return self.plan(sched)
        # It may be asked for in the middle of a look at the queue, by a listener.
        kept = w.s, w.w, w.ms
        w.look()
        try:
            return self.plan(sched)
        finally:
            w.s, w.w, w.ms = kept

    def plan(self, sched):
        """Return the ms to the next start from the last look at the wall clock, or None."""
        if self.on is not None:
            if self.finish is not None and sched.wall.s > self.finish:
                self.end()
            return None
        if not self.calendar:
            return self.first(sched, self.delay)
        s = sched.wall.s
        if self._w is None:
            if self.unset != (s < SET):
                self.unset = s < SET
            if self.unset:
                return None  # held until the clock is set
            self.wall = self.following(sched, s)
            if self._w is None:
                self.end()
                return None
        elif not self.trigger and self.finish is not None and s > self.finish:
            self.end()
            return None
        late = self.shake(None if self.finish is None else (self.finish - self.wall) * 1000)
        ms = (self._w - sched.wall.w) * 1000 - sched.wall.ms + late  # pyright: ignore[reportOptionalOperand]
        # Both clocks are read in whole ms, so that a wait may end so late. Rather it ends early,
        # and the rest is waited for in turns of the loop (see `Wall.rest`).
        return ms - _NEAR_MS if ms > _NEAR_MS and not late else max(ms, 0)

    def first(self, sched, ms):
        """Let the grid of an interval begin in `ms`; return the ms to the start in its window."""
        if self.start is not None or self.finish is not None:
            self._grid = (sched.clock.now() + ms // 1000, sched.clock.ms + ms % 1000)
        return self.windowed(sched, ms)

    def again(self, sched):
        """Return the ms to the next start of an interval, its window having moved, or None."""
        s, ms = self._grid  # pyright: ignore[reportGeneralTypeIssues]
        ms += (s - sched.clock.now()) * 1000 - sched.clock.ms
        return self.windowed(sched, ms if ms > 0 else (ms - 1) % (self.period or 1) + 1)

    def following(self, sched, after):
        """Return the due time of the trigger after `after`, epoch seconds, or None."""
        t = self.start
        if t is not None and after < t:
            after = t - 1
        if sched.zone:
            t = sched.zone.next(self.trigger, after)
        else:
            t = self.trigger.next(after)  # pyright: ignore[reportAttributeAccessIssue]
        if t is None:
            return None
        t = seconds("trigger", t)
        if t <= after:  # it would be asked for ever
            raise ValueError("trigger: expected a time after %d, got %d" % (after, t))
        return t if self.finish is None or t <= self.finish else None

    def end(self):
        """Its window has ended, or its trigger."""
        self.pending = False
        self.over = self.finish is not None

    def within(self, now):
        """Tell whether `now`, epoch seconds, lies in its window."""
        early = self.start is not None and now < self.start
        return not early and (self.finish is None or now <= self.finish)

    def shake(self, room=None):
        """Draw the jitter of the next start, ms; at most `room`, to the end of its window."""
        if self.jitter:
            most = self.jitter if room is None or room > self.jitter else room
            self._late = random.getrandbits(29) % (most + 1)
        return self._late

    def windowed(self, sched, ms):
        """Return the ms to an interval's next start within start and finish, or None."""
        if self.start is not None or self.finish is not None:
            now = sched.wall.s * 1000 + sched.wall.ms + ms
            if self.start is not None and now < self.start * 1000:
                early = self.start * 1000 - now
                early += -early % (self.period or 1)
                ms += early
                now += early
            if self.finish is not None:
                room = self.finish * 1000 - now
                if room < 0:
                    self.end()
                    return None
                return ms + self.shake(room)
        return ms + self.shake()

    def fire(self, sched, late):
        """Its time came `late` ms ago: plan what follows, and start the task."""
        entry = self._t
        w = self._w
        jitter = self._late
        # A trigger is somebody's code, which may even take this schedule out.
        self._t = None
        n = None
        try:
            if self.calendar and sched.wall.w < self._w:  # a ms early, or the clock was set back
                ms = self.plan(sched)
            else:
                ms = self._passed(sched, late)
                n, late = _due
                if not self.within(sched.wall.s if sched.wall else 0):
                    late = -1
        except MemoryError:
            self._t = entry
            self._w = w
            if not self.calendar:
                self._late = jitter + late + _LATER_MS  # so long is it overdue on its grid
            sched.put(self, _LATER_MS)  # there may be room by then
            return
        except Exception as e:  # noqa: BLE001 - a guard: reports
            ms = None
            n = 0  # this start was due, and is made; there is no other
            self.pending = False
            fault(sched, self.name, "trigger failed: ", e)
        if sched.table.get(self.name) is not self:
            return
        self._go_on(sched, entry, ms)
        if n is not None:
            try:
                self.begin(sched, n, late)
            except Exception as e:  # noqa: BLE001 - a guard: reports
                fault(sched, self.name, "start failed: ", e)
        if not self.pending:
            settle(sched, self)

    def _go_on(self, sched, entry, ms):
        # Its next start is in `ms`, or there is none.
        if ms is not None:
            if not self.holders:  # a trigger may pause even this
                self._t = entry
                sched.put(self, ms)
        elif not self.unset and self.pending:
            if self.trigger or self.period:
                self.end()
            else:
                self.pending = False

    def _passed(self, sched, late):
        # Note in _due what is due now; return the ms to the next.
        jitter = self._late
        if jitter and not self.jitter:
            self._late = 0  # there was no memory for it before
        if self.trigger:
            return self._passed_times(sched, jitter)
        if self._w is not None:
            # An interval that began at wall time goes on by the clock.
            since = (sched.wall.w - self._w) * 1000 + sched.wall.ms
            self._w = None
            _due[0] = 0
            if not self.period:
                _due[1] = max(since - jitter, 0)
                return None
            since %= self.period
            _due[1] = max(since - jitter, 0)
            return self.first(sched, self.period - since)
        _due[0] = 0
        _due[1] = late
        if not self.period:
            return None
        late += jitter
        n = late // self.period
        if n and self.finish is not None:  # what lies beyond the window was not due
            room = self.finish * 1000 - sched.wall.s * 1000 - sched.wall.ms + late
            n = min(n, max(room, 0) // self.period)
        if n:
            _due[0] = n
            _due[1] = max(late - n * self.period - jitter, 0)
        return self.windowed(sched, self.period - late % self.period)

    def _passed_times(self, sched, jitter):
        now = sched.wall.s
        due = self.wall or 0
        n = 0
        while True:
            t = self.following(sched, due)
            if t is None or t > now:
                break
            due = t
            n += 1
            if n == _COUNTED:
                due = self._latest(sched, due, now)
                t = self.following(sched, due)
                break
        since = (now - due) * 1000 + sched.wall.ms
        self.wall = t
        _due[0] = n
        _due[1] = max(since - jitter, 0)
        return None if t is None else self.plan(sched)

    def _latest(self, sched, due, now):
        # The last due time up to `now`, from `due` on.
        while due < now:
            middle = (due + now) // 2
            t = self.following(sched, middle)
            if t is not None and t <= now:
                due = t
            else:
                now = middle
        return due

    def begin(self, sched, n=0, late=0, by_hand=False):
        """Start the task, due `late` ms ago, as its policy says; `n` due times went before.

        late: < 0 if its window does not hold now. by_hand: it is none of its `count`.
        """
        if late < 0 or self.grace is not None and late > self.grace:
            self.missed += n + 1
            rec = sched.record(self.name)
            if rec:
                sched.say("missed", self, rec)
            return
        if self.coalesce:
            if n:
                self.coalesced += n
            n = 0
        if self.left is not None and not by_hand:
            n = min(n, self.left - 1)
            self.left -= n + 1
            if self.left <= 0:
                self.pending = self.over = False
                sched.withdraw(self)
        if self.overlap == "skip" and not n and not self.retries:
            sched.launch(self)
        else:
            from .overlap import begin

            begin(sched, self, n + 1)


def _wall(s, sched, kind, when):
    # What makes a schedule one in wall time, or one that a keyword fires.
    v = when.get(kind)
    if kind == "on":
        if not isinstance(v, str) or not v:
            raise TypeError("on: expected a keyword, got %r" % (v,))
        s.on = v
        return
    if kind == "cron":
        from aiotrigger.cron import Cron

        s.trigger = Cron(v)
    elif kind == "trigger":
        if not hasattr(v, "next"):
            raise TypeError("trigger: expected an object with next(after), got %r" % (v,))
        s.trigger = v
    else:
        repeat = when.get("repeat")
        if repeat is True:
            raise ValueError("repeat: True means start_in, which is %r" % (v,))
        if repeat:
            s.period = aioschedule.seconds_ms("repeat", repeat, 0.001)
        s.wall = _epoch(sched, kind, v)
        early = 0 if s.start is None else s.start - s.wall
        if early > 0 and s.period:
            s.wall += -(-early * 1000 // s.period) * s.period // 1000
            early = 0
        if early > 0 or s.finish is not None and s.finish < s.wall:
            s.pending = False


def _epoch(sched, word, v):
    # Local time as people give it, as what the clock shows.
    t = seconds(word, v)
    return sched.zone.utc(t) if sched.zone and isinstance(v, (tuple, list)) else t


def _policy(s, sched, when):
    # How late, how often, how many at once.
    if "start" in when:
        s.start = _epoch(sched, "start", when["start"])
    if "finish" in when:
        t = when["finish"]
        s.finish = _epoch(sched, "finish", t // 1 if isinstance(t, float) else t)
    if None not in (s.start, s.finish) and s.finish < s.start:
        raise ValueError("finish: expected no less than start %d, got %d" % (s.start, s.finish))
    if "jitter" in when:
        s.jitter = aioschedule.seconds_ms("jitter", when["jitter"], 0, 6 * 86400)
    if "grace" in when:
        s.grace = aioschedule.seconds_ms("grace", when["grace"])
    if "count" in when:
        s.left = count("count", when["count"])
    c = when.get("coalesce", True)
    if c is not True and c is not False:
        raise TypeError("coalesce: expected a bool, got %r" % (c,))
    if not c:
        s.coalesce = c
    if "overlap" in when or "retries" in when or "retry_in" in when:
        from .overlap import words

        words(s, when)


def count(word, n, least=1):
    """Return an int that is no less than that; ValueError names the word."""
    if isinstance(n, bool) or not isinstance(n, int) or n < least:
        want = "'skip', 'queue', 'replace' or " if word == "overlap" else ""
        raise ValueError("%s: expected %san int >= %d, got %r" % (word, want, least, n))
    return n
