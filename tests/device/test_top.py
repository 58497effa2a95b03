"""`aioctl.top()`: whose steps the time of the loop goes to, sampled from a timer."""

import asyncio
import gc
import json
import time
from asyncio import core

import aiocrash
import aioctl
import aiowatchdog
from aiowatchdog import sampler, steps
from support import FakeClock, printed, turns

aioctl.color = False
clock = aioctl.clock = FakeClock()


class Timer:
    """A machine.Timer that fires when told to, at the ticks that it is told."""

    ONE_SHOT = 0
    PERIODIC = 1
    callback = None
    now = 0

    def init(self, mode, period, callback):
        assert mode == self.PERIODIC
        self.period = period
        self.callback = callback

    def deinit(self):
        self.callback = None

    def fire(self, ms=None):
        """Let it fire after so many ms, its period if None."""
        Timer.now += self.period if ms is None else ms
        if self.callback:
            self.callback(self)


timer = Timer()


def setup():
    # A step that is due began at 0 ms of these ticks, whenever that was.
    sampler.ticks_ms = lambda: Timer.now
    sampler.ticks_diff = lambda a, b: a - b if b <= Timer.now else Timer.now
    sampler.ticks_add = lambda a, b: a + b


def start(seconds=100, hz=50):
    return aiowatchdog.sample(seconds, hz, timer)


async def step(n, ms=None):
    # A step that takes n samples.
    for _ in range(n):
        timer.fire(ms)


async def steps_of(n, times):
    for _ in range(times):
        await step(n)
        await asyncio.sleep_ms(2)


def idle(n):
    # The loop waits; the last task that ran is asleep.
    now, core.cur_task = core.cur_task, None
    for _ in range(n):
        timer.fire()
    core.cur_task = now


def tasks(**words):
    return {row["name"]: row for row in aioctl.top_info(**words)["tasks"]}


async def forever():
    await asyncio.Event().wait()


async def fails():
    raise ValueError("x")


async def test_the_share_of_each_task_is_that_of_its_samples():
    s = start()
    assert s.period == 21, "never in step with a task that sleeps 10 ms or 1 s"
    aioctl.add(step, 30, name="a")
    aioctl.add(step, 10, name="b")
    aioctl.add(forever)
    await turns()
    idle(60)
    i = aioctl.top_info()
    shares = [(t["name"], t["share"]) for t in i["tasks"]]
    assert shares == [("a", 30.0), ("b", 10.0), ("forever", 0.0)], shares
    assert (i["idle"], i["other"], i["samples"], i["sampled"]) == (60.0, 0.0, 100, 2100), i
    json.dumps(i)


async def test_the_longest_step_is_that_in_which_samples_followed_one_another():
    start()
    aioctl.add(steps_of, 3, 4, name="short")
    aioctl.add(step, 10, name="long")
    aioctl.add(step, 1, name="once")
    while aioctl.tasks():
        await asyncio.sleep_ms(1)
    found = {name: row["longest"] for name, row in tasks().items()}
    assert found == {"short": 42, "long": 189, "once": 0}, found
    b = aiowatchdog.blocked()
    assert (b["ms"], b["task"]) == (189, "long"), b


async def test_a_call_that_lets_no_timer_in_counts_in_full():
    start()
    aioctl.add(step, 1, 500, name="native")
    await turns()
    row = tasks()["native"]
    assert (row["share"], row["longest"]) == (100.0, 479), row

    async def brief():
        Timer.now += 479  # in which the timer was due

    # Its step is over by the time the timer is let in.
    rec = aioctl.add(brief)
    await turns()
    now, core.cur_task = core.cur_task, rec.task
    timer.fire(21)
    core.cur_task = now
    row = tasks()["brief"]
    assert (row["share"], row["longest"]) == (50.0, 479), row


async def test_what_has_no_record_and_what_has_no_row_counts_as_other():
    async def anonymous():
        core._task_queue.push(overdue, time.ticks_add(time.ticks_ms(), -5))
        await step(5)

    s = start()
    n = len(s.rows)
    overdue = core.Task(forever())
    await asyncio.create_task(anonymous())
    assert s.spent[-1] == 5 * 21, s.spent[-1]
    for i in range(n + 5):
        aioctl.add(step, 1, name="t%d" % i)
    while aioctl.tasks():
        await asyncio.sleep_ms(1)
    assert s.rows[-1].name == "t%d" % (n - 1) and len(s.rows) == n
    assert s.spent[-1] == 10 * 21, s.spent[-1]


async def test_sampling_ends_by_itself_and_what_it_found_stays():
    s = start(2)
    aioctl.add(step, 200, name="a")
    await turns()
    assert not s.on and timer.callback is None and s.ms == 2016
    assert tasks()["a"]["share"] == 100.0
    second = start(1)
    third = start(1)
    assert sampler.sampler is third and not second.on
    aiowatchdog.stop_sampling()
    assert not third.on and timer.callback is None


