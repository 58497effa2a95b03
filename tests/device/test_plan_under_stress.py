"""Schedules where memory is short, where callbacks call back, and in a second loop of asyncio."""

import asyncio
import gc

import aioctl
from support import FakeClock, printed, printed_by, turns

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
clock = aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there

scheduler = aioschedule.scheduler
HOUR = 3600


def setup():
    aioctl.color = False


class Job:
    """A task that notes when it ran; with `lasts` it waits for `end`."""

    def __init__(self, name="job", lasts=False):
        self.at = []
        self.lasts = lasts
        self.end = asyncio.Event()
        self.rec = aioctl.add(self.run, name=name)

    async def run(self):
        self.at.append(clock.now())
        if self.lasts:
            await self.end.wait()


async def go(seconds):
    """Let time pass, second by second."""
    for _ in range(seconds):
        clock.advance(1)
        scheduler.run_pending()
        await turns(4)


class Full:
    """Within it a method of a class wants for memory."""

    def __init__(self, of, name):
        self.of = of
        self.name = name

    def __enter__(self):
        self.real = getattr(self.of, self.name, None)  # as `__init__`, where there is none

        def full(*args):
            raise MemoryError

        setattr(self.of, self.name, full)

    def __exit__(self, *_):
        if self.real:
            setattr(self.of, self.name, self.real)
        else:
            delattr(self.of, self.name)


# Memory


async def test_a_plan_for_which_there_is_no_memory_is_made_later():
    from aioplan.when import Rich
    from aiotrigger.cron import Cron

    plans = {
        "cron": {"cron": "*/20 * * * * *"},
        "windowed": {"repeat": 20, "start": T0 - 10},
    }
    jobs = {}
    for name, when in plans.items():
        aioschedule.schedule(name, **when)
        jobs[name] = Job(name)
    scheduler.run_pending()
    await go(19)
    with Full(Cron, "next"), Full(Rich, "windowed"):
        await go(2)
    await go(40)
    for name, job in jobs.items():
        assert job.at == [22, 40, 60], (name, job.at)


async def test_a_clock_that_was_set_is_seen_once_more_if_there_was_no_memory():
    from aioplan.when import Rich

    aioschedule.schedule("job", cron="0 * * * *")
    job = Job()
    await go(1)
    clock.drift += HOUR - 100
    with Full(Rich, "plan"):
        try:
            scheduler.run_pending()
        except MemoryError:
            pass
    await go(120)
    assert job.at == [100], job.at


async def test_the_loop_goes_on_after_it_wanted_for_memory():
    looks = []
    real = scheduler.run_pending

    def run_pending():
        looks.append(1)
        if len(looks) == 1:
            raise MemoryError
        return real()

    scheduler.run_pending = run_pending
    rec = aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert rec.state == "running" and len(looks) == 1


async def test_an_instance_that_finds_no_memory_is_not_listed():
    aioschedule.schedule("job", repeat=1, overlap=3)
    Job(lasts=True)
    scheduler.run_pending()
    await go(1)
    for method in ("launch", "__init__"):
        with Full(aioctl.Taskctl, method):
            await printed_by(go(1))
    real = aioctl.TaskGroup.add_task
    with Full(aioctl.TaskGroup, "add_task"):
        await printed_by(go(1))
    assert aioctl.TaskGroup.add_task is real
    assert [r.name for r in aioctl.records()] == ["job"]
    await go(3)
    assert sorted(r.name for r in aioctl.records() if r.live()) == ["job", "job@1", "job@2"]


async def test_an_end_without_memory_is_an_end_also_if_somebody_listens():
    keep = []

    async def greedy():
        n = 4096
        while n > 16:
            try:
                keep.append(bytearray(n))
            except MemoryError:
                n //= 2
        while True:
            keep[0] = [keep[0]]

    import aiosupervisor.report  # noqa: F401 - there would be no room to load it

    aioschedule.listen(lambda *_: None, "failed")
    rec = aioctl.add(greedy)
    await turns()
    keep.clear()
    gc.collect()
    assert rec.state == "error" and not rec.live() and rec.task.done()


