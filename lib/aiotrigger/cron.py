"""Cron expressions: `parse` packs one into at most 32 bytes, `following` searches them.

Five fields, or six with seconds first. What each may hold: docs/triggers.md.
"""

from micropython import const

import aiotrigger.days as days
from aiotrigger.days import civil, number, weekday

# A table is two bytes of kinds and flags; then the fields from second to day-of-week, each as
# its kind says; then one byte for each L, LW, nW, nL and n#k. The size of a field by its kind
# is looked up in place, as b"\0\1\3\x08"[kind]: a function call would cost more than the rest.
_ALL = const(0)  # no byte: every value
_ONE = const(1)  # the value; day-of-month 0: none
_STEPS = const(2)  # first, last, step
_MASK = const(3)  # bits, value 0 first: 8, 8, 3, 4, 2 or 1 bytes
# table[0]: kinds of second, minute and hour (2 bits each), and
_BOTH = const(0x40)  # day-of-month and day-of-week must both match, else one suffices
_WILD = const(0x80)  # minute or hour begins with *: runs in real time (see zone.py)
# table[1]: kinds of day-of-month, month and day-of-week.
# The bytes at the end: 1 to 31 for nW, and
_L = const(32)
_LW = const(33)
_NTH = const(64)  # + k * 8 + day of the week; k is 6 for the last one
_MOST = const(32)  # bytes of a table
_NONE = const(99)  # more than any value of a field
_YEARS = const(41)  # what never came in 41 years will not: 29 February skips up to 40 Sundays


class Cron:
    """Due at the times of a cron expression, such as "*/5 8-18 * * mon-fri".

    expr: the expression; ValueError if it is wrong or never due. table: what `parse` made of
    it, instead of it.
    """

    def __init__(self, expr=None, table=None):
        self.table = table or parse(expr)
        self.expr = expr

    @property
    def wild(self):
        """True if it is due in real time while daylight saving changes (see `Zone.next`)."""
        return self.table[0] >= _WILD

    def next(self, after):
        """Return the first due time strictly after `after`; it never ends."""
        return following(self.table, int(after))

    def __repr__(self):
        return "Cron(%r)" % (self.expr or self.table)


def following(t, after):
    """Return the first time (epoch seconds) after `after` in the table `t`."""
    # Big ints on a 32-bit port, each of which costs memory, only in two places (until 2054).
    first = after - days.BASE + 1
    z = first // 86400 + days.BASE_DAY
    s = first % 86400
    d = _date(t, z)
    if d == z:
        s = _time(t, s)
        if s < 0:
            d = _date(t, z + 1)
    if d != z:
        if d < 0:
            return None
        s = _time(t, 0)
    return (d - days.BASE_DAY) * 86400 + s + days.BASE


# The least value >= v of the field at t[i], which ends at `hi`; _NONE if there is none.
def _at(t, i, kind, v, hi):
    if v > hi:
        return _NONE
    if kind == _MASK:
        while v <= hi:
            b = t[i + (v >> 3)] >> (v & 7)
            if b:
                while not b & 1:
                    b >>= 1
                    v += 1
                return v
            v = (v | 7) + 1
        return _NONE
    if kind == _ALL:
        return v
    a = t[i]
    if v <= a:
        return a
    if kind == _ONE:
        return _NONE
    step = t[i + 2]
    v = a + (v - a + step - 1) // step * step
    return v if v <= t[i + 1] else _NONE


# The first time of the day >= s, in seconds; -1 if there is none.
def _time(t, s):
    kinds = t[0]
    ks = kinds & 3
    km = kinds >> 2 & 3
    kh = kinds >> 4 & 3
    im = 2 + b"\0\1\3\x08"[ks]
    ih = im + b"\0\1\3\x08"[km]
    h = s // 3600
    m = s // 60 % 60
    x = _at(t, ih, kh, h, 23)
    if x == h:
        y = _at(t, im, km, m, 59)
        if y == m:
            s = _at(t, 2, ks, s % 60, 59)
            if s < 60:
                return h * 3600 + m * 60 + s
            y = _at(t, im, km, m + 1, 59)
        if y < 60:
            return h * 3600 + y * 60 + _at(t, 2, ks, 0, 59)
        x = _at(t, ih, kh, h + 1, 23)
    if x > 23:
        return -1
    return x * 3600 + _at(t, im, km, 0, 59) * 60 + _at(t, 2, ks, 0, 59)


