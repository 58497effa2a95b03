"""What the tests of the triggers are made of: random cases, and what is right.

cronsim (the rules of Debian's cron) for cron expressions, CPython's zoneinfo for daylight saving;
and plain definitions, checked second by second or day by day, where the oracles differ by choice
(docs/triggers.md says where and why).
"""

import calendar
import datetime
import functools
import importlib.resources
import io
import re
import struct
import zoneinfo

import cronsim

UTC = datetime.timezone.utc
START = datetime.datetime(1970, 1, 1)
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
LOW = (0, 0, 0, 1, 1, 0)
HIGH = (59, 59, 23, 31, 12, 7)
ZONES = (
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "<+00>0<+02>-2,M3.5.0/1,M10.5.0/3",  # two hours
    "IST-1GMT0,M10.5.0,M3.5.0/1",  # winter time is the one that is saved
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",  # changes before and at midnight
    "EET-2EEST,M3.4.4/50,M10.4.4/50",
    # What cronsim gets wrong: half an hour, or a midnight, that is left out or comes twice.
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "<+0330>-3:30<+0430>,J79/24,J263/24",
    "AAA3BBB,70/1:30,290/2:15:00",
)
CRONSIM_ZONES = ZONES[:7]


def seconds(when):
    """Epoch seconds of a naive datetime."""
    return int((when - START).total_seconds())


def naive(t):
    return START + datetime.timedelta(seconds=t)


def some_time(r, first=2000, last=2099):
    years = (datetime.datetime(y, 1, 1) for y in (first, last))
    return r.randrange(*(seconds(y) for y in years))


def number(r, i, low=None, high=None):
    n = r.randint(LOW[i] if low is None else low, HIGH[i] if high is None else high)
    if i == 4 and r.random() < 0.2:
        return r.choice((str.upper, str.title, str))(MONTHS[n - 1])
    if i == 5 and r.random() < 0.2:
        return DAYS[n % 7] if n < 7 else "7"
    return f"{n:02}" if r.random() < 0.1 else str(n)


def bounds(r, i):
    a, b = sorted(r.randint(LOW[i], HIGH[i]) for _ in "ab")
    return a, b


def part(r, i):
    """One element of a list, as both cronsim and this project take it."""
    kind = r.random()
    size = 7 if i == 5 else HIGH[i] - LOW[i] + 1
    if kind < 0.4:
        return number(r, i)
    a, b = bounds(r, i)
    if kind < 0.6:
        return f"{a}-{b}"
    if kind < 0.75 and a != b:  # cronsim takes 3-3/2 for 3/2
        return f"{a}-{b}/{r.randint(1, size)}"
    if kind < 0.8:
        return f"*/{r.randint(1, size)}"
    if kind < 0.85:
        return f"{number(r, i)}/{r.randint(1, size)}"
    if i == 3:
        return r.choice(("L", "LW"))
    if i == 5:
        n = r.randint(0, 7)
        return r.choice((f"{n}L", f"{number(r, 5)}#{r.randint(1, 5)}"))
    return number(r, i)


def field(r, i, star=0.4):
    if r.random() < star:
        return "*" if r.random() < 0.8 else f"*/{r.randint(1, 7)}"
    return ",".join(part(r, i) for _ in range(r.choice((1, 1, 1, 2, 3))))


def expression(r, star=0.4):
    first = 0 if r.random() < 0.2 else 1
    return " ".join(field(r, i, star if i != 4 else 0.7) for i in range(first, 6))


def oracle(expr, after, n):
    """n times from cronsim; an empty list if it refuses, None where it finds none."""
    try:
        times = cronsim.CronSim(expr, naive(after))
    except cronsim.CronSimError:
        return []
    return [seconds(t) for _, t in zip(range(n), times)] or None


def value(word, i):
    if i == 4 and word in MONTHS:
        return MONTHS.index(word) + 1
    if i == 5 and word in DAYS:
        return DAYS.index(word)
    return int(word)


def walked(first, last, i):
    """The values from first to last, round the end of the field if need be."""
    if first <= last:
        return list(range(first, last + 1))
    size = 7 if i == 5 else HIGH[i] - LOW[i] + 1
    found = [LOW[i] + (first - LOW[i]) % size]
    while (found[-1] - last) % size:
        found.append(LOW[i] + (found[-1] - LOW[i] + 1) % size)
    return found