# Callbacks that call back


async def test_a_listener_may_arm_a_one_shot_again_when_it_starts():
    aioschedule.listen(lambda e, name, s, rec: aioschedule.schedule(name, start_in=2), "started")
    aioschedule.schedule("job", start_in=2)
    job = Job()
    scheduler.run_pending()
    await go(7)
    assert job.at == [2, 4, 6], job.at


async def test_a_listener_may_never_be_without_a_schedule():
    def back(event, name, s, rec):
        aioschedule.schedule(name, repeat=1)

    aioschedule.schedule("job", repeat=HOUR)
    job = Job()
    aioschedule.listen(back, "removed")
    scheduler.run_pending()
    aioschedule.schedule("job", repeat=2 * HOUR)
    assert aioschedule.group()["job"].period == 2 * HOUR * 1000
    aioschedule.unschedule("job")
    assert aioschedule.group()["job"].period == 1000
    aioschedule.unlisten(back)
    aioschedule.unschedule("job")
    await go(3)
    assert job.at == []


async def test_what_a_listener_unschedules_as_it_is_added_leaves_its_task_stopped():
    for when in ({"repeat": 9}, {"cron": "@daily"}, {"at": T0 + 50}):
        job = Job("job")
        aioschedule.listen(lambda event, name, s, rec: s.unschedule(), "added")
        aioschedule.schedule("job", **when)
        aioschedule.scheduler.heard = None
        assert "job" not in aioschedule.group()
        assert job.rec.state == "stopped", (when, job.rec.state)
        assert await asyncio.wait_for(aioctl.join("job"), 1) is None
        aioctl.delete("job")


async def test_what_a_listener_unschedules_as_it_is_put_back_leaves_its_task_stopped():
    job = Job("job")
    told = []

    def takes_out(event, name, s, rec):
        told.append((event, rec.state))
        s.unschedule()

    aioschedule.schedule("job", repeat=9)
    aioctl.stop("job")
    aioschedule.listen(takes_out, "added")
    aioctl.start("job")
    assert told == [("added", "scheduled")]
    assert job.rec.state == "stopped" and "job" not in aioschedule.group()
    assert await asyncio.wait_for(aioctl.join("job"), 1) is None


async def test_a_start_after_the_end_of_its_window_leaves_a_task_stopped():
    scheduler.run_pending()
    now = clock.wall()
    for when in ({"at": now + 5}, {"repeat": 3}, {"cron": "*/2 * * * * *"}):
        job = Job("job")
        aioschedule.schedule("job", finish=now + 10, **when)
        aioctl.stop("job")
        clock.advance(60)
        aioctl.start("job")
        await go(3)
        assert job.rec.state == "stopped" and not job.at, (when, job.rec.state)
        assert await asyncio.wait_for(aioctl.join("job"), 1) is None
        aioctl.delete("job")
        clock.drift -= 63


async def test_a_modify_without_memory_changes_nothing():
    s = aioschedule.schedule("job", repeat=9)
    scheduler.run_pending()
    for paused in (False, True):
        if paused:
            s.pause()
        due = s.next_due()

        def enter(new, ms):
            raise MemoryError

        scheduler.enter = enter
        try:
            s.modify(repeat=5)
        except MemoryError:
            pass
        else:
            raise AssertionError
        finally:
            del scheduler.enter
        assert aioschedule.group()["job"] is s and s.next_due() == due and s.paused == paused
    real = scheduler.enter

    def no_memory():
        raise MemoryError

    def enter(new, ms):
        clock.now = no_memory  # once it is in the table, nothing that takes memory is left
        real(new, ms)

    scheduler.enter = enter
    new = s.modify(repeat=5)
    del scheduler.enter, clock.now
    assert new.paused and new.next_due() is None and s.preview() == []
    s.resume()
    assert aioschedule.next_due("job") == clock.wall() + 5