# The first day >= z, as in days.py; -1 if there is none.
def _date(t, z):
    kinds = t[0]
    i = 2 + b"\0\1\3\x08"[kinds & 3] + b"\0\1\3\x08"[kinds >> 2 & 3]
    i += b"\0\1\3\3"[kinds >> 4 & 3]
    kinds = t[1]
    j = i + b"\0\1\3\4"[kinds & 3]
    kind = kinds >> 2 & 3
    e = j + b"\0\1\0\2"[kind] + (kinds >> 4 > 0)
    if not kinds & 15 and len(t) == e:
        # Any date: at most the day of the week matters.
        if kinds and t[0] & _BOTH:
            while not t[e - 1] >> weekday(z) & 1:
                z += 1
        return z
    c = civil(z)
    y = c >> 9
    m = c >> 5 & 15
    d = c & 31
    last = y + _YEARS
    while y < last:
        x = _at(t, j, kind, m, 12)
        if x > 12:
            y += 1
            m = d = 1
            continue
        if x > m:
            m = x
            d = 1
        z = number(y, m, 1)
        x = _day(t, i, e, d, weekday(z), number(y, m + 1, 1) - z)
        if x:
            return z + x - 1
        m += 1
        d = 1
    return -1


# The first day >= d of a month that begins with weekday `w` and has `n` days; 0 if there is
# none. Day-of-month is at t[i]; t[e] is the first byte after day-of-week.
def _day(t, i, e, d, w, n):
    while True:
        a = _by_date(t, i, e, d, w, n)
        b = _by_weekday(t, e, d, w, n)
        if not t[0] & _BOTH:
            a = b = min(a, b)
        d = max(a, b)
        if d > n:
            return 0
        if a == b:
            return d


def _by_date(t, i, e, d, w, n):
    best = _at(t, i, t[1] & 3, d, 31)
    for q in range(e, len(t)):
        c = t[q]
        if c == _L:
            x = n
        elif c <= _LW:
            # The nearest of Monday to Friday in the same month.
            x = n if c == _LW else c
            if x > n:
                continue
            c = (w + x - 1) % 7
            if c == 6:
                x += 2 if x == 1 else -1
            elif c == 0:
                x += -2 if x == n else 1
        else:
            continue
        if d <= x < best:
            best = x
    return best


def _by_weekday(t, e, d, w, n):
    if not t[1] >> 4:
        return d
    best = _NONE
    mask = t[e - 1]
    if mask:
        best = d
        while not mask >> (w + best - 1) % 7 & 1:
            best += 1
    for q in range(e, len(t)):
        c = t[q]
        if c > _NTH:
            x = ((c & 7) - w) % 7 + (c >> 3 & 7) * 7 - 6
            if c >= _NTH + 48:  # the last one: the fifth, or else the fourth
                x -= 7 if x - 7 <= n else 14
            if d <= x < best:
                best = x
    return best


_LOW = b"\0\0\0\1\1\0"
_HIGH = b"\x3b\x3b\x17\x1f\x0c\x07"  # 59, 59, 23, 31, 12, 7: Sunday is 0 and 7
_WIDTH = b"\x08\x08\3\4\2\1"  # bytes of a mask
_NAMES = ("", "", "", "", "janfebmaraprmayjunjulaugsepoctnovdec", "sunmontuewedthufrisat")
_WORDS = ("", "", "", "L, LW, nW or ", "jan to dec or ", "sun to sat, nL, n#k or ")
_SHORT = (
    "hourly:0 daily:0_0 midnight:0_0 weekly:0_0_*_*_0 monthly:0_0_1 "
    "yearly:0_0_1_1 annually:0_0_1_1"
)


