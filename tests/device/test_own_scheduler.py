"""Schedulers beside the default one: what the registry knows of them, and how they are set up."""

import asyncio

import aioctl
from support import FakeClock, folder, printed, turns

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
clock = aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there


def setup():
    aioctl.color = False


class Job:
    """A task that counts its runs; with `lasts` each waits for `end`."""

    def __init__(self, name="job", lasts=False):
        self.runs = 0
        self.lasts = lasts
        self.end = asyncio.Event()
        self.rec = aioctl.add(self.run, name=name)

    async def run(self):
        self.runs += 1
        if self.lasts:
            await self.end.wait()


async def passes(seconds, own):
    """Let time pass, second by second."""
    for _ in range(seconds):
        clock.advance(1)
        own.run_pending()
        await turns(4)


def names():
    return [r.name for r in aioctl.records()]


def raised(error, f, *args):
    try:
        f(*args)
    except error as e:
        return str(e)
    raise AssertionError("not refused: %r" % (args,))


# In the registry


async def test_a_task_that_is_added_after_its_schedule_is_held_until_due():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=60)
    own.run_pending()
    job = Job()
    await turns()
    assert job.runs == 0 and job.rec.state == "scheduled"
    await passes(60, own)
    assert job.runs == 1


async def test_a_task_of_another_name_or_the_default_scheduler_is_held_as_without_an_own_one():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=60)
    aioschedule.schedule("default", repeat=60)
    other, default = Job("other"), Job("default")
    await turns()
    assert other.runs == 1 and default.runs == 0


async def test_a_scheduler_without_schedules_holds_nothing_any_more():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=60)
    own.drop("job")
    job = Job()
    await turns()
    assert job.runs == 1


async def test_a_scheduler_that_was_shut_down_holds_nothing_until_it_is_started_again():
    own = aioschedule.Scheduler(clock)
    own.schedule("a", repeat=60)
    own.schedule("b", repeat=60)
    own.start()
    await turns()
    await own.shutdown()
    a = Job("a")
    await turns()
    assert a.runs == 1
    own.start()
    b = Job("b")
    await turns()
    assert b.runs == 0
    await own.shutdown()


async def test_one_that_runs_by_its_loop_holds_its_tasks_as_well():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=60)
    await own.shutdown()
    aioctl.add(own.loop, name="plans")
    await turns()
    job = Job()
    await turns()
    assert job.runs == 0


async def test_of_many_that_were_dropped_the_oldest_are_forgotten():
    running = aioschedule.Scheduler(clock)
    running.schedule("runs", repeat=60)
    running.start()
    await turns()
    for i in range(40):
        aioschedule.Scheduler(clock).schedule("job%d" % i, repeat=60)
    first, last, runs = Job("job0"), Job("job39"), Job("runs")
    await turns()
    assert (first.runs, last.runs, runs.runs) == (1, 0, 0)
    await running.shutdown()


async def test_stop_takes_the_schedule_away_and_start_puts_it_back():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=10)
    job = Job()
    own.run_pending()
    await passes(10, own)
    assert job.runs == 1
    assert aioctl.stop("job") is True
    await passes(15, own)
    assert job.runs == 1 and not own.table
    aioctl.start("job")
    assert own.holds("job") and not aioschedule.holds("job")
    await passes(5, own)
    assert job.runs == 3  # at once, as it is late, and then on the grid
    await passes(10, own)
    assert job.runs == 4


async def test_stop_and_start_act_on_the_schedules_of_all_schedulers():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=10)
    aioschedule.schedule("job", repeat=15)
    Job()
    aioctl.stop("job")
    assert not own.table and not aioschedule.group()
    aioctl.start("job")
    assert own.holds("job") and aioschedule.holds("job")
    aioctl.delete("job")
    assert not own.table and not aioschedule.group()


