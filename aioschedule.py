"""When a task starts, and what happens after it failed.

One heap of deadlines and one sleeper, which a nearer deadline wakes: nothing polls.
"""

import asyncio
import heapq
import time
from asyncio import core

from micropython import const

import aioctl

_AIOCTL_SCHEDULE_T0 = 0  # wall time at which schedule_loop began, epoch seconds
_SLEEP_MAX = const(0x1F000000)  # ms, 6 days: asyncio and ticks_diff end at 2**29


def __getattr__(name):
    # status_sc and the like: for people, loaded when asked for.
    from aiostatus import schedule

    value = globals()[name] = getattr(schedule, name)
    return value


def seconds_ms(word, v, least=0.0):
    """Return seconds (int or float, `least` to 2**30) as whole ms; `word` names it in errors."""
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        raise TypeError("%s: expected seconds, got %r" % (word, v))
    if not least <= v < 0x40000000:  # catches nan as well
        raise ValueError("%s: expected %r to 2**30 seconds, got %r" % (word, least, v))
    return int(v * 1000 + 0.5)


class Schedule:
    """When one task starts: `name`, `when` (as given), and `last` (clock time, s)."""

    last = None
    delay = 0  # ms to the first start
    wall = None  # epoch seconds of the first start, if it was given as a time tuple
    period = 0  # ms; 0: only once
    skipped = 0  # starts left out since a run was still going on, or the loop was late

    def __init__(self, name, when, n=0):
        for w in when:
            if w not in ("start_in", "repeat"):
                raise TypeError("schedule: unexpected %r; takes start_in and repeat" % (w,))
        start = when.get("start_in")
        repeat = when.get("repeat")
        if isinstance(start, (tuple, list)):
            from aiotrigger.wall import epoch

            self.wall = epoch("start_in", start)
        elif start is not None:
            self.delay = seconds_ms("start_in", start)
        if repeat is True:
            repeat = start
            if not self.delay:
                raise ValueError("repeat: True means start_in, which is %r" % (start,))
        if repeat:
            self.period = seconds_ms("repeat", repeat, 0.001)
            if start is None:
                self.delay = self.period
        elif start is None:
            raise ValueError("schedule: expected start_in or repeat, got %r" % (when,))
        self.name = name
        self.when = when
        # Entry in the heap: due time (s and ms of the clock; s None: not planned yet), rank
        # among equals, self (None: taken out, dropped when met). None: there is no start left.
        self.due = [None, 0, n, self]