async def test_what_a_listener_unschedules_is_not_fired():
    ran = []

    def other(event, name, s, rec):
        ran.append(name)
        aioschedule.unschedule("b" if name == "a" else "a")

    for name in "ab":
        aioschedule.schedule(name, on="go")
        Job(name)
    aioschedule.listen(other, "started")
    assert aioschedule.fire("go") == 1
    assert len(ran) == 1


async def test_a_bound_method_can_listen_and_stop():
    class App:
        heard = 0

        def hear(self, *_):
            self.heard += 1

    app = App()
    aioschedule.listen(app.hear, "started")
    aioschedule.schedule("job", repeat=1)
    Job()
    scheduler.run_pending()
    await go(2)
    assert app.heard == 2 and aioschedule.unlisten(app.hear) is True
    await go(2)
    assert app.heard == 2


async def test_the_logger_is_forgotten_and_nobody_else():
    class Log:
        def info(self, *args):
            heard.append("log")

    heard = []
    aioschedule.set_log(Log())
    aioschedule.listen(lambda *_: heard.append("other"), "started")
    aioschedule.reset(group=False, log=True)
    aioschedule.schedule("job", repeat=1)
    Job()
    scheduler.run_pending()
    await go(1)
    assert heard == ["other"]


async def test_a_start_that_is_not_made_is_not_counted():
    def again():
        told.append(aioschedule.run_now("me"))

    async def me():
        began.append(1)
        if len(began) == 1:
            again()

    told, began = [], []
    s = aioschedule.schedule("me", on="x", overlap="replace")
    aioctl.add(me)
    aioschedule.fire("x")
    await printed_by(turns(6))
    assert (told, s.runs, s.skipped, len(began)) == ([False], 1, 1, 1)
    once = aioschedule.schedule("once", on="x")
    aioctl.add(me(), name="once")
    assert aioschedule.run_now("once") is True
    await turns()
    printed(aioschedule.run_now, "once")
    assert once.runs == 1


async def test_a_scheduler_that_is_shut_down_is_kept_by_no_listener():
    def one():
        own = aioschedule.Scheduler(clock)
        own.listen(lambda *_: None, "done")
        own.schedule("x", repeat=60)
        own.start()
        return own

    sizes = []
    for _ in range(3):
        for _ in range(10):
            own = one()
            await turns(1)
            await own.shutdown()
            await turns(1)
        own = None
        gc.collect()
        sizes.append(gc.mem_alloc())
    assert sizes[2] - sizes[1] < 1000, sizes


async def test_listeners_of_a_scheduler_hear_again_when_it_is_started_again():
    own = aioschedule.Scheduler(clock)
    heard = []
    own.listen(lambda event, *_: heard.append(event), ("started", "done"))
    own.schedule("job", repeat=1)
    Job()
    for _ in range(2):
        own.start()
        await turns()
        clock.advance(1)
        own.wake()
        await turns(6)
        await own.shutdown()
    assert heard == ["started", "done"] * 2, heard
    own.start()
    job = Job("other", lasts=True)
    own.schedule("other", start_in=0)
    await turns()
    assert len(job.at) == 1
    await own.shutdown(wait=False)
    job.end.set()
    await turns()
    assert heard[-2:] == ["started", "done"], "it still goes on"


# What is late, and what never comes


