"""When a task starts, and what happens after it failed.

One queue of deadlines and one sleeper, which a nearer deadline wakes: nothing polls. Here is
what every program runs; wall time, cron and all other ways to start are in lib/aioplan.
"""

import asyncio
import time
from asyncio import core
from time import ticks_add, ticks_diff

from micropython import const

import aioctl

_AIOCTL_SCHEDULE_T0 = 0  # wall time at which schedule_loop began, epoch seconds
_SLEEP_MAX = const(0x1F000000)  # ms, 6 days: asyncio and ticks_diff end at 2**29
LAP = const(0x10000000)  # ms, 3 days: what lies further off waits in the queue lap by lap
_NEAR_MS = const(2)  # before a wall time the loop turns: both clocks are read in whole ms
_LATER_MS = const(1000)  # until a look for which there was no memory: there may be room by then
_len = len  # builtins are looked up in a long list, one by one


def __getattr__(name):
    # Loaded when asked for: the watcher; pause, status_sc and the like.
    if name == "watcher_loop":
        from aiosupervisor import policy as part
    else:
        from aioplan import verbs as part
    value = globals()[name] = getattr(part, name)
    return value


def seconds_ms(word, v, least=0.0, most=0x3FFFFFFF):
    """Return seconds (int or float, `least` to `most`) as whole ms; `word` names it in errors."""
    if isinstance(v, bool) or not isinstance(v, (int, float)):
        raise TypeError("%s: expected seconds, got %r" % (word, v))
    if not least <= v <= most:  # catches nan as well
        raise ValueError("%s: expected %r to %r seconds, got %r" % (word, least, most, v))
    # An int stays one: the floats of boards have 24 bits.
    return v * 1000 if isinstance(v, int) else int(v * 1000 + 0.5)


class Schedule:
    """When one task starts, at an interval; `Scheduler.schedule` makes it.

    name: of the task. last: clock time of the last start, s. pending: is a start to come?
    runs: starts. skipped, coalesced: due times left out since a run was still going on, or
    since several were due at once.
    """

    last = sched = None  # sched: its `Scheduler`, if that is not the default one
    pending = True
    over = False  # nothing is to come, but if the clock is set back; pending: before it began
    runs = skipped = coalesced = 0
    delay = 0  # ms to the first start
    period = 0  # ms; 0: only once
    _t = None  # its entry while it is in the queue: an asyncio task that asyncio never sees
    _far = 0  # laps that its due time lies beyond the one in the queue

    def __init__(self, name, when):
        start = when.get("start_in")
        repeat = when.get("repeat")
        if repeat is True:
            repeat = start
            if not start:
                raise ValueError("repeat: True means start_in, which is %r" % (start,))
        if repeat:
            self.period = seconds_ms("repeat", repeat, 0.001)
            if start is None:
                start = repeat
        elif start is None:
            raise ValueError("schedule: expected start_in or repeat, got %r" % (when,))
        self.delay = seconds_ms("start_in", start)
        self.name = name
        # Its table of attributes has its final size now: to grow at a start costs a search of
        # the heap.
        self.last = self._t = None
        self.runs = 0
        if self.period >= LAP:
            self._far = 0

    def __getattr__(self, name):
        # What people and programs ask of it: when, next, pause, ...
        from aioplan import verbs

        return verbs.of_schedule(self, name)

    def wait(self, _):
        """Return the ms from now to its first start; None: something else will start it."""
        return self.delay

    def fire(self, scheduler, late):
        """Its time came `late` ms ago: plan what follows, and start the task."""
        if self.period:
            # The next start lies on the grid, strictly in the future.
            n = late // self.period
            if n:
                self.coalesced += n
            scheduler.put(self, (n + 1) * self.period - late)
        else:
            self.pending = False
            self._t = None
        scheduler.launch(self)


