"""Sees that the wall clock was set, and plans anew what depends on it."""

from time import ticks_diff

from micropython import const

import aioschedule
from aiotrigger.days import BASE

from . import fault, held, settle
from .when import Rich

_BACK_MS = const(3 * 3600 * 1000)  # a clock set back by no more repeats no start of a day's job,
_WILD_MS = const(60 * 1000)  # nor by this one of any cron expression
_TURNS = const(500)  # of the loop, in which a wall time is waited for: its clock may stand still
_STEP_MS = const(1000)  # the wall clock was set if it moved this far against the clock


class Wall:
    """Sees that the wall clock was set, and plans anew what depends on it.

    keeper: what writes down how far the schedules have come, or None (see `keep`).
    """

    keeper = None

    def __init__(self, sched):
        self._clock = sched.clock
        # The wall clock at the last look, as to read it costs memory; w: s as a small int.
        self.s = self.w = self.ms = 0
        self._s = self._ms = 0  # wall clock minus clock when last planned
        self._on = sched._s is not None  # until the scheduler runs, its queue stands still
        self._asked = False
        self._most = 0  # how many more may be started in this look before the queue is that far
        self._next = self._turns = 0  # the wall time that is waited for in turns, and how many
        self._back()

    def check(self, sched):
        """Plan the schedules of `sched` that are in wall time anew, if the clock was set."""
        s = self._s
        ms = self._ms
        back = self._back()
        if back or not self._on:
            try:
                replan(sched, back, not self._on)
            except MemoryError:
                self._s = s  # at the next look once more
                self._ms = ms
                raise
            self._on = self._asked = True
        if self._asked:
            self._follow(sched)
        elif self.keeper and (self.keeper.failed or self.keeper.gone):
            self.keeper.again()
        self._most = len(sched.table)

    def reached(self, t):
        """Tell whether an entry of the queue is due, by the wall clock, a ms or two before that
        of the queue shows it: their ms begin at other moments."""
        if not self._most or not _walled(t) or self.w < t.coro._w:
            return False
        self._most -= 1  # a listener may enter others without end
        return True

    def rest(self, sched, ms):
        """Return how much of the last 2 ms may be slept: none, if they end in wall time."""
        t = sched._due.peek()
        if not _walled(t):
            return ms
        w = t.coro._w
        if self._next != w:
            self._next = w
            self._turns = 0
        self._turns += 1
        return 0 if self._turns < _TURNS else ms

    def ask(self, sched):
        """At the next look, which is now, let the keeper see all, and settle what is over."""
        self._asked = True
        sched.wake()

    def expect(self, sched, name):
        """The task of that name is being added, or asked for: perhaps something waits for it."""
        s = sched.table.get(name)
        waits = s and held(s) and not self._asked
        if waits or self.keeper and self.keeper.expects(name):
            self.ask(sched)

    def _follow(self, sched):
        if self.keeper:
            self.keeper.look()
        for s in sched.table.values():
            if held(s):  # its task is stopped: nobody waits for it for ever
                settle(sched, s)
        self._asked = False

    def look(self):
        """Read the wall clock into `s`, `w` and `ms`."""
        self.s = self._clock.wall()
        self.w = self.s - BASE
        self.ms = self._clock.wall_ms

    def _back(self):
        # By how many ms the clock was set back (forward: < 0); 0 if it was not.
        c = self._clock
        s = -c.now()
        self.look()
        s += self.w
        ms = self.ms - c.ms
        back = (self._s - s) * 1000 + self._ms - ms
        if -_STEP_MS < back < _STEP_MS:
            return 0
        self._s = s
        self._ms = ms
        return back


def _walled(t):
    # Is this entry of the queue one in wall time?
    return t and isinstance(t.coro, Rich) and t.coro._w is not None


def replan(sched, back=None, first=False):
    """Find the next start of all that is in wall time anew; what has become due starts, once.

    back: by how many ms the clock was set back; None: what was planned is void. first: the
    scheduler begins now, and intervals with it.
    """
    if sched.wall and back is None:
        sched.wall.look()
    for s in list(sched.table.values()):
        if isinstance(s, Rich):
            begun = s._t
            # An interval counts from now, and may not be over then.
            counts = first and held(s) and not s.calendar and s.on is None
            if s.over and s.left != 0:
                most = limit(s) if s.trigger and s.last is not None else 0
                if counts or back and back > most:
                    s.over = False
                    s.pending = begun = True
            if s.holders:
                continue
            windowed = begun and (s.start is not None or s.finish is not None)
            if s.pending and not s.over and s.on is None and (s.calendar or windowed):
                _plan(sched, s, back, first)
            if counts and not s.pending:
                s.pending = s.over = True


def outdate(s, sched, back):
    """Drop the next time of a trigger if the clock was set back by `back` ms, or None, since."""
    if s.trigger and s.wall is not None and s.wall > sched.wall.s:
        # A clock that is put right by a little does not bring back what has been.
        if back is None or back > limit(s):
            s.wall = None


def limit(s):
    """Return the ms by which the clock may be set back without a start being repeated."""
    return _WILD_MS if getattr(s.trigger, "wild", True) else _BACK_MS


def _plan(sched, s, back, first):
    again = not s.calendar and not first
    if again and s._t:
        ms = ticks_diff(s._t.ph_key, sched._key) + s._far * aioschedule.LAP
        if ms - s._late <= sched._ahead + sched.since():
            return  # it is due, but for its jitter
    outdate(s, sched, back)
    try:
        ms = s.again(sched) if again else s.plan(sched)
    except MemoryError:
        raise
    except Exception as e:  # noqa: BLE001 - a guard: reports
        ms = None
        s.pending = False
        fault(sched, s.name, "trigger failed: ", e)
    if sched.table.get(s.name) is s and not s.holders:  # a trigger may do all that
        move(sched, s, ms)
        if not s.pending:
            settle(sched, s)


def move(sched, s, ms):
    """Let `s` fire in `ms` instead, or, with None, not; if there is no memory, nothing changes."""
    if ms is None:
        sched.withdraw(s)
        return
    ms += sched.since()
    entry = s._t
    if entry:
        key = entry.ph_key
        far = s._far
        sched._due.remove(entry)
        try:
            sched.put(s, ms)
        except MemoryError:
            if s._far != far:
                s._far = far
            sched._due.push(entry, key)
            raise
    else:
        sched.put(s, ms)
    sched.wake()