class Scheduler:
    """Starts the tasks of `aioctl` when they are due.

    clock: as `aioctl.Clock`. jobs: {name: Schedule}. alog: a logger, or None.
    """

    def __init__(self, clock=None):
        self.clock = clock or aioctl.clock
        self.jobs = {}
        self.alog = None
        self._heap = []
        self._dead = 0  # entries of the heap that were taken out
        self._n = 0
        self._wall = None  # plans the schedules in wall time
        self._on = False  # until the first run_pending(), relative starts are not planned
        self._task = self._queue = None  # of loop(), and where it sleeps
        self._asleep = False

    def schedule(self, name, **when):
        """Start the task `name` at start_in, and then every `repeat`; replaces what it had.

        start_in: seconds (int or float) from the start of the loop, or from now if it runs; or
        a time tuple, local time. repeat: seconds, True (= start_in) or False. The task may be
        added later. A start in the past happens at once. Returns the `Schedule`.
        """
        if not isinstance(name, str):
            raise TypeError("schedule: expected the name of a task, got %r" % (name,))
        s = Schedule(name, when)
        self.put(s)
        rec = _record(name)
        if rec:
            rec.hold()
        return s

    def holds(self, name):
        """Tell whether a start of the task is to come."""
        s = self.jobs.get(name)
        return s is not None and s.due is not None

    def put(self, s):
        """Enter a schedule, new or dropped; one that is overdue starts its task at once."""
        # One look at the dict, which for a name that is not there may have to see all of it.
        if self.jobs.setdefault(s.name, s) is not s:
            self.drop(s.name)
            self.jobs[s.name] = s
        self._n = s.due[2] = self._n + 1
        if self._on or s.due[0] is not None:
            self._push(s)
            if self._heap[0] is s.due:
                self.wake()

    def wake(self):
        """Look at all deadlines now: one is nearer than before, or the wall clock was set."""
        t = self._task
        # If it has data it is being cancelled.
        if self._asleep and self._queue is core._task_queue and t.data is None:
            self._asleep = False
            core._task_queue.remove(t)
            core._task_queue.push(t)

    def _push(self, s):
        e = s.due
        if s.wall is not None:
            if not self._wall:
                from aiotrigger.wall import Wall

                self._wall = Wall(self.clock)
            self._wall.plan(s)
        elif e[0] is None:
            e[0] = self.clock.now()
            _add(e, self.clock.ms + s.delay)
        heapq.heappush(self._heap, e)

    def drop(self, name):
        """Take out and return the schedule of a task, as it stands; None if it has none."""
        s = self.jobs.pop(name, None)
        if s and s.due and s.due[0] is not None:
            e = s.due
            s.due = e[:]
            e[3] = None
            self._dead += 1
            if self._dead > 8 and self._dead * 2 > len(self._heap):
                self._heap = [e for e in self._heap if e[3]]
                heapq.heapify(self._heap)
                self._dead = 0
        return s

    def run_pending(self):
        """Start all that is due; return the ms to the next start, or None if there is none.

        The first call is the moment from which `start_in` counts.
        """
        c = self.clock
        now = c.now()
        if not self._on:
            self._on = True
            for s in self.jobs.values():
                if s.due and s.due[0] is None:
                    self._push(s)
        if self._wall and self._wall.stepped():
            for s in self.jobs.values():
                if s.wall is not None and s.due and s.due[0] is not None:
                    self._wall.plan(s)
            heapq.heapify(self._heap)
        while self._heap:
            e = self._heap[0]
            if not e[3]:
                heapq.heappop(self._heap)
                self._dead -= 1
                continue
            if e[0] - now > _SLEEP_MAX // 1000:
                return _SLEEP_MAX
            late = (now - e[0]) * 1000 + c.ms - e[1]
            if late < 0:
                return -late
            heapq.heappop(self._heap)
            self._fire(e[3], e, late)
        return None

    def _fire(self, s, e, late):
        # Start the task of `s`, whose entry `e` was taken from the heap `late` ms after its due.
        now = self.clock.s
        if s.wall is not None:
            if self._wall.early(s):
                heapq.heappush(self._heap, e)
                return
            s.wall = None
        if s.period:
            # The next start lies on the grid, strictly in the future.
            n = late // s.period
            s.skipped += n
            _add(e, e[1] + (n + 1) * s.period)
            heapq.heappush(self._heap, e)
        else:
            s.due = None
        rec = _record(s.name)
        if not rec:
            if s.last is None:  # said once
                s.last = now
                print("schedule_loop: there is no task %s to start" % s.name)
            return
        if rec.live():
            s.skipped += 1
            self._say("start skipped, still running: task", rec)
            return
        s.last = now
        try:
            rec.launch()
            self._say("starting task", rec)
        except (ValueError, MemoryError) as x:  # a coroutine that has run; no room now
            rec.tell("start failed: ", x)

    def _say(self, text, rec):
        if self.alog:
            try:
                self.alog.info("[schedule_loop] %s %s", text, rec.name)
            except Exception as e:  # noqa: BLE001 - a guard: reports
                rec.tell("log of schedule_loop failed: ", e)

    def running(self):
        """Tell whether a loop() of this scheduler lives."""
        return self._task is not None and self._queue is core._task_queue

    async def loop(self, alog=None):
        """Start tasks as they fall due, until cancelled. alog: a logger, or None."""
        if self.running():
            text = "schedule_loop: runs already, nothing changed"
            print(text)
            return text
        self._task = core.cur_task
        self._queue = core._task_queue  # a new loop of asyncio drops what was in the old one
        self.alog = alog or self.alog
        try:
            while True:
                ms = self.run_pending()
                self._asleep = True
                await asyncio.sleep_ms(_SLEEP_MAX if ms is None else ms)
                self._asleep = False
        finally:
            self._asleep = False
            self._task = None


def _add(e, ms):
    # Set the due time to `ms` after the second e[0].
    e[0] += ms // 1000
    e[1] = ms % 1000


def _record(name):
    g = aioctl.group()
    return g.tasks.get(name) if g else None


scheduler = Scheduler()  # the one that the functions here act on
_AIOCTL_SCHEDULE_GROUP = scheduler.jobs
schedule = scheduler.schedule
holds = aioctl.holds = scheduler.holds
drop = scheduler.drop
put = scheduler.put
clock_changed = scheduler.wake  # to be called after the wall clock was set


def schedule_task(*args, **when):
    """Decorate a coroutine function: the task of its name starts at `when` (see `schedule`)."""
    if args:
        raise TypeError("schedule_task: takes keywords, as @schedule_task(repeat=60)")
    Schedule("", when)

    def deco(f):
        schedule(aioctl.name_of(f), **when)
        return f

    return deco


async def schedule_loop(alog=None):
    """Start tasks as they fall due; to be added as a task. alog: a logger, or None."""
    global _AIOCTL_SCHEDULE_T0
    if not scheduler.running():
        _AIOCTL_SCHEDULE_T0 = time.time()
    return await scheduler.loop(alog)


async def watcher_loop(alog=None, sleep=30):
    """Restart what fails as its policy says; to be added as a task.

    alog: a logger, or None. sleep: the longest back-off of tasks that name none, seconds.
    """
    from aiosupervisor.policy import watch

    return await watch(alog, sleep)


def group():
    """Return the schedules, {name: Schedule}."""
    return scheduler.jobs
