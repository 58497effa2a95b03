"""Deadlines in wall time on the clock of a scheduler that knows only intervals."""

import time

from micropython import const

_STEP_MS = const(1000)  # the wall clock was set if it moved this far against the clock


def epoch(word, t):
    """Return a time tuple (8 or 9 ints, local time) as epoch seconds; `word` for errors."""
    if len(t) not in (8, 9) or not all(isinstance(x, int) for x in t):
        raise ValueError("%s: expected a time tuple of 8 ints, got %r" % (word, t))
    return int(time.mktime(tuple(t)))


class Wall:
    """Plans the schedules that have a `wall` time (epoch seconds) on a `clock`."""

    def __init__(self, clock):
        self._clock = clock
        self._s = self._ms = 0  # wall clock minus clock when last planned
        self.stepped()

    def plan(self, s):
        """Set the due time of schedule `s` from its wall time, as the clocks stand now."""
        c = self._clock
        now = c.now()
        ws, wms = c.wall_ms()
        ms = c.ms - wms
        s.due[0] = now + s.wall - ws + ms // 1000
        s.due[1] = ms % 1000

    def stepped(self):
        """Tell whether the wall clock was set since this was last asked."""
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

    def early(self, s):
        """Tell whether the wall time of schedule `s` has not come; then plan it anew."""
        if self._clock.wall() >= s.wall:
            return False
        self.plan(s)
        return True
