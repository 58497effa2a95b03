"""Schedules beyond a plain interval: starts at wall time."""

import aioschedule
from aioplan import late
from aiotrigger.wall import epoch

_STEP_MS = 1000  # the wall clock was set if it moved this far against the clock


class Rich(aioschedule.Schedule):
    """A schedule whose start was given as a time tuple.

    when: as given. wall: epoch seconds of the next start, or None.
    """

    wall = due = None

    def __init__(self, sched, name, when):
        start = when.get("start_in")
        repeat = when.get("repeat")
        for w in when:
            if w not in ("start_in", "repeat"):
                raise TypeError("schedule: unexpected %r; takes start_in and repeat" % (w,))
        if repeat is True:
            raise ValueError("repeat: True means start_in, which is %r" % (start,))
        super().__init__(name, {"start_in": 0, "repeat": repeat})
        self.wall = epoch("start_in", start)
        self.when = when
        if not sched.wall:
            sched.wall = Wall(sched.clock)
        self.delay = self.wait(sched)

    def wait(self, sched):
        """Return the ms from now to the start at wall time."""
        s, ms = sched.clock.wall_ms()
        return late(self, (self.wall - s) * 1000 - ms)

    def fire(self, sched, ms):
        if self.wall is not None:
            if sched.clock.wall() < self.wall:  # the clock was set back
                sched.put(self, self.wait(sched))
                return
            self.wall = None
        super().fire(sched, ms)


class Wall:
    """Sees that the wall clock was set, and plans anew what depends on it."""

    _on = False  # until the scheduler runs, its queue stands still

    def __init__(self, clock):
        self._clock = clock
        self._s = self._ms = 0  # wall clock minus clock when last planned
        self._stepped()

    def check(self, sched):
        """Plan the schedules of `sched` that are in wall time anew, if the clock was set."""
        if self._stepped() or not self._on:
            self._on = True
            for s in sched.table.values():
                if isinstance(s, Rich) and s.wall is not None and s._t:
                    sched._due.remove(s._t)
                    sched.put(s, s.wait(sched))

    def _stepped(self):
        c = self._clock
        s = -c.now()
        ws, wms = c.wall_ms()
        s += ws
        ms = wms - c.ms
        if -_STEP_MS < (s - self._s) * 1000 + ms - self._ms < _STEP_MS:
            return False
        self._s = s
        self._ms = ms
        return True