class Scheduler:
    """Starts the tasks of `aioctl` when they are due.

    clock: as `aioctl.Clock`. table: {name: Schedule}. heard: heard(event, schedule, record) is
    called with "started", "skipped" and the like, or None. room: how many schedules the table
    takes before it needs more.
    """

    # wall: plans the schedules in wall time, once there is one; zone: see `set_zone`;
    # defaults: words for new schedules.
    heard = wall = zone = defaults = None
    _s = None  # clock time of the last run_pending(), and _ms; before it nothing moves
    _ms = 0
    _task = _queue = None  # of loop(), and where it sleeps
    _asleep = False
    room = 1000

    def __init__(self, clock=None):
        self.clock = clock or aioctl.clock
        self.table = {}
        self._due = core.TaskQueue()
        self._key = 0  # the moment in the queue: ms, modulo the period of the ticks
        self._ahead = 0  # ms that the queue has yet to catch up with the last run_pending()

    def __getattr__(self, name):
        # start, pause, shutdown, configure, ...: for who runs a scheduler of his own.
        from aioplan import verbs

        return verbs.of_scheduler(self, name)

    def schedule(self, name, **when):
        """Start the task `name` at start_in, and then every `repeat`; replaces what it had.

        start_in: seconds (int or float) from the start of the loop, or from now if it runs; or
        a time tuple, local time. repeat: seconds, True (= start_in) or False. The task may be
        added later. A start in the past happens at once. Returns the `Schedule`.
        """
        s = make(self, name, when)
        # If it replaces one that goes on, or that is just starting it, a start that is on its way
        # was meant. (One name for two things: a longer frame would need the heap.)
        rec = self.enter(s, s.wait(self))
        rec = None if rec and (rec.pending or rec.last == self.clock.s) else self.record(name)
        if rec:
            rec.hold()
        self.say("added", s)
        return s

    def record(self, name):
        """Return the `Taskctl` of that name, or None."""
        g = aioctl.group()
        return g.tasks.get(name) if g else None

    def holds(self, name):
        """Tell whether a start of the task is to come."""
        s = self.table.get(name)
        return s is not None and s.pending

    def enter(self, s, ms):
        """Enter a schedule, due in `ms`, or None; return the one whose place it takes."""
        if self is not scheduler:
            s.sched = self
            if not self.table or self._queue is not core._task_queue:
                from aioplan.manage import know

                know(self)
        if ms is not None and not s._t:  # before anything changes: it may want for memory
            s._t = core.Task(s)  # pyright: ignore[reportArgumentType]
        # One look at the dict, which for a name that is not there may have to see all of it.
        old = self.table.setdefault(s.name, s)
        if old is s:
            old = None
        else:
            self.table[s.name] = s
            self.withdraw(old)
        if ms is not None:
            self.put(s, ms + self.since())
            if self._due.peek() is s._t:
                self.wake()
        if _len(self.table) > self.room:
            self._widen()
        return old

    def _widen(self):
        global _AIOCTL_SCHEDULE_GROUP
        self.room += self.room // 2
        try:
            from aioplan.room import roomy

            self.table = roomy(self.table)
            if self is scheduler:
                _AIOCTL_SCHEDULE_GROUP = self.table
        except MemoryError:
            pass  # then it costs time

    def since(self):
        """Return the ms since the last run_pending(), from which `put` counts."""
        self.clock.now()
        if self._s is None:
            return 0
        return (self.clock.s - self._s) * 1000 + self.clock.ms - self._ms

    def put(self, s, ms):
        """Let `s` fire `ms` milliseconds after the last run_pending()."""
        ms += self._ahead
        far = ms // LAP
        if far < 0:
            far += 1
        if s._far != far:
            s._far = far
        ms -= far * LAP
        t = s._t
        if not t:
            t = s._t = core.Task(s)  # pyright: ignore[reportArgumentType] - asyncio never sees it
        self._due.push(t, ticks_add(self._key, ms))  # pyright: ignore[reportArgumentType] - ticks are ints

    def drop(self, name):
        """Take out and return the schedule of a task; None if it has none."""
        s = self.table.pop(name, None)
        if s:
            self.withdraw(s)
            self.say("removed", s)
        return s

    def withdraw(self, s):
        """Take `s` out of the queue, if it is there."""
        if s._t:
            self._due.remove(s._t)
            s._t = None

    def wake(self):
        """Look at all deadlines now: one is nearer than before, or the wall clock was set."""
        t = self._task
        # If it has data it is being cancelled.
        if self._asleep and self._queue is core._task_queue and t.data is None:
            self._asleep = False
            core._task_queue.remove(t)
            core._task_queue.push(t)

    def run_pending(self):
        """Start all that is due; return the ms to the next look, or None if there is none.

        Those are the ms to the next start, but for one that is more than 3 days off. The first
        call is the moment from which `start_in` counts.
        """
        self._ahead += self.since()
        self._s = self.clock.s
        self._ms = self.clock.ms
        if self.wall:
            self.wall.check(self)
        while True:
            t = self._due.peek()
            ms = ticks_diff(t.ph_key, self._key) if t else LAP
            if ms <= 0:
                self._pop(t, self._ahead - ms)
            elif self._ahead:
                ms = min(ms, self._ahead)
                self._ahead -= ms
                self._key = ticks_add(self._key, ms)  # pyright: ignore[reportArgumentType]
            elif t:
                ms -= self.since()  # the starts took their time
                if ms > _NEAR_MS or not (self.wall and self.wall.reached(t)):
                    return ms if ms > 0 else 0
                self._pop(t, 0)
            else:
                return None

    def _pop(self, t, late):
        # The first entry of the queue is due. (On its own: a longer frame would need the heap.)
        self._due.pop()
        s = t.coro
        if s._far > 0:
            s._far -= 1
            self._due.push(t, ticks_add(t.ph_key, LAP))
        else:
            if s._far:  # it was due long ago
                late -= s._far * LAP
                s._far = 0
            s.fire(self, late)

    def launch(self, s):
        """Start the task of `s` now, unless it runs; say what came of it."""
        now = self.clock.s
        rec = self.record(s.name)
        if not rec:
            if not s.skipped:  # said once
                print("schedule_loop: there is no task %s to start" % s.name)
            s.skipped += 1
            self.say("skipped", s)
        elif rec.live():
            s.skipped += 1
            self.say("skipped", s, rec)
        else:
            try:
                rec.launch()
            except (ValueError, MemoryError) as x:  # a coroutine that has run; no room now
                rec.tell("start failed: ", x)
                return
            s.last = now
            s.runs += 1
            if self.heard:  # else its frame would need the heap
                self.say("started", s, rec)

    def say(self, event, s, rec=None):
        """Tell whoever listens."""
        if self.heard:
            rec = rec or self.record(s.name)
            try:
                self.heard(event, s, rec)
            except Exception as e:  # noqa: BLE001 - a guard: reports
                if rec:
                    rec.tell("listener of schedule_loop failed: ", e)
                else:
                    print("listener of schedule_loop failed:", s.name, e)

    def running(self):
        """Tell whether a loop() of this scheduler lives."""
        return self._task is not None and self._queue is core._task_queue

    async def loop(self, alog=None):
        """Start tasks as they fall due, until cancelled. alog: a logger, or None."""
        if self.running():
            text = "schedule_loop: runs already, nothing changed"
            print(text)
            return text
        if self is not scheduler:
            from aioplan.manage import know

            know(self)
        if aioctl._queue is not core._task_queue:
            from aiocontrol import forget_loop

            aioctl._queue = core._task_queue
            forget_loop()
        try:
            self._task = core.cur_task
            self._queue = core._task_queue  # a new loop of asyncio drops what was in the old one
            self._asleep = False
            if alog:
                from aioplan.listen import set_log

                set_log(alog, self)
            while True:
                try:
                    ms = self.run_pending()
                    if ms and ms <= _NEAR_MS and self.wall:
                        ms = self.wall.rest(self, ms)
                except MemoryError:
                    ms = _LATER_MS
                self._asleep = True
                await asyncio.sleep_ms(_SLEEP_MAX if ms is None else ms)
                self._asleep = False
        finally:
            self._asleep = False
            self._task = None