async def test_sampling_allocates_nothing():
    start(86400)

    async def long():
        for n in (10, 2000):
            gc.collect()
            before = gc.mem_alloc()
            for _ in range(n):
                timer.callback(timer)
            used = gc.mem_alloc() - before
        assert used <= 200, used

    aioctl.add(long)
    await turns()
    assert aioctl.state("long") == "done", aioctl.traceback("long")


async def test_failures_are_counted_from_the_first_top_on():
    aioctl.add(fails, name="early")
    await turns()
    clock.advance(5)
    aioctl.top_info()
    clock.advance(60)
    aioctl.start("early")
    rec = aioctl.add(fails)
    await turns()
    aioctl.start("fails")
    await turns()
    i = aioctl.top_info()
    assert [(t["name"], t["failures"]) for t in i["tasks"]] == [("early", 1), ("fails", 2)]
    assert i["failures_for"] == 60 and rec.starts == 2


async def test_failures_are_counted_while_crashes_are_noted():
    history = aiocrash.start()
    aioctl.add(fails)
    await turns()
    assert tasks()["fails"]["failures"] == 1
    history.close()
    aioctl.start("fails")
    await turns()
    assert tasks()["fails"]["failures"] == 2, "top() asked for it, too"


async def test_what_is_not_asked_for_costs_nothing():
    aioctl.add(forever)
    await turns()
    assert aioctl.ended is None and sampler.sampler is None and timer.callback is None


async def test_the_table_says_what_its_numbers_mean():
    aioctl.add(forever)
    aioctl.add(fails, restart="no")
    await turns()
    clock.advance(3725)
    lines = printed(aioctl.top).split("\n")
    assert lines[0].split() == ["task", "state", "starts", "failures", "up"]
    assert lines[1].split() == ["forever", "running", "1", "0", "01:02:05"]
    assert lines[2].split() == ["fails", "error", "1", "0", "-"]
    assert lines[3] == "failures: of the last 0 s"
    assert "await aioctl.top(5)" in lines[4] and lines[5:] == [""]
    start()
    aioctl.add(step, 10, name="busy")
    await turns()
    idle(30)
    lines = printed(aioctl.top).split("\n")
    assert lines[0].split()[-3:] == ["share", "longest", "step"]
    assert lines[1].split() == ["busy", "done", "1", "0", "-", "25.0", "%", "189", "ms"]
    assert lines[2].split()[-5:] == ["0.0", "%", "under", "42", "ms"]
    assert lines[4].split() == ["(other)", "0.0", "%"]
    assert lines[5].split() == ["(idle)", "75.0", "%"]
    assert lines[7] == "share: of 0.8 s, in 40 samples, one in 21 ms"
    assert lines[8] == "longest block: 189 ms, busy, 0 s ago"
    assert all(line == line.rstrip() for line in lines)


async def test_top_takes_a_name_or_a_pattern():
    for name in ("a1", "a2", "b"):
        aioctl.add(forever, name=name)
    await turns()
    assert sorted(tasks(name="a*")) == ["a1", "a2"]
    assert "a2" not in printed(aioctl.top, name="a1")
    for name in ("x", "x*"):
        try:
            aioctl.top_info(name)
        except KeyError as e:
            assert e.args == (name,)
        else:
            raise AssertionError
    assert printed(aioctl.top, name="x") == "Task x not found in ['a1', 'a2', 'b']\n"


async def test_a_task_that_does_not_stop_is_stuck_here_too():
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass

    aioctl.add(stubborn)
    await turns()
    aioctl.stop("stubborn")
    await turns()
    clock.advance(6)
    assert tasks()["stubborn"]["state"] == "stuck"


async def test_it_can_be_awaited_and_samples_before():
    async def shown():
        lines = []
        real = steps.blocked
        steps.blocked = lambda: lines.append(1)
        await aioctl.top(0.1, timer=timer)
        steps.blocked = real
        return len(lines)

    assert await shown() == 1 and not sampler.sampler.on
    task = asyncio.create_task(aioctl.top(60, timer=timer))
    await turns()
    assert sampler.sampler.on
    task.cancel()
    await turns()
    assert not sampler.sampler.on, "a cancelled one samples no longer"


def test_what_makes_no_sense_is_refused():
    for words, text in (
        ({"seconds": 0}, "seconds: expected 0.1 to 1073741823 seconds, got 0"),
        ({"seconds": 90000}, "seconds: expected 0.1 to 86400, got 90000"),
        ({"seconds": "5"}, "seconds: expected seconds, got '5'"),
        ({"hz": 0}, "hz: expected a whole number from 1 to 500, got 0"),
        ({"hz": 501}, "hz: expected a whole number from 1 to 500, got 501"),
        ({"hz": 1.5}, "hz: expected a whole number from 1 to 500, got 1.5"),
        ({"hz": True}, "hz: expected a whole number from 1 to 500, got True"),
    ):
        try:
            aiowatchdog.sample(timer=timer, **words)
        except (TypeError, ValueError) as e:
            assert str(e) == text, e
        else:
            raise AssertionError(words)
    assert sampler.sampler is None and timer.callback is None