def values(text, i):
    """The set of plain values of a list, and what else is in it."""
    found = set()
    rest = []
    for one in text.lower().split(","):
        special = one.endswith(("l", "w")) or "#" in one
        if special and i in (3, 5):
            rest.append(one)
            continue
        body, _, step = one.partition("/")
        if body in ("*", "?"):
            ends = [LOW[i], HIGH[i]]
        else:
            ends = [value(w, i) for w in body.split("-")]
        if len(ends) == 1:
            ends.append(HIGH[i] if step else ends[0])
        found.update(walked(*ends, i)[:: int(step or 1)])
    return {v % 7 for v in found} if i == 5 else found, rest


def nearest_workday(day):
    """The nearest of Monday to Friday in the same month."""
    near = (day + datetime.timedelta(days=n) for n in (0, -1, 1, -2, 2))
    return next(d for d in near if d.month == day.month and d.weekday() < 5)


class Definition:
    """What a cron expression means, said as plainly as possible; slow."""

    def __init__(self, expr):
        parts = expr.split()
        if len(parts) == 5:
            parts.insert(0, "0")
        self.parts = parts
        self.both = parts[3][0] in "*?" or parts[5][0] in "*?"
        self.sets = [values(p, i) for i, p in enumerate(parts)]
        s, m, h = (sorted(self.sets[i][0]) for i in (0, 1, 2))
        self.times = [x * 3600 + y * 60 + z for x in h for y in m for z in s]

    def on(self, day):
        """Tell whether it is due on a day."""
        if day.month not in self.sets[4][0]:
            return False
        by_date = day.day in self.sets[3][0] or any(self.is_date(day, x) for x in self.sets[3][1])
        n = day.isoweekday() % 7
        by_week = n in self.sets[5][0] or any(self.is_nth(day, n, x) for x in self.sets[5][1])
        return by_date and by_week if self.both else by_date or by_week

    def is_date(self, day, x):
        last = calendar.monthrange(day.year, day.month)[1]
        if x == "l":
            return day.day == last
        n = last if x == "lw" else int(x[:-1])
        return n <= last and nearest_workday(day.replace(day=n)) == day

    def is_nth(self, day, n, x):
        week = datetime.timedelta(days=7)
        if x[-1] == "l":
            return value(x[:-1], 5) % 7 == n and (day + week).month != day.month
        name, k = x.split("#")
        return value(name, 5) % 7 == n and (day.day + 6) // 7 == int(k)

    def ever(self):
        """Tell whether the date ever comes: each kind of year is among these."""
        day = datetime.date(2001, 1, 1)
        return any(self.on(day + datetime.timedelta(days=n)) for n in range(28 * 366))

    def next(self, after, n, days=12000):
        """n times; None if that takes more than so many days."""
        day = datetime.date(1970, 1, 1) + datetime.timedelta(days=after // 86400)
        found = []
        for _ in range(days):
            if self.on(day):
                base = (day - START.date()).days * 86400
                for t in self.times:
                    if base + t > after:
                        found.append(base + t)
                        if len(found) == n:
                            return found
            day += datetime.timedelta(days=1)
        return None


def own_part(r, i):
    """One element of a list; what cronsim has not is preferred."""
    kind = r.random()
    if i == 3 and kind < 0.4:
        return f"{r.randint(1, 31)}{r.choice('wW')}"
    if i == 5 and kind < 0.2:
        return r.choice(DAYS) + r.choice(("L", "l", "#1", "#4", "#5"))
    a, b = bounds(r, i)
    if kind < 0.8 and a != b:
        step = f"/{r.randint(1, 7 if i == 5 else 12)}" if r.random() < 0.4 else ""
        if i >= 4 and r.random() < 0.5:
            names = MONTHS if i == 4 else DAYS
            return f"{names[b - LOW[i] - (i == 5 and b == 7)]}-{names[a - LOW[i]]}{step}"
        return f"{b}-{a}{step}"
    return part(r, i)


def own_expression(r):
    parts = []
    for i in range(0 if r.random() < 0.2 else 1, 6):
        if i in (3, 5) and r.random() < 0.2:
            parts.append("?")
        elif r.random() < (0.7 if i == 4 else 0.4):
            parts.append("*")
        else:
            parts.append(",".join(own_part(r, i) for _ in range(r.choice((1, 1, 2)))))
    return " ".join(parts)


def own_by_choice(expr):
    """True if this project takes the expression and cronsim does not, or the other way round."""
    parts = expr.lower().split()
    if len(parts) == 1:
        return expr[0] == "@"
    if len(parts) not in (5, 6):
        return False
    parts = ["0"] * (6 - len(parts)) + parts
    for i, text in enumerate(parts):
        for one in text.split(","):
            body, _, step = one.partition("/")
            size = 7 if i == 5 else HIGH[i] - LOW[i] + 1
            if i in (3, 5) and text == "?":
                return True
            if step.isdigit() and (int(step) > size or body in ("l", "lw")):
                return True  # cronsim takes L/2, and steps beyond the field
            if i == 3 and one[-1:] == "w" or i == 5 and one[-1:] == "l" and one[:-1] in DAYS:
                return True
            try:
                first, last = (value(w, i) for w in body.split("-"))
            except ValueError:
                continue
            if first > last or first == last and step:
                return True
    return _other_day(parts)


def _other_day(parts):
    """True if the day of the month may never come, but one of the week does: cronsim refuses."""
    if "*" in (parts[3][0], parts[5][0]):
        return False
    try:
        found, rest = values(parts[3], 3)
    except (ValueError, TypeError):
        return False
    return not rest and min(found, default=0) > 29


def mutated(r, expr):
    text = list(expr)
    for _ in range(r.randint(1, 2)):
        at = r.randrange(len(text) + 1)
        do = r.random()
        if do < 0.4:
            text.insert(at, r.choice("0123456789*/-,LWlw#? @xsunjan+_."))
        elif do < 0.7 and at < len(text):
            text[at] = r.choice("0123456789*/-,LW#? ")
        elif at < len(text):
            del text[at]
    return "".join(text)


@functools.cache
def zone_of(text):
    """A ZoneInfo that has nothing but the rules of a POSIX TZ string."""
    # CPython counts the days of the form `n` from 1; POSIX and the C library from 0.
    text = re.sub(r",(\d+)", lambda m: f",{int(m[1]) + 1}", text)
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4) + struct.pack(">lbb", 0, 0, 0) + b"UTC\0"
    block = b"TZif2" + bytes(15) + counts
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(block + block + b"\n" + text.encode() + b"\n"))