def make(scheduler, name, when):
    """Return the `Schedule` of a task on this scheduler, not entered yet."""
    if not isinstance(name, str):
        raise TypeError("schedule: expected the name of a task, got %r" % (name,))
    if scheduler.defaults:
        from aioplan.manage import with_defaults

        when = with_defaults(scheduler.defaults, when)
    simple = ("start_in" in when) + ("repeat" in when) == len(when)
    if simple and not isinstance(when.get("start_in"), (tuple, list)):
        return Schedule(name, when)
    from aioplan.when import Rich

    return Rich(scheduler, name, when)


scheduler = Scheduler()  # the one that the functions here act on
_AIOCTL_SCHEDULE_GROUP = scheduler.table
schedule = scheduler.schedule
holds = aioctl.holds = scheduler.holds
drop = scheduler.drop


def clock_changed():
    """Look at all deadlines of all schedulers now; to be called after the wall clock was set."""
    import sys

    scheduler.wake()
    part = sys.modules.get("aioplan.manage")  # it knows the others, if there are any
    if part:
        part.wake()


def schedule_task(*args, **when):
    """Decorate a coroutine function: the task of its name starts at `when` (see `schedule`)."""
    if args:
        raise TypeError("schedule_task: takes keywords, as @schedule_task(repeat=60)")
    make(scheduler, "", when)

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