async def test_nothing_starts_outside_its_window_however_it_comes():
    now = clock.wall()
    scheduler.run_pending()
    late = aioschedule.schedule("late", repeat=14, finish=now + 15)
    queue = aioschedule.schedule("queue", repeat=5, finish=now + 14, overlap="queue")
    cron = aioschedule.schedule("cron", cron="14 * * * * *", finish=now + 15)
    held = aioschedule.schedule("held", at=now + 5, finish=now + 15)
    part = aioschedule.schedule("part", repeat=0.25, start=now + 9, finish=now + 9)
    jobs = {n: Job(n, n == "queue") for n in ("late", "queue", "cron", "held", "part")}
    held.pause()
    await go(13)
    assert queue.runs == 1 and queue.owed == 1 and part.last is not None
    at = [s - clock.now() + 13 for s in jobs["part"].at]
    assert at and 9 <= at[0] and at[-1] <= 9, at
    clock.advance(30)
    scheduler.run_pending()
    held.resume()
    jobs["queue"].end.set()
    await go(3)
    for name, n in (("late", 0), ("queue", 1), ("cron", 0), ("held", 0)):
        assert len(jobs[name].at) == n, (name, jobs[name].at)
    assert late.missed == 1 and cron.missed == 1
    for when in (
        {"at": now - 100, "finish": now - 50},
        {"on": "x", "finish": now - 50},
        {"repeat": 5, "finish": 0},
    ):
        text = printed(aioschedule.schedule, "x", **when)
        assert "schedule of x: its window or its trigger has ended" in text, (when, text)
        x = Job("x")
        clock.advance(10)
        aioschedule.fire("x")
        await go(0)
        assert not x.at and aioschedule.next_due("x") is None, when
        aioctl.delete("x")


async def test_a_repeat_that_began_at_a_time_is_not_made_up_for_after_a_pause():
    scheduler.run_pending()
    for when in ({"at": clock.wall() + 5}, {"start_in": 5}):
        began = clock.now()
        aioschedule.schedule("job", repeat=20, **when)
        job = Job()
        aioschedule.pause("job")
        await go(10)
        aioschedule.resume("job")
        await go(40)
        assert [s - began for s in job.at] == [25, 45], (when, job.at)
        aioctl.delete("job")
        if "at" in when:
            await go(10)


async def test_jitter_is_not_lateness():
    scheduler.run_pending()
    s = aioschedule.schedule("job", repeat=10, jitter=30, grace=2)
    Job()
    await go(500)
    assert s.missed == 0 and s.runs > 5


async def test_a_combination_repeats_nothing_that_its_parts_do_not():
    from aiotrigger import Cron, Date, Jitter, Or, Window

    day = Cron("0 8 * * *")
    clock.advance(7.9 * HOUR)
    scheduler.run_pending()
    triggers = (
        Or(day, Cron("0 20 * * *")),
        Or(Date(T0 + 8 * HOUR), Date(T0 + 30 * HOUR)),
        Window(day, start=0),
        Jitter(day, 60, 0),
        Or(day, Cron("* * * * *")),
    )
    plans = [aioschedule.schedule("job%d" % i, trigger=t) for i, t in enumerate(triggers)]
    for i in range(len(triggers)):
        Job("job%d" % i)
    for _ in range(10):
        clock.advance(60)
        scheduler.run_pending()
        await turns()
    before = [s.runs for s in plans]
    clock.drift -= 600
    for _ in range(10):
        clock.advance(60)
        scheduler.run_pending()
        await turns()
    made = [s.runs - n for s, n in zip(plans, before)]
    assert made == [0, 0, 0, 0, 9], (before, made)


async def test_a_trigger_of_ones_own_may_have_any_attributes():
    class Odd:
        parts = zone = table = "mine"

        def next(self, after):
            return after + 7

    aioschedule.set_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    aioschedule.schedule("job", trigger=Odd())
    job = Job()
    scheduler.run_pending()
    await go(15)
    assert len(job.at) == 2


async def test_a_task_whose_schedule_ends_without_a_start_is_stopped():
    scheduler.run_pending()
    aioschedule.schedule("job", start_in=5, grace=1)
    job = Job()
    clock.advance(60)
    scheduler.run_pending()
    assert job.rec.state == "stopped"
    assert await aioctl.join("job", 1) is None
    aioschedule.schedule("job", start_in=5)
    assert job.rec.state == "scheduled"
    await go(6)
    assert len(job.at) == 1 and job.rec.state == "done"


async def test_a_paused_scheduler_fires_no_keyword():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", on="go")
    job = Job()
    own.pause()
    assert own.fire("go") == 0
    own.resume()
    assert own.fire("go") == 1
    await turns()
    assert len(job.at) == 1


