"""What schedules must do on a clock that may be set at any time, said as plainly as possible.

A `Model` is told when the scheduler looked, and says what should have started then, and when
the next start is. Times in ms: `t` by the clock that only goes on, `w` by the wall clock.
"""

import collections
import datetime
import functools

import cronsim
from triggercases import START, UTC, naive, oracle, repeated, seconds, zone_of

LAP = 0x10000000  # ms: what lies further off is waited for in laps
SET = seconds(datetime.datetime(2024, 1, 1))  # a clock that shows less has not been set
STEP = 1000  # ms: what moves it less is no step
MINUTE = 60 * 1000  # set back by no more, it repeats no start
HOUR = 3600 * 1000
QUEUE = 256  # starts that are made up for at most


@functools.cache
def cron_after(expr, zone, after):
    """The first due time strictly after `after`, epoch seconds."""
    if not zone:
        return oracle(expr, after, 1)[0]
    # Inside the hour that comes twice cronsim does not know what has run.
    begin = after
    while repeated(zone, begin):
        begin -= 3600
    start = datetime.datetime.fromtimestamp(begin, UTC).astimezone(zone_of(zone))
    return next(t for t in (int(t.timestamp()) for t in cronsim.CronSim(expr, start)) if t > after)


def cron_before(expr, before):
    """The last due time at or before `before`, epoch seconds, UTC."""
    times = cronsim.CronSim(expr, naive(before + 1), reverse=True)
    return int((next(times) - START).total_seconds())