def offset_of(text, t):
    when = datetime.datetime.fromtimestamp(t, UTC).astimezone(zone_of(text))
    return int(when.utcoffset().total_seconds())


def tzif(name):
    """The file of a zone in the database."""
    return importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def footers():
    """The POSIX strings of all zones in the database: their rules from 2088 on."""
    names = importlib.resources.files("tzdata").joinpath("zones").read_text().split()
    found = {}
    for name in names:
        text = tzif(name).rstrip(b"\n").rsplit(b"\n", 1)[1].decode()
        found.setdefault(text, name)
    return found


@functools.cache
def changes(text, year):
    """The times in a year when the offset changes, to the second, and the offsets before."""
    first = seconds(datetime.datetime(year, 1, 1))
    days = range(first, first + 366 * 86400, 86400)
    found = []
    for a in days:
        before = offset_of(text, a)
        if before != offset_of(text, a + 86400):
            low, high = a, a + 86400
            while high - low > 1:
                middle = (low + high) // 2
                if offset_of(text, middle) == before:
                    low = middle
                else:
                    high = middle
            found.append((high, before))
    return found


def some_rule(r):
    """A rule for a change, not near New Year: there zoneinfo looks at the wrong year."""
    kind = r.random()
    if kind < 0.6:
        rule = f"M{r.randint(2, 11)}.{r.randint(1, 5)}.{r.randint(0, 6)}"
    elif kind < 0.8:
        rule = f"J{r.randint(60, 345)}"  # CPython takes J59 for 29 February
    else:
        rule = str(r.randint(20, 345))
    if r.random() < 0.6:
        rule += f"/{r.choice(('', '+', '-'))}{r.randint(0, 99)}"  # CPython 3.10 takes no more
        if r.random() < 0.3:
            rule += f":{r.randint(0, 59):02}"
    return rule


def some_zone(r):
    def name():
        return r.choice(("ABC", "Xyzzy", "<+03>", "<-0330>"))

    def offset():
        sign = r.choice(("", "+", "-"))
        minutes = r.choice(("", "", ":30", ":45", ":01"))
        return f"{sign}{r.randint(0, 14)}{minutes}"

    text = name() + offset()
    if r.random() < 0.8:
        text += name() + (offset() if r.random() < 0.3 else "")
        text += f",{some_rule(r)},{some_rule(r)}"
    return text


