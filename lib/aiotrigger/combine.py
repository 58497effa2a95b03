"""Triggers made of triggers.

With a `Zone` as second argument, `next` takes and returns UTC: so each part keeps its own rule
on the days when daylight saving changes.
"""

from aiotrigger.days import seconds


class _Parts:
    parts = ()
    zoned = True  # `next` takes a `Zone` as well

    @property
    def wild(self):
        """Tell whether a part may be due at any hour, as `aiotrigger.Zone` has it."""
        return any(getattr(p, "wild", True) for p in self.parts)


class Or(_Parts):
    """Due whenever one of the parts is; ends when all have ended."""

    def __init__(self, *parts):
        self.parts = _checked(self, parts)

    def next(self, after, zone=None):
        """Return the first due time strictly after `after`, or None."""
        first = None
        for p in self.parts:
            t = _next(p, after, zone)
            if t is not None and (first is None or t < first):
                first = t
        return first

    def __repr__(self):
        return "Or%r" % (self.parts,)


class And(_Parts):
    """Due when all parts are due in the same second; ends when one has ended.

    limit: rounds of asking each part for its next time. Parts that never agree would else be
    searched for ever; past the limit `next` raises ValueError.
    """

    def __init__(self, *parts, limit=100):
        self.parts = _checked(self, parts)
        if not isinstance(limit, int) or limit < 1:
            raise ValueError("And limit: expected an int >= 1, got %r" % (limit,))
        self.limit = limit

    def next(self, after, zone=None):
        """Return the first due time strictly after `after`, or None; ValueError past the limit."""
        t = after + 1
        for _ in range(self.limit):
            least = t
            for p in self.parts:
                t = _next(p, t - 1, zone)
                if t is None:
                    return None
            if t == least:
                return t
        raise ValueError(
            "And: no common time after %d in %d rounds, up to %d: %r"
            % (after, self.limit, t, self)
        )

    def __repr__(self):
        return "And%r" % (self.parts,)


class Window(_Parts):
    """Due when the trigger is, from start to finish; either may be left out.

    start, finish: epoch seconds or a time tuple, local time, both inside.
    """

    def __init__(self, trigger, start=None, finish=None):
        self.parts = _checked(self, (trigger,))
        if start is None and finish is None:
            raise ValueError("Window: expected start or finish, got neither")
        self.start = start if start is None else seconds("Window start", start)
        self.finish = finish if finish is None else seconds("Window finish", finish)
        both = start is not None and finish is not None
        if both and self.finish < self.start:  # pyright: ignore[reportOperatorIssue]
            raise ValueError(
                "Window finish: expected no less than start %d, got %d" % (self.start, self.finish)
            )

    def next(self, after, zone=None):
        """Return the first due time strictly after `after`, or None."""
        t = self.start
        if t is not None:
            t = zone.utc(t) if zone else t
            after = max(after, t - 1)
        t = _next(self.parts[0], after, zone)
        end = self.finish
        if t is None or end is None:
            return t
        return t if t <= (zone.utc(end) if zone else end) else None

    def __repr__(self):
        return "Window(%r, start=%r, finish=%r)" % (self.parts[0], self.start, self.finish)


class Jitter(_Parts):
    """Due `offset` seconds after the trigger is: always the same, so that order and period stay.

    most: the offset is drawn from 0 to `most` seconds when this is made, so that many boards do
    not all start at once; or it is given.
    """

    def __init__(self, trigger, most, offset=None):
        self.parts = _checked(self, (trigger,))
        if not isinstance(most, int) or isinstance(most, bool) or most < 0:
            raise ValueError("Jitter most: expected whole seconds >= 0, got %r" % (most,))
        if offset is None:
            from random import getrandbits

            offset = getrandbits(30) % (most + 1)
        elif not isinstance(offset, int) or not 0 <= offset <= most:
            raise ValueError("Jitter offset: expected 0 to %d, got %r" % (most, offset))
        self.offset = offset

    def next(self, after, zone=None):
        """Return the first due time strictly after `after`, or None."""
        t = _next(self.parts[0], after - self.offset, zone)
        return t if t is None else t + self.offset

    def __repr__(self):
        return "Jitter(%r, offset=%d)" % (self.parts[0], self.offset)


def _checked(maker, parts):
    if not parts:
        raise ValueError("%s: expected a trigger, got none" % type(maker).__name__)
    for p in parts:
        if not hasattr(p, "next"):
            raise TypeError(
                "%s: expected triggers, which have next(after), got %r" % (type(maker).__name__, p)
            )
    return parts


def _next(part, after, zone):
    return zone.next(part, after) if zone else part.next(after)
