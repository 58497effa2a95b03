"""Times on a grid."""

import aiotrigger.days as days

_ZERO = days.number(2000, 1, 3)  # a Monday; the same on all ports


class Interval:
    """Due at start + n periods, n >= 0; the period is the sum of the words from seconds on.

    Without a start the grid has no beginning, and lies such that it meets the midnight of Monday
    3 January 2000: minutes=15 is due at every quarter, weeks=1 on Mondays. start, end: epoch
    seconds or a time tuple; both are due themselves if they lie on the grid.
    """

    def __init__(self, seconds=0, minutes=0, hours=0, days=0, weeks=0, start=None, end=None):
        for n in (seconds, minutes, hours, days, weeks):
            if not isinstance(n, int) or isinstance(n, bool):
                raise TypeError("Interval: expected ints, got %r" % (n,))
        self.period = seconds + minutes * 60 + hours * 3600 + days * 86400 + weeks * 604800
        if self.period < 1:
            raise ValueError("Interval: expected at least 1 second, got %d" % self.period)
        self.start, self.end = _bounds(start, end)
        # A grid as fine as an hour goes on while daylight saving changes (see `Zone.next`).
        self.wild = self.period <= 3600

    def next(self, after):
        """Return the first due time strictly after `after`, or None after the end."""
        after = int(after)
        t = self.start
        if t is None:
            t = (_ZERO - days.EPOCH) * 86400
        elif after < t:
            after = t - 1
        t = after + self.period - (after - t) % self.period
        return t if self.end is None or t <= self.end else None

    def __repr__(self):
        return "Interval(%d, start=%r, end=%r)" % (self.period, self.start, self.end)


def _bounds(start, end):
    if start is not None:
        start = days.seconds("Interval start", start)
    if end is not None:
        end = days.seconds("Interval end", end)
        if start is not None and end < start:
            raise ValueError("Interval end: expected no less than start %d, got %d" % (start, end))
    return start, end