class Plan:
    """One schedule. `due`: of its next start, or None; by the clock if `ticks`, else by the wall
    clock; in ms."""

    def __init__(self, when, zone):
        self.when = when
        self.zone = zone
        self.ticks = "at" not in when and "cron" not in when
        self.period = ms(when.get("repeat"))
        self.left = when.get("count")
        self.grace = ms(when.get("grace"))
        self.counted = [0, 0, 0]  # runs, missed, coalesced
        self.skipped = 0
        self.vague = False  # more were due at once than are counted
        self.pending = True
        self.over = False  # its window has ended
        self.due = None

    def begin(self, t, w):
        """It is planned; if it counts from the start of the scheduler again then."""
        when = self.when
        self.pending = True
        self.over = False
        if "at" in when:
            self.due = ms(when["at"])
        elif self.ticks:
            self.due = self.grid = t + ms(when.get("start_in", when.get("repeat")))
            self.window(t, w)
        else:
            self.plan(w)

    def plan(self, w):
        """A calendar's next start, after now; held while the clock is not set."""
        self.due = None
        if w // 1000 >= SET:
            self.due = self.after(w // 1000)
            if self.due is None:
                self.pending = False
                self.over = "finish" in self.when

    def after(self, s):
        s = max(s, self.when.get("start", s + 1) - 1)
        due = cron_after(self.when["cron"], self.zone, s)
        end = self.when.get("finish")
        return None if end is not None and due > end else due * 1000

    def window(self, t, w):
        """An interval's next start on its grid within its window, or its end."""
        start, end = ms(self.when.get("start")), ms(self.when.get("finish"))
        if start is not None:
            self.due += max(0, -(-(start - (w + self.due - t)) // self.period)) * self.period
        if end is not None and w + self.due - t > end:
            self.due = None
            self.pending = False
            self.over = True

    def limit(self):
        """By how many ms the clock may be set back without any start being made again."""
        if "cron" not in self.when or self.over and not self.counted[0]:
            return 0
        wild = "*" in self.when["cron"].split()[-5] + self.when["cron"].split()[-4]
        return MINUTE if wild else 3 * HOUR

    def set(self, t, w, back):
        """The wall clock was set back by so many ms, forward if < 0."""
        if self.over and back > self.limit():
            self.over = False
            self.pending = True
            if "cron" not in self.when:
                self.due = max(self.grid, t + (self.grid - t - 1) % self.period + 1)
                self.window(t, w)
                return
        if not self.pending:
            return
        if "cron" in self.when:
            if self.due is None or self.due > w and back > self.limit():
                self.plan(w)
        elif self.ticks and self.due > t and ("start" in self.when or "finish" in self.when):
            self.due = max(self.grid, t + (self.grid - t - 1) % self.period + 1)
            self.window(t, w)

    def look(self, t, w):
        """How many starts are made now."""
        if not self.pending or self.due is None or self.due > (t if self.ticks else w):
            return 0
        if "cron" in self.when:
            more, late = self.cron_passed(w)
        else:
            more, late = self.grid_passed(t, w)
        now = w // 1000
        if not self.when.get("start", now) <= now <= self.when.get("finish", now):
            self.counted[1] += more + 1
            return 0
        return self.starts(more, late)

    def cron_passed(self, w):
        more = 0
        last = self.due
        self.due = self.after(last // 1000)
        while self.due is not None and self.due <= w:
            more += 1
            last = self.due
            if more == 100:
                self.vague = True
                if not self.zone:
                    end = self.when.get("finish", w)
                    last = min(cron_before(self.when["cron"], w // 1000), end) * 1000
                    self.due = self.after(w // 1000)
                while self.due is not None and self.due <= w:
                    last = self.due
                    self.due = self.after(last // 1000)
                break
            self.due = self.after(last // 1000)
        if self.due is None:
            self.pending = False
            self.over = "finish" in self.when
        return more, w - last

    def grid_passed(self, t, w):
        late = (t if self.ticks else w) - self.due
        if not self.period:
            self.due = None
            self.pending = False
            return 0, late
        # What a wall clock that was set has left out is not made up for.
        more = late // self.period if self.ticks else 0
        end = ms(self.when.get("finish"))
        if end is not None:  # what lies beyond the window was not due
            more = min(more, max(end - w + late, 0) // self.period)
        last = late - more * self.period if self.ticks else late % self.period
        late %= self.period
        self.ticks = True  # an interval that began at wall time goes on by the clock
        self.due = t - late + self.period
        self.window(t, w)
        return more, last

    def starts(self, more, late):
        if self.grace is not None and late > self.grace:
            self.counted[1] += more + 1
            return 0
        if self.when.get("coalesce", True):
            self.counted[2] += more
            more = 0
        n = more + 1
        if self.left is not None:
            n = min(n, self.left)
            self.left -= n
            if not self.left:
                self.due = None
                self.pending = self.over = False
        self.skipped += max(0, n - QUEUE)
        n = min(n, QUEUE)
        self.counted[0] += n
        return n

    def waits(self, t, w):
        """The ms to when it wakes the scheduler, or None."""
        if self.due is None:
            return None
        left = self.due - (t if self.ticks else w)
        if not self.ticks and left > 2:
            left -= 2  # 2 ms early, since the clocks tell whole ones
        return (left - 1) % LAP + 1


def ms(seconds):
    return None if seconds is None else int(seconds * 1000 + 0.5)


class Model:
    """All schedules, as the scheduler has them."""

    def __init__(self, wall, zone):
        self.offset = wall
        self.zone = zone
        self.plans = {}
        self.waiting = []  # until the scheduler looks for the first time
        self.looked = False

    def add(self, name, when, t, w):
        """A schedule is made."""
        plan = Plan(when, self.zone)
        plan.begin(t, w)
        self.plans[name] = plan
        if plan.ticks and not self.looked:
            self.waiting.append(plan)

    def look(self, t, w):
        """How many start now of each name, and the ms to the next look, or None."""
        self.looked = True
        for plan in self.waiting:
            plan.begin(t, w)
        self.waiting = []
        back = self.offset - (w - t)
        if abs(back) >= STEP:
            self.offset = w - t
            for plan in self.plans.values():
                plan.set(t, w, back)
        names = collections.Counter()
        for name, plan in self.plans.items():
            names[name] += plan.look(t, w)
        waits = [plan.waits(t, w) for plan in self.plans.values()]
        return +names, min((x for x in waits if x is not None), default=None)