def far_apart(text, year):
    """True if its changes lie weeks apart: else their order is another one in another year."""
    found = [t for y in (year - 1, year, year + 1) for t, _ in changes(text, y)]
    return all(b - a > 20 * 86400 for a, b in zip(found, found[1:]))


def utc_of(text, local):
    """The first time at which the clock shows `local`, or the change that leaves it out."""
    year = naive(local).year
    for t, before in [c for y in (year - 1, year, year + 1) for c in changes(text, y)]:
        if t + before <= local < t + offset_of(text, t):
            return t
    return int(naive(local).replace(tzinfo=zone_of(text)).timestamp())


def near_a_change(r, text):
    """A time within two days before a change, or within the hours after it."""
    t, _ = r.choice(changes(text, r.randint(1990, 2090)))
    return t + r.randrange(-2 * 86400, 7200)


def repeated(text, t):
    """True in the second pass of an hour, or of two."""
    return any(offset_of(text, t - d) - offset_of(text, t) == d for d in (3600, 7200))


def night_expression(r):
    """Most of its times lie in the hours in which clocks are changed."""
    minute = r.choice(("0", "30", "*/15", "5-55/10", "*", "*/30", "0,30", "59", "15"))
    hour = r.choice(("2", "1-3", "*", "*/2", "0", "0,2", "3", "1", "2,3", "23", "*/3", "1,2"))
    day = r.choice(("*", "*", "*", "1-31"))
    return f"{minute} {hour} {day} * {r.choice(('*', '*', 'sun', '0-6'))}"


def defined(text, expr, after):
    """The next time of a job: once a day as the clock first shows it, or in real time."""
    d = Definition(expr)
    if "*" in expr.split()[0] + expr.split()[1]:
        t = after // 60 * 60 + 60
        while True:
            day, second = divmod(t + offset_of(text, t), 86400)
            if second in d.times and d.on(START.date() + datetime.timedelta(days=day)):
                return t
            t += 60
    local = d.next(after - 15 * 86400, 400)
    return min(u for u in (utc_of(text, t) for t in local) if u > after)


class Sets:
    """A random trigger as text, and the set of its times from the beginning of `span` on."""

    def __init__(self, r, span, depth=2):
        self.r = r
        self.span = span
        kind = r.choice(("Interval", "Interval", "Date", "Or", "And", "Window", "Jitter"))
        self.text, self.times = getattr(self, kind if depth else "Interval")(depth)

    def part(self, depth):
        return Sets(self.r, self.span, depth - 1)

    def Interval(self, depth):
        period = self.r.choice((1, 2, 7, 15, 60, self.r.randint(1, 90)))
        if self.r.random() < 0.3:
            first = self.span[0] - self.span[0] % 900
            times = set(range(first, self.span[-1] + 1, 900))
            return f"Interval(minutes=15, end={self.span[-1]})", times
        start = self.r.choice(self.span)
        end = start + self.r.randint(0, 4000)
        times = set(range(start, end + 1, period))
        return f"Interval({period}, start={start}, end={end})", times

    def Date(self, depth):
        when = self.r.choice(self.span)
        date = naive(when)
        word = str(when)
        if self.r.random() < 0.5:  # as a tuple whose minutes overflow
            d = (date.year, date.month, date.day, date.hour, date.minute + 60, date.second, 0, 0)
            word = str(d)
            when += 3600
        return f"Date({word})", {when}

    def Or(self, depth):
        parts = [self.part(depth) for _ in range(self.r.randint(1, 3))]
        return f"Or({', '.join(p.text for p in parts)})", set().union(*(p.times for p in parts))

    def And(self, depth):
        parts = [self.part(depth) for _ in range(self.r.randint(1, 3))]
        text = f"And({', '.join(p.text for p in parts)}, limit=10000)"
        return text, set.intersection(*(p.times for p in parts))

    def Window(self, depth):
        p = self.part(depth)
        start, finish = sorted(self.r.choice(self.span) for _ in "ab")
        times = {t for t in p.times if start <= t <= finish}
        return f"Window({p.text}, start={start}, finish={finish})", times

    def Jitter(self, depth):
        p = self.part(depth)
        offset = self.r.randint(0, 30)
        times = {t + offset for t in p.times}
        return f"Jitter({p.text}, 30, offset={offset})", times