async def test_what_one_scheduler_loses_another_keeps():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=10)
    plan = aioschedule.schedule("job", repeat=15)
    job = Job()
    assert "job:" in printed(aioschedule.status_sc)
    aioctl.stop("job")
    own.schedule("job", repeat=20)
    aioctl.stop("job")  # of this scheduler it takes the new one
    aioctl.start("job")
    assert own.table["job"].period == 20000 and aioschedule.group()["job"] is plan
    aioctl.delete("job")
    own.schedule("job", repeat=10)
    aioschedule.schedule("job", repeat=15)
    job = Job()
    own.table["job"].unschedule()
    assert job.rec.state == "scheduled", "the other scheduler will start it"
    aioschedule.unschedule("job")
    assert job.rec.state == "stopped"
    own.schedule("alone", repeat=15)
    assert "alone:" in printed(aioschedule.status_sc)


async def test_the_wall_clock_that_was_set_is_seen_by_all_that_run():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", at=clock.wall() + 1000)
    job = Job()
    own.start()
    await turns()
    before = job.runs
    clock.drift += 2000
    aioschedule.clock_changed()
    await turns(6)
    assert job.runs == before + 1
    await own.shutdown()


async def test_info_and_status_tell_of_the_schedule_in_the_time_of_its_own_clock():
    ahead = FakeClock(T0 + 1000000)
    ahead.advance(5000)
    own = aioschedule.Scheduler(ahead)
    own.schedule("job", repeat=10)
    Job()
    own.run_pending()
    ahead.advance(10)
    own.run_pending()
    await turns()
    assert own.jobs()[0]["last"] == ahead.wall()
    plan = aioctl.info("job")["schedule"]
    assert (plan["last"], plan["next"]) == (ahead.wall(), ahead.wall() + 10)


# Its life


async def test_starts_leave_one_record_however_often_and_whichever_scheduler():
    for _ in range(3):
        one, two = aioschedule.Scheduler(clock), aioschedule.Scheduler(clock)
        for _ in range(3):
            one.start()
            two.start()
            await turns()
            assert sorted(names()) == ["scheduler", "scheduler@1"]
            assert one.running() and two.running()
            await two.shutdown()
            two.start()  # before the cancelled one has ended
            await turns()
            assert sorted(names()) == ["scheduler", "scheduler@1"]
            await one.shutdown()
            await two.shutdown()
            await turns()
    assert aioctl.state("scheduler") == "stopped"


async def test_a_task_of_the_users_that_has_that_name_stays():
    job = Job("scheduler")
    await turns()
    own = aioschedule.Scheduler(clock)
    own.start()
    await turns()
    assert names() == ["scheduler", "scheduler@1"] and job.rec.state == "done"
    await own.shutdown()


async def test_a_second_start_and_a_shutdown_before_the_first_step():
    own = aioschedule.Scheduler(clock)
    assert own.start() is True and own.start() is False
    await own.shutdown()
    await turns()
    assert not own.running() and aioctl.state("scheduler") == "stopped"
    assert own.start() is True
    await turns()
    assert own.running()
    await own.shutdown()


async def test_a_start_that_is_not_paused_runs_after_one_that_was():
    own = aioschedule.Scheduler(clock)
    own.schedule("job", repeat=1)
    job = Job()
    own.start(paused=True)
    await turns()
    assert own.jobs()[0]["paused"] is True
    await own.shutdown()
    own.start()
    await turns()
    assert own.jobs()[0]["paused"] is False
    clock.advance(1)
    own.wake()
    await turns()
    assert job.runs == 1
    await own.shutdown()