async def test_many_starts_at_once_beside_each_other_are_counted_not_walked():
    s = aioschedule.schedule("job", repeat=1, overlap=2, coalesce=False)
    Job(lasts=True)
    heard = []
    aioschedule.listen(lambda event, *_: heard.append(event), "skipped")
    scheduler.run_pending()
    clock.advance(86400)
    scheduler.run_pending()
    assert (s.runs, s.skipped, len(heard)) == (2, 86398, 1)


async def test_what_nobody_added_was_never_started():
    s = aioschedule.schedule("nobody", repeat=5)
    scheduler.run_pending()
    clock.advance(5)
    text = printed(scheduler.run_pending)
    assert "no task nobody" in text and s.last is None and s.skipped == 1
    clock.advance(5)
    assert printed(scheduler.run_pending) == ""


async def test_what_is_wrong_is_refused_before_anything_is_done():
    own = aioschedule.Scheduler(clock)
    own.start()
    await turns()
    for error, f in (
        (TypeError, lambda: own.shutdown(timeout="5")),
        (ValueError, lambda: own.shutdown(timeout=1e6)),
    ):
        try:
            await f()
            raise AssertionError(f)
        except error as e:
            assert "timeout" in str(e)
    assert own.running()
    for wrong in (None, 5, aioctl.add(turns)):
        try:
            aioschedule.pause(wrong)
            raise AssertionError(wrong)
        except TypeError as e:
            assert "name of a task or its schedule" in str(e), e
    try:
        aioschedule.listen(print, ())
        raise AssertionError
    except ValueError as e:
        assert "mask" in str(e)


async def test_a_retry_is_held_also_if_somebody_gathers_the_task():
    ran = []

    async def work():
        ran.append(1)
        raise ValueError("x")

    async def wait():
        await asyncio.gather(rec.task, return_exceptions=True)

    rec = aioctl.add(work, name="job")
    s = aioschedule.schedule("job", start_in=0, repeat=60, retries=3, retry_in=0.02)
    scheduler.run_pending()
    await turns(1)
    waits = asyncio.create_task(wait())
    await turns()
    async with s.suspend():
        await asyncio.sleep_ms(50)
        assert len(ran) == 1 and waits.done()


def test_status_tells_the_time_of_the_schedulers_own_clock():
    later = FakeClock(T0 + 30 * 86400)
    own = aioschedule.Scheduler(later)
    own.schedule("job", repeat=60)
    Job()
    own.run_pending()
    assert "in 00:01:00" in printed(aioctl.status, "job")


# A second loop of asyncio


def test_a_second_loop_goes_on():
    async def main():
        aioctl.add(aioschedule.schedule_loop)
        for _ in range(3):
            await asyncio.sleep_ms(2)
            turns_made.append(1)

    turns_made = []
    aioschedule.schedule("job", cron="0 0 * * *")
    asyncio.run(main())
    asyncio.new_event_loop()
    clock.drift += HOUR
    asyncio.run(main())
    assert len(turns_made) == 6


def test_what_ran_in_an_earlier_loop_runs_no_more():
    async def main():
        loop = asyncio.create_task(aioschedule.schedule_loop())
        for _ in range(5):
            clock.advance(1)
            scheduler.wake()
            await turns()
        loop.cancel()

    s = aioschedule.schedule("job", repeat=1)
    job = Job(lasts=True)
    asyncio.run(main())
    assert s.runs == 1
    asyncio.new_event_loop()
    job.end = asyncio.Event()
    asyncio.run(main())
    assert s.runs == 2


def test_a_thread_of_an_earlier_loop_gives_its_place_back():
    import time

    import aiothread

    aiothread.limit = 1

    async def one():
        asyncio.create_task(aiothread.run(time.sleep_ms, 50))
        await asyncio.sleep_ms(10)

    async def two():
        found = await asyncio.wait_for(aiothread.run(lambda: io), 5)
        assert found is io, "what has a `send` is a result, too"

    class Io:
        def send(self):
            pass

    io = Io()
    asyncio.run(one())
    asyncio.new_event_loop()
    asyncio.run(two())
