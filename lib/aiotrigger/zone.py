"""Local time with daylight saving, from a POSIX TZ string."""

from micropython import const

import aiotrigger.days as days

_FAR = 1 << 48
_TRIES = const(50)  # times in a row that daylight saving swallows


class Zone:
    """The clock of a place: Zone("CET-1CEST,M3.5.0,M10.5.0/3").

    The string is that of POSIX with the hours of RFC 9636 (-167 to 167 for a change); daylight
    saving needs its rule. Times are epoch seconds, int; local ones count what the clock shows.
    """

    def __init__(self, text):
        if not isinstance(text, str):
            raise TypeError("Zone: expected a string such as 'CET-1', got %r" % (text,))
        self.text = text
        p = _Parser(text)
        p.name()
        self._std = self._dst = -p.time(24)
        # From UTC until before UTC, the seconds east of it then, and those before it. Kept for
        # the next call; one tuple, so that a second thread never sees half of it.
        self._span = (-_FAR, _FAR, self._std, self._std)
        self._rules = None  # when daylight saving begins and ends, see _moment
        if p.peek():
            p.name()
            self._dst = self._std + 3600 if p.peek() in "," else -p.time(24)
            self._rules = (p.rule(), p.rule())
            self._span = (0, 0, 0, 0)
        if p.peek():
            p.refuse("its end")

    def offset(self, utc):
        """Return the seconds by which local time is ahead of UTC."""
        return self._at(utc)[2]

    def local(self, utc):
        """Return the local time."""
        return utc + self._at(utc)[2]

    def utc(self, local):
        """Return the UTC time: the first of two; of a time that is left out that of the change."""
        early = local - max(self._std, self._dst)
        span = self._at(early)
        if early + span[2] == local:
            return early
        t = local - span[2]
        return t if t < span[1] else span[1]

    def next(self, trigger, after):
        """Return when (UTC) a trigger of local times is due next after `after` (UTC), or None.

        A time that the change to daylight saving leaves out is due at the change, and one that
        occurs twice is due the first time. But a trigger that is `wild` (a cron expression whose
        minute or hour begins with *, an interval up to an hour) is due in real time: whenever
        the clock shows one of its times.
        """
        after = int(after)
        if getattr(trigger, "zoned", False):
            return trigger.next(after, self)
        begin, end, off, before = self._at(after)
        if getattr(trigger, "wild", False):
            return self._wild(trigger, after, end, off)
        t = after + off
        if t < begin + before:  # the second pass of an hour whose times have been due
            t = begin + before - 1
        t = trigger.next(t)
        return t if t is None else self.utc(t)

    def _wild(self, trigger, after, end, off):
        t = trigger.next(after + off)
        if t is not None and t - off < end:
            return t - off
        back = self._at(end)[2]
        if back < off:
            # After the change the clock shows some times again.
            again = trigger.next(end + back - 1)
            if again is not None and again < end + off:
                return again - back
        for _ in range(_TRIES):
            if t is None:
                return None
            u = self.utc(t)
            shown = self.local(u)
            if shown == t:
                return u
            t = trigger.next(shown - 1)  # `t` is left out by a change, which is at `u`
        raise ValueError("Zone: no time of %r is ever shown in %s" % (trigger, self.text))

    # The span of time around `utc` in which the offset is the same.
    def _at(self, utc):
        s = self._span
        if not s[0] <= utc < s[1]:
            s = self._span = self._find(utc)
        return s

    def _find(self, utc):
        year = days.civil(int(utc) // 86400 + days.EPOCH) >> 9
        changes = []
        begins, ends = self._rules  # pyright: ignore[reportGeneralTypeIssues]
        # The change of one year may come before it begins, or after it ends.
        for y in range(year - 1, year + 3):
            changes.append((_moment(begins, y) - self._std, y, self._dst))
            changes.append((_moment(ends, y) - self._dst, y, self._std))
        changes.sort()
        begin = changes[0][0]
        off = before = self._std + self._dst - changes[0][2]  # the other one
        for i in range(8):
            t, _, o = changes[i]
            # Of two at once the second counts: one summer follows the other, all year round.
            if o != off and (i == 7 or changes[i + 1][0] != t):
                if t > utc:
                    return begin, t, off, before
                begin = t
                before = off
                off = o
        return begin, t, off, before

    def __repr__(self):
        return "Zone(%r)" % self.text


# When a rule of daylight saving falls in year `y`, local epoch seconds. Rules: (month, week,
# weekday, seconds) for Mm.w.d, (0, 1, day, seconds) for Jn, (0, 0, day, seconds) for n.
def _moment(rule, y):
    m, w, d, s = rule
    if m:
        z = days.number(y, m, 1)
        d = (d - days.weekday(z)) % 7 + 7 * w - 7
        if d >= days.number(y, m + 1, 1) - z:
            d -= 7
    elif w and d > 59:  # as if there were no 29 February
        z = days.number(y, 3, 1)
        d -= 60
    else:
        z = days.number(y, 1, 1)
        d -= w
    return (z + d - days.EPOCH) * 86400 + s


class _Parser:
    # Takes a POSIX TZ string from left to right.

    def __init__(self, text):
        self._text = text
        self._i = 0

    def refuse(self, want):
        rest = self._text[self._i :]
        raise ValueError("Zone: expected %s, got %r in %r" % (want, rest, self._text))

    def peek(self):
        return self._text[self._i : self._i + 1]

    def take(self, chars):
        # Step over one of `chars` and return it, or "".
        c = self.peek()
        if c and c in chars:
            self._i += 1
            return c
        return ""

    def name(self):
        start = self._i
        quoted = self.take("<")
        n = 0
        while True:
            c = self.peek().lower()
            if not ("a" <= c <= "z" or quoted and c and c in "+-0123456789"):
                break
            self._i += 1
            n += 1
        if n < 3 or quoted and not self.take(">"):
            self._i = start
            self.refuse("a name of 3 letters or more, or <+03>")

    def number(self, low, high, what=""):
        n = 0
        i = self._i
        while self.peek() and self.peek() in "0123456789":
            n = n * 10 + int(self.take("0123456789"))
        if i == self._i or not low <= n <= high:
            self._i = i
            self.refuse("%s%d to %d" % (what, low, high))
        return n

    def time(self, hours):
        # [+-]h[:m[:s]] as seconds.
        sign = self.take("+-")
        n = self.number(0, hours, "hours, ") * 3600
        if self.take(":"):
            n += self.number(0, 59) * 60
            if self.take(":"):
                n += self.number(0, 59)
        return -n if sign == "-" else n

    def rule(self):
        if not self.take(","):
            self.refuse("two rules for daylight saving, as in CET-1CEST,M3.5.0,M10.5.0/3")
        m = w = 0
        if self.take("Mm"):
            m = self.number(1, 12)
            self.dot()
            w = self.number(1, 5)
            self.dot()
            d = self.number(0, 6)
        elif self.take("Jj"):
            w = 1
            d = self.number(1, 365)
        else:
            d = self.number(0, 365)
        return m, w, d, self.time(167) if self.take("/") else 7200

    def dot(self):
        if not self.take("."):
            self.refuse("Mm.w.d (month, week, weekday)")