def parse(expr):
    """Return the table of a cron expression, at most 32 bytes.

    ValueError names the field, what came and what would do; also for a date that never comes.
    """
    if not isinstance(expr, str):
        raise TypeError("cron: expected an expression such as '*/5 * * * *', got %r" % (expr,))
    parts = _fields(expr)
    t = bytearray(2)
    marks = []
    for i in range(6):
        seen = bytearray(60)
        for part in parts[i].split(","):
            c = _mark(i, part, expr)
            if not c:
                _enter(i, part, expr, seen)
            elif c not in marks:
                marks.append(c)
        t[i // 3] |= _pack(t, seen, i) << i % 3 * 2
    free = _MOST - len(t)
    if len(marks) > free:
        raise ValueError("cron: expected at most %d of L, nW, n#k here, got %r" % (free, expr))
    if "*" in (parts[3][0], parts[5][0]):
        t[0] |= _BOTH
    if "*" in (parts[1][0], parts[2][0]):
        t[0] |= _WILD
    t = bytes(t) + bytes(marks)
    if _date(t, days.EPOCH) < 0:
        raise ValueError(
            "cron day-of-month: expected a day that comes, got %r in month %r, day-of-week %r"
            % (parts[3], parts[4], parts[5])
        )
    return t


# The six fields of an expression, in small letters.
def _fields(expr):
    parts = expr.lower().split()
    if parts and parts[0][0] == "@":
        found = [w[len(parts[0]) :] for w in _SHORT.split() if w.startswith(parts[0][1:] + ":")]
        if not found or len(parts) > 1:
            known = ", ".join("@" + w.split(":")[0] for w in _SHORT.split())
            raise ValueError("cron: expected %s or fields, got %r" % (known, expr))
        parts = found[0].split("_")
        parts += ["*"] * (5 - len(parts))
    if len(parts) == 5:
        parts.insert(0, "0")
    if len(parts) != 6:
        raise ValueError("cron: expected 5 fields, or 6 with seconds first, got %r" % (expr,))
    for i in (3, 5):
        if parts[i] == "?":
            parts[i] = "*"
    return parts


# The byte for L, LW, nW, nL or n#k; 0 if `part` is none of these.
def _mark(i, part, expr):
    if i == 3:
        if part == "l":
            return _L
        if part == "lw":
            return _LW
        if part[-1:] == "w":
            return _int(i, part[:-1], part, expr, 1, 31, "before W a day of ")
    elif i == 5:
        p = part.split("#")
        if len(p) == 2:
            k = _int(i, p[1], part, expr, 1, 5, "after # a week of ")
        elif part[-1:] == "l":
            p = [part[:-1]]
            k = 6
        else:
            return 0
        return _NTH + k * 8 + _value(i, p[0], part, expr) % 7
    return 0


# Note in `seen` each value of `part`: *, a, a-b, */n, a/n, a-b/n.
def _enter(i, part, expr, seen):
    low = _LOW[i]
    high = _HIGH[i]
    size = 7 if i == 5 else high - low + 1
    p = part.split("/")
    r = p[0].split("-")
    if len(p) > 2 or len(r) > 2:
        _refuse(i, "*, a, a-b, */n, a-b/n or a list of these", part, expr)
    if p[0] == "*":
        a = low
        b = high
    else:
        a = b = _value(i, r[0], part, expr)
        if len(r) == 2:
            b = _value(i, r[1], part, expr)
            if b < a:  # over midnight, the weekend or New Year
                b += size
        elif len(p) == 2:
            b = high
    step = _int(i, p[1], part, expr, 1, size, "a step of ") if len(p) == 2 else 1
    for v in range(a, b + 1, step):
        seen[(v - low) % size + low] = 1


# A name or number of field `i`.
def _value(i, word, part, expr):
    low = _LOW[i]
    names = _NAMES[i]
    v = names.find(word) if len(word) == 3 else -1
    if v >= 0 and v % 3 == 0:
        return v // 3 + low
    return _int(i, word, part, expr, low, _HIGH[i], _WORDS[i])


def _int(i, word, part, expr, low, high, what):
    # int() takes more than digits, such as "1_0" and "+1".
    if not word or word.strip("0123456789") or not low <= int(word) <= high:
        _refuse(i, "%s%d to %d" % (what, low, high), part, expr)
    return int(word)


def _refuse(i, want, part, expr):
    name = "second minute hour day-of-month month day-of-week".split()[i]
    raise ValueError("cron %s: expected %s, got %r in %r" % (name, want, part, expr))


# Append field `i` to the table, in the shortest way; return its kind.
def _pack(t, seen, i):
    low = _LOW[i]
    high = 6 if i == 5 else _HIGH[i]
    found = [v for v in range(low, high + 1) if seen[v]]
    n = len(found)
    if n == high - low + 1:
        return _ALL
    if i < 5:
        if n < 2:
            t.append(found[0] if n else 0)
            return _ONE
        a = found[0]
        step = found[1] - a
        if i < 4 and found == list(range(a, found[-1] + 1, step)):
            t.append(a)
            t.append(found[-1])
            t.append(step)
            return _STEPS
    at = len(t)
    t.extend(bytes(_WIDTH[i]))
    for v in found:
        t[at + (v >> 3)] |= 1 << (v & 7)
    return _MASK