async def test_a_scheduler_that_is_paused_for_weeks_loses_no_wrap_of_the_ticks():
    period = 1 << 30
    now = 0
    real = aioctl.ticks_ms, aioctl.ticks_diff
    aioctl.ticks_ms = lambda: now % period
    aioctl.ticks_diff = lambda a, b: (a - b + period // 2) % period - period // 2
    try:
        own = aioschedule.Scheduler(aioctl.Clock())
        own.run_pending()
        begin = own.clock.now()
        own.pause()
        for _ in range(4):
            now += 6 * 86400 * 1000
            assert own.run_pending() is None
        assert own.clock.now() - begin == 24 * 86400
    finally:
        aioctl.ticks_ms, aioctl.ticks_diff = real


# Its configuration


async def test_a_configuration_is_checked_with_the_defaults_that_it_brings():
    own = aioschedule.Scheduler(clock)
    own.configure({"defaults": {"retries": 2}})
    own.schedule("a", repeat=99)
    wrong = {"a": {"repeat": 5}, "b": {"repeat": 5, "retry_in": 3}}
    text = raised(ValueError, own.configure, {"defaults": {}, "schedules": wrong})
    assert "b" in text and "retry_in" in text
    assert own.defaults == {"retries": 2} and own.table["a"].period == 99000
    assert list(own.table) == ["a"]
    # What only the old defaults forbid.
    own.configure({"defaults": {}, "schedules": {"c": {"repeat": 5, "overlap": 2}}})
    assert own.table["c"].overlap == 2 and not own.defaults
    own.configure({"defaults": {"grace": 3}, "schedules": {"d": {"repeat": 5}}})
    assert own.table["d"].grace == 3000
    own.configure({"schedules": {"e": {"repeat": 5}}})  # the defaults stay
    assert own.table["e"].grace == 3000


async def test_a_trigger_that_fails_is_refused_before_anything_changes():
    class Broken:
        def next(self, after):
            raise OSError(5)

    own = aioschedule.Scheduler(clock)
    wrong = {"a": {"repeat": 5}, "b": {"trigger": Broken()}}
    raised(OSError, own.configure, {"defaults": {"grace": 3}, "schedules": wrong})
    assert not own.table and not own.defaults


async def test_what_a_schedule_is_due_at_is_not_that_of_the_defaults():
    own = aioschedule.Scheduler(clock)
    own.configure({"defaults": {"repeat": 60, "grace": 3}})
    for when, kept in (
        ({}, {"repeat": 60}),
        ({"count": 1}, {"repeat": 60, "count": 1}),
        ({"start_in": 5}, {"start_in": 5}),
        ({"cron": None}, {"repeat": 60}),
        ({"repeat": 5}, {"repeat": 5}),
        ({"cron": "@daily"}, {"cron": "@daily"}),
        ({"on": "word"}, {"on": "word"}),
    ):
        assert own.schedule("job", **when).when == dict(kept, grace=3), when
    own.configure({"defaults": {"cron": "@daily"}})
    assert own.schedule("job", repeat=5).when == {"repeat": 5}
    assert own.schedule("job", start_in=5).when == {"start_in": 5}
    own.configure({"defaults": {"start_in": 5, "repeat": True}})
    assert own.schedule("job", at=T0 + 7).when == {"at": T0 + 7}
    assert own.schedule("job", repeat=7).when == {"repeat": 7}


async def test_a_zone_that_is_none_is_refused_and_nothing_changed():
    own = aioschedule.Scheduler(clock)
    own.set_zone("CET-1")
    zone = own.zone
    for tz in (1, [], {}, True, "nowhere at all"):
        error = ValueError if isinstance(tz, str) else TypeError
        config = {"tz": tz, "schedules": {"job": {"repeat": 5}}}
        for f, arg in ((own.configure, config), (own.set_zone, tz)):
            text = raised(error, f, arg)
            assert repr(tz) in text, text
            if error is TypeError:
                assert "tz" in text and "POSIX" in text and "Zone" in text, text
        assert own.zone is zone and not own.table
    own.configure({"tz": None})
    assert own.zone is None
    own.set_zone(zone)
    assert own.zone is zone


async def test_errors_of_a_file_name_it():
    own = aioschedule.Scheduler(clock)
    path = folder() + "/wrong.json"
    assert "none.json" in raised(OSError, own.configure, folder() + "/none.json")
    with open(path, "w") as f:
        f.write('{"schedules": {"a": ')
    assert "wrong.json" in raised(ValueError, own.configure, path)


# The runs that a shutdown waits for


async def test_after_a_shutdown_nothing_is_made_again_or_runs_on():
    for wait in (True, False):
        await no_more_after(wait)


async def no_more_after(wait):
    for when, fails, before in (
        ({"retries": 3, "retry_in": 0.01}, True, 1),
        ({"retries": 3, "retry_in": 0}, False, 1),
        ({"overlap": 3}, False, 3),
        ({"overlap": "queue"}, False, 1),
    ):
        own = aioschedule.Scheduler(clock)
        own.schedule("job", repeat=10, **when)
        own.run_pending()
        job = Job(lasts=not fails)
        if fails:
            real = job.run

            async def run(real=real):
                await real()
                raise ValueError("boom")

            aioctl.delete("job")
            job.rec = aioctl.add(run, name="job")
        await passes(31 if not fails else 10, own)
        assert job.runs == before, (when, job.runs)
        await own.shutdown(wait=wait, timeout=0.01)
        runs = job.runs
        job.end.set()  # what was not waited for ends now
        await turns(5)
        for _ in range(5):
            await asyncio.sleep_ms(10)
        assert job.runs == runs, when
        assert not any(r.live() for r in aioctl.records()), when
        aioctl.delete("job")


async def test_the_last_start_is_told_by_the_clock_of_the_scheduler():
    other = FakeClock(T0 + 10**6)
    own = aioschedule.Scheduler(other)
    s = own.schedule("job", start_in=5)
    own.run_pending()
    Job()
    other.advance(5)
    own.run_pending()
    assert s.last == 5 and aioschedule.last(s) == T0 + 10**6 + 5


async def test_a_keyword_starts_the_tasks_of_one_scheduler():
    own = aioschedule.Scheduler(clock)
    own.schedule("mine", on="door")
    aioschedule.schedule("main", on="door")
    mine, main = Job("mine"), Job("main")
    assert own.fire("door") == 1
    await turns()
    assert (mine.runs, main.runs) == (1, 0)
    assert aioschedule.fire("door") == 1
    await turns()
    assert (mine.runs, main.runs) == (1, 1)


def test_a_scheduler_starts_again_in_a_new_loop():
    own = aioschedule.Scheduler(clock)
    runs = []

    async def main():
        own.schedule("job", start_in=0)
        job = Job()
        assert own.start() is True
        await turns(10)
        runs.append(job.runs)

    for _ in range(2):
        asyncio.run(main())
        asyncio.new_event_loop()
        aioctl.reset()
    assert runs == [1, 1], runs


async def test_a_run_that_fails_during_a_shutdown_or_after_it_is_not_made_again():
    for options in ({"timeout": 0.05}, {"wait": False}):
        await fails_once(options)


async def fails_once(options):
    own = aioschedule.Scheduler(clock)
    own.schedule("fails", start_in=0, retries=5, retry_in=0)
    own.schedule("lasts", start_in=0)
    fails = []
    gate = asyncio.Event()

    async def fail():
        fails.append(1)
        await gate.wait()
        raise ValueError("boom")

    aioctl.add(fail, name="fails")
    lasts = Job("lasts", lasts=True)
    own.run_pending()
    await turns()
    shutting = asyncio.create_task(own.shutdown(**options))
    await turns()
    gate.set()
    await shutting
    await turns()
    assert len(fails) == 1 and lasts.rec.live() is ("wait" in options)
    own.start()  # and then it goes on as before
    own.table["fails"].run_now()
    for _ in range(20):
        await asyncio.sleep_ms(1)
    assert len(fails) == 1 + 6
    await own.shutdown(timeout=0.001)
    aioctl.reset()
