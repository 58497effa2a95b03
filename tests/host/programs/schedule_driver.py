"""Runs scenarios of schedules on a clock that only it moves: one a line of stdin, what happened
one a line of stdout, JSON. Argument: 2000 for a port that counts from then.

A scenario: {"wall": the wall clock at the start, "zone": text or null, "most": calls of
run_pending() at most, "do": [...]}. What it may do, all times in ms:

    ["add", name, when]    a schedule and its task
    ["go", time]           time passes, from deadline to deadline
    ["block", time]        time passes, and nobody looks
    ["step", time]         the wall clock is set
    ["look"]               run_pending(), as after clock_changed()
    ["reset"]              the program begins anew, with what its store kept

What happened, a list: [clock, wall clock, ms to the next start or null, names that started] for
each run_pending(); ["add", name, clock, wall clock]; at the end
["counted", {name: [runs, missed, skipped, coalesced, pending]}].
"""

import asyncio
import builtins
import json
import sys

import aioctl
from aiotrigger import days


class Clock:
    """An `aioctl.Clock` that stands still until it is moved, and tells it only to who asks."""

    def set(self, wall):
        self.s = self.ms = self._s = self._ms = 0
        self._wall = wall  # its difference to the clock

    def move(self, ms):
        ms += self._ms
        self._s += ms // 1000
        self._ms = ms % 1000

    def step(self, ms):
        self._wall += ms

    def now(self):
        self.s = self._s
        self.ms = self._ms
        return self.s

    def wall(self):
        ms = self._wall + self._s * 1000 + self._ms
        self.wall_s = ms // 1000
        self.wall_ms = ms % 1000
        return self.wall_s

    def times(self):
        return [self._s * 1000 + self._ms, self.wall() * 1000 + self.wall_ms]


if sys.argv[1:] == ["2000"]:
    days.count_from(2000)
clock = aioctl.clock = Clock()
clock.set(0)

import aioschedule  # noqa: E402 - takes the clock that is there


class Store:
    """Keeps what a file would, but no file."""

    def __init__(self):
        self.texts = {}

    def load(self):
        return {key: json.loads(text) for key, text in self.texts.items()}

    def put(self, key, record):
        self.texts[key] = json.dumps(record)

    def delete(self, key):
        self.texts.pop(key, None)


class Run:
    """One scenario, on a scheduler of its own."""

    def __init__(self, wall, zone, most, do):
        clock.set(wall)
        self.zone = zone
        self.store = Store() if ["reset"] in do else None
        self.plans = []
        self.before = {}  # what was counted before the last reset
        self.begin()
        self.most = most
        self.do = do
        self.happened = []
        self.started = []

    async def all(self):
        for do, *words in self.do:
            step = getattr(self, do)(*words)
            if step:
                await step
        self.happened.append(["counted", self.counted()])
        self.end()
        return self.happened

    def begin(self):
        self.scheduler = aioschedule.Scheduler(clock)
        aioctl.holds = self.scheduler.holds
        self.scheduler.set_zone(self.zone)
        if self.store:
            self.scheduler.set_store(self.store)

    def end(self):
        for rec in list(aioctl.records()):
            aioctl.delete(rec.name)
        self.scheduler.table.clear()  # nobody knows it any more

    def counted(self):
        counted = {}
        for n, s in self.scheduler.table.items():
            numbers = [s.runs, s.missed, s.skipped, s.coalesced]
            before = self.before.get(n, (0, 0, 0, 0))
            counted[n] = [a + b for a, b in zip(numbers, before)] + [s.pending and not s.over]
        return counted

    def reset(self):
        self.before = self.counted()
        self.end()
        self.begin()
        for plan in self.plans:
            self.make(*plan)

    def add(self, name, when):
        self.plans.append((name, when))
        self.make(name, when)
        self.happened.append(["add", name] + clock.times())

    def make(self, name, when):
        async def job():
            self.started.append(name)

        self.scheduler.schedule(name, **when)
        aioctl.add(job, name=name)

    def block(self, ms):
        clock.move(ms)

    def step(self, ms):
        clock.step(ms)

    async def look(self):
        ms = self.scheduler.run_pending()
        turns = 4
        while turns:  # until the tasks have ended, and those that are owed a start
            await asyncio.sleep_ms(0)
            turns = 4 if any(s.owed for s in self.scheduler.table.values()) else turns - 1
        self.happened.append(clock.times() + [ms, self.started[:]])
        del self.started[:]
        return ms

    async def go(self, left):
        while len(self.happened) < self.most:
            ms = await self.look()
            if ms is None or ms > left:
                clock.move(left)
                return
            clock.move(ms)
            left -= ms


async def main():
    out = print
    builtins.print = lambda *words: None  # what the scheduler has to say
    for line in sys.stdin:
        out(json.dumps(await Run(**json.loads(line)).all()))


asyncio.run(main())
