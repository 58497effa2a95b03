"""Schedules beyond an interval, and their verbs, on a clock that the tests move."""

import asyncio
import gc
import sys

import aioctl
from support import FakeClock, folder, printed, printed_by, turns

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
clock = aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there

scheduler = aioschedule.scheduler
HOUR = 3600
DAY = 86400


def setup():
    aioctl.color = False


class Job:
    """A task that notes when it ran; with `lasts` it waits for `end`."""

    def __init__(self, name="job", lasts=False, error=None):
        self.at = []
        self.lasts = lasts
        self.error = error
        self.end = asyncio.Event()
        self.rec = aioctl.add(self.run, name=name)

    async def run(self):
        self.at.append(clock.ticks())
        if self.lasts:
            await self.end.wait()
        if self.error:
            raise self.error


async def go(seconds):
    """Let time pass from deadline to deadline, as the loop of the scheduler does."""
    left = int(seconds * 1000)
    while True:
        ms = scheduler.run_pending()
        await turns(4)
        ms = scheduler.run_pending()
        if ms is None or ms > left:
            break
        clock.advance(ms / 1000)
        left -= ms
    clock.advance(left / 1000)
    await turns(3)


def seconds(job):
    return [ms // 1000 for ms in job.at]


def refused(error, words, f, *args, **kwargs):
    before = list(aioschedule.group())
    try:
        f(*args, **kwargs)
    except error as e:
        for w in words:
            assert w in str(e), "%r is not in %r" % (w, str(e))
    else:
        raise AssertionError("not refused: %r %r" % (args, kwargs))
    assert list(aioschedule.group()) == before


# When


async def test_each_kind_of_start():
    class Odd:
        def next(self, after):
            return after + 7 if after < T0 + 20 else None

    table = (
        ({"at": T0 + 5}, [5]),
        ({"at": (2024, 11, 13, 0, 0, 6, 0, 0)}, [6]),
        ({"at": T0 + 5, "repeat": 10}, [5, 15, 25, 35, 45, 55]),
        ({"at": T0 - 5, "repeat": 20}, [0, 15, 35, 55]),
        ({"cron": "* * * * *"}, [60]),
        ({"cron": "*/20 * * * * *"}, [20, 40, 60]),
        ({"trigger": Odd()}, [7, 14, 21]),
        ({"start_in": 2.5, "repeat": 20}, [2, 22, 42]),
        ({"repeat": 20, "count": 2}, [20, 40]),
        ({"cron": "*/20 * * * * *", "count": 1}, [20]),
        ({"repeat": 10, "start": T0 + 25}, [30, 40, 50, 60]),
        ({"repeat": 10, "finish": T0 + 25}, [10, 20]),
        ({"repeat": 10, "start": T0 + 20, "finish": T0 + 40}, [20, 30, 40]),
        ({"cron": "*/10 * * * * *", "start": T0 + 15, "finish": T0 + 30}, [20, 30]),
        ({"at": T0 + 5, "repeat": 10, "finish": T0 + 30}, [5, 15, 25]),
    )
    jobs = []
    for i, (when, _) in enumerate(table):
        aioschedule.schedule("job%d" % i, **when)
        jobs.append(Job("job%d" % i))
    await go(60)
    scheduler.run_pending()
    await turns()
    for job, (when, at) in zip(jobs, table):
        assert seconds(job) == at, (when, seconds(job))
        assert job.rec.state in ("done", "scheduled")


def test_schedules_that_make_no_sense_are_refused():
    s = aioschedule.schedule
    for error, words, when in (
        (TypeError, ("unexpected 'every'", "start_in"), {"every": 5}),
        (ValueError, ("expected one of", "at", "cron"), {"at": 5, "cron": "* * * * *"}),
        (ValueError, ("repeat", "cron"), {"cron": "* * * * *", "repeat": 5}),
        (ValueError, ("cron",), {"cron": "61 * * * *"}),
        (ValueError, ("day-of-month", "30"), {"cron": "0 0 30 2 *"}),
        (TypeError, ("on", "5"), {"on": 5}),
        (TypeError, ("on", "''"), {"on": ""}),
        (TypeError, ("trigger", "next(after)"), {"trigger": 5}),
        (TypeError, ("at", "epoch seconds"), {"at": "noon"}),
        (ValueError, ("jitter",), {"repeat": 5, "jitter": -1}),
        (ValueError, ("jitter", "518400", "518401"), {"repeat": 5, "jitter": 518401}),
        (ValueError, ("grace",), {"repeat": 5, "grace": -1}),
        (ValueError, ("count", "0"), {"repeat": 5, "count": 0}),
        (ValueError, ("count", "True"), {"repeat": 5, "count": True}),
        (TypeError, ("coalesce", "5"), {"repeat": 5, "coalesce": 5}),
        (ValueError, ("overlap", "'twice'"), {"repeat": 5, "overlap": "twice"}),
        (ValueError, ("retries", ">= 0", "-1"), {"repeat": 5, "retries": -1}),
        (ValueError, ("retry_in", "retries"), {"repeat": 5, "retry_in": 1}),
        (ValueError, ("retry_in", "-1"), {"repeat": 5, "retries": 1, "retry_in": -1}),
        (ValueError, ("retry_in", "518400"), {"repeat": 5, "retries": 1, "retry_in": 1e6}),
        (ValueError, ("retries", "overlap=2"), {"repeat": 5, "retries": 1, "overlap": 2}),
        (ValueError, ("finish", "start"), {"repeat": 5, "start": 50, "finish": 40}),
        (ValueError, ("never due",), {"at": T0 + 5, "finish": T0 + 4}),
        (ValueError, ("schedule", "start_in"), {"jitter": 5}),
    ):
        refused(error, words, s, "x", **when)


async def test_jitter_delays_and_does_not_move_the_grid():
    aioschedule.schedule("job", repeat=60, jitter=10)
    aioschedule.schedule("noon", cron="* * * * *", jitter=10)
    jobs = Job(), Job("noon")
    await go(60 * 50)
    for job in jobs:
        late = [ms - 60000 * i for i, ms in enumerate(job.at, 1)]
        assert len(late) >= 49, len(late)
        assert min(late) >= 0 and max(late) <= 10000, late
        assert len(set(late)) > 10, late  # drawn anew each time


async def test_a_keyword_starts_its_tasks():
    aioschedule.schedule("a", on="door")
    aioschedule.schedule("b", on="door", count=1)
    aioschedule.schedule("c", on="window")
    a, b, c = Job("a"), Job("b"), Job("c")
    await go(10)
    assert a.rec.state == b.rec.state == "scheduled" and not a.at
    assert aioschedule.fire("door") == 2
    await turns()
    assert aioschedule.fire("door") == 1  # b was to start once
    await turns()
    assert seconds(a) == [10, 10] and seconds(b) == [10] and not c.at
    assert aioschedule.fire("roof") == 0
    assert "on window" in printed(aioctl.status, "c")


# Late


async def test_many_missed_make_one_start_or_each_its_own():
    aioschedule.schedule("one", cron="* * * * *")
    aioschedule.schedule("each", repeat=60, coalesce=False)
    one, each = Job("one"), Job("each")
    await go(60)
    clock.advance(300)  # the loop was blocked
    await go(0)
    await turns(20)
    assert seconds(one) == [60, 360], seconds(one)
    assert seconds(each) == [60] + [360] * 5, seconds(each)
    s = aioschedule.group()["one"]
    assert (s.runs, s.coalesced) == (2, 4)
    assert aioschedule.group()["each"].runs == 6


async def test_who_is_later_than_grace_is_missed():
    aioschedule.schedule("strict", repeat=60, grace=10)
    aioschedule.schedule("calendar", cron="* * * * *", grace=10)
    strict, calendar = Job("strict"), Job("calendar")
    await go(60)
    clock.advance(75)  # 15 s after the next
    await go(0)
    assert seconds(strict) == seconds(calendar) == [60]
    assert aioschedule.missed("strict") == aioschedule.missed("calendar") == 1
    await go(40)
    clock.advance(14)  # 9 s late
    await go(0)
    assert seconds(strict) == seconds(calendar) == [60, 189]
    assert aioschedule.group()["strict"].runs == 2


async def test_a_year_missed_does_not_burst():
    aioschedule.schedule("job", cron="* * * * *")
    job = Job()
    await go(60)
    clock.advance(365 * DAY)
    await go(1)
    assert len(job.at) == 2
    assert aioschedule.next_due("job") % 60 == 0


# The wall clock


async def test_cron_is_planned_anew_when_the_clock_is_set():
    aioschedule.schedule("noon", cron="0 12 * * *")
    aioschedule.schedule("hourly", repeat=HOUR)
    noon, hourly = Job("noon"), Job("hourly")
    await go(HOUR)
    clock.drift = 10 * HOUR  # 11:00 by the wall clock
    aioschedule.clock_changed()
    await go(2 * HOUR)
    assert seconds(noon) == [2 * HOUR], seconds(noon)
    clock.drift -= DAY
    await go(25 * HOUR)
    assert seconds(noon) == [2 * HOUR, 26 * HOUR], seconds(noon)
    assert seconds(hourly) == [HOUR * i for i in range(1, 29)], seconds(hourly)


async def test_a_calendar_waits_for_a_clock_that_is_set():
    clock.drift = -24 * 365 * DAY  # the year 2000
    aioschedule.schedule("noon", cron="0 12 * * *")
    aioschedule.schedule("tuple", at=clock.wall() + 5)  # by the clock as it is
    noon, by_clock = Job("noon"), Job("tuple")
    await go(3 * DAY)
    assert not noon.at and noon.rec.state == "scheduled" and seconds(by_clock) == [5]
    assert "once the clock is set" in printed(aioctl.status, "noon")
    clock.drift = 0
    aioschedule.clock_changed()
    await go(DAY)
    assert seconds(noon) == [3 * DAY + DAY // 2], seconds(noon)


async def test_what_ntptime_sets_is_seen_at_once():
    class Ntp:
        def settime(self):
            clock.drift = 0
            if self.fails:
                raise OSError(110)

        fails = False

    sys.modules["ntptime"] = ntp = Ntp()
    ntp.settime = ntp.settime  # as the function of a module is
    aioschedule.hook_clock()
    aioschedule.hook_clock()  # it is hooked once
    clock.drift = -24 * 365 * DAY
    aioctl.add(aioschedule.schedule_loop)
    aioschedule.schedule("job", cron="0 12 * * *")
    Job()
    await turns()
    assert aioschedule.next_due("job") is None
    ntp.settime()
    await turns()
    assert aioschedule.next_due("job") == T0 + DAY // 2
    ntp.fails = True
    try:
        ntp.settime()
        raise AssertionError("no error")
    except OSError:
        pass


async def test_local_time_with_daylight_saving():
    # 2025-03-30: 02:30 does not exist in Berlin; 2025-10-26: it is shown twice.
    start = 1743202800  # 2025-03-29 00:00 in Berlin
    clock.drift = start - T0
    aioschedule.set_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    aioschedule.schedule("night", cron="30 2 * * *")
    night = Job("night")
    await go(3 * DAY)
    hours = [(s - DAY * i) / HOUR for i, s in enumerate(seconds(night))]
    assert hours == [2.5, 2, 1.5], hours  # on the 30th at the change, then an hour earlier
    assert aioschedule.preview("night", 1) == [start + 3 * DAY + HOUR * 3 // 2]
    aioschedule.schedule("at", at=(2025, 4, 2, 12, 0, 0, 0, 0))
    assert aioschedule.next_due("at") == start + 4 * DAY + 11 * HOUR
    aioschedule.set_zone(None)
    assert aioschedule.next_due("night") % DAY == HOUR * 5 // 2


# Overlap


async def test_what_is_due_while_it_runs():
    for overlap, runs, skipped in (("skip", 1, 2), ("queue", 1, 0), ("replace", 3, 0), (2, 2, 1)):
        aioschedule.schedule("job", repeat=10, overlap=overlap)
        job = Job(lasts=True)
        s = aioschedule.group()["job"]
        await go(35)
        assert len(job.at) == runs, (overlap, job.at)
        assert s.skipped == skipped, (overlap, s.skipped)
        aioschedule.unschedule("job")
        live = [r for r in aioctl.records() if r.live()]
        assert len(live) == (2 if overlap == 2 else 1), overlap
        job.end.set()
        await turns(20)
        assert len(job.at) == (3 if overlap in ("queue", "replace") else runs), (overlap, job.at)
        assert [r.name for r in aioctl.records()] == ["job"], overlap
        assert s.runs == len(job.at)
        aioctl.delete("job")
        await turns()


async def test_a_run_that_fails_is_made_again():
    asked = []
    aioctl.watcher = lambda rec: asked.append(rec.state)
    job = Job(error=ValueError("boom"))
    s = aioschedule.schedule("job", start_in=0, repeat=10, retries=2, retry_in=0)
    heard = []
    aioschedule.listen(lambda event, name, s, rec: heard.append(event), ("failed", "done"))
    await go(0)
    await turns(20)
    assert len(job.at) == 3 and s.retried == 2 and s.runs == 1
    assert job.rec.state == "error" and asked == [], asked  # the plan is asked, no watcher
    assert heard == ["failed"], heard  # the last one
    job.error = None
    await go(10)
    assert len(job.at) == 4 and job.rec.state == "done" and s.retried == 2
    job.error = ValueError("again")
    await go(10)
    await turns(20)
    assert len(job.at) == 7 and s.retried == 4  # each due time has its own
    assert heard == ["failed", "done", "failed"]


async def test_the_time_between_tries_and_a_stop_in_it():
    job = Job(error=ValueError("boom"))
    aioschedule.schedule("job", start_in=0, retries=3, retry_in=0.02)
    await go(0)
    assert len(job.at) == 1 and job.rec.state == "backoff"
    await asyncio.sleep_ms(25)
    await turns()
    assert len(job.at) == 2 and job.rec.state == "backoff"
    aioctl.stop("job")
    await turns()
    assert job.rec.state == "stopped"
    await asyncio.sleep_ms(30)
    assert len(job.at) == 2


async def test_what_is_due_while_it_is_tried_again():
    for overlap, runs, skipped in (("skip", 3, 1), ("queue", 6, 0), ("replace", 4, 0)):
        job = Job(error=ValueError("boom"))
        when = {"start_in": 0, "repeat": 10, "overlap": overlap, "retries": 2}
        s = aioschedule.schedule("job", retry_in=0.02, **when)
        await go(0)
        await go(10)
        assert s.skipped == skipped, (overlap, s.skipped)
        aioschedule.pause("job")
        for _ in range(12):
            await asyncio.sleep_ms(10)
        assert len(job.at) == runs and job.rec.state == "error", (overlap, job.at)
        aioschedule.unschedule("job")
        aioctl.delete("job")


class FailsAsItCleansUp(Job):
    async def run(self):
        try:
            await Job.run(self)
        finally:
            raise ValueError("while it cleans up")


async def test_a_run_that_fails_after_a_stop_is_not_made_again():
    for when in ({"retries": 2, "retry_in": 0}, {"overlap": "queue"}):
        job = FailsAsItCleansUp(lasts=True)
        aioschedule.schedule("job", start_in=0, repeat=10, **when)
        await go(0)
        await go(10)  # due once more
        assert len(job.at) == 1 and job.rec.state == "running"
        aioctl.stop("job", stop_sch=False)
        await turns(20)
        assert len(job.at) == 1 and job.rec.state == "error", (when, job.at, job.rec.state)
        aioschedule.unschedule("job")
        aioctl.delete("job")


async def test_nobody_hears_for_a_task_that_was_deleted():
    from aioplan.listen import ends

    for when in ({"retries": 2}, {"overlap": "queue"}):
        for lasts in (True, False):
            Job(lasts=lasts)
            aioschedule.schedule("job", start_in=0, repeat=10, **when)
            await go(0)
            await go(10)
            aioctl.delete("job")
            await turns()
            Job("other")
            aioctl.start("other")  # the end of any task lets them go
            await turns()
            assert ends == [], (when, lasts, ends)
            aioctl.delete("other")


async def test_a_stop_forgets_what_is_queued():
    aioschedule.schedule("job", repeat=10, overlap="queue")
    job = Job(lasts=True)
    await go(55)
    aioctl.stop("job")
    await turns(10)
    assert len(job.at) == 1 and job.rec.state == "stopped"
    aioctl.start("job")
    await turns(10)
    assert len(job.at) == 1
    job.end.set()
    await go(10)
    assert seconds(job) == [10, 60]


async def test_an_instance_that_fails_leaves_no_entry():
    aioschedule.schedule("job", repeat=10, overlap=3)
    job = Job(lasts=True, error=ValueError("broken"))
    await go(35)
    assert len(aioctl.records()) == 3
    aioschedule.unschedule("job")
    job.end.set()
    await turns(10)
    assert [r.name for r in aioctl.records()] == ["job"] and job.rec.state == "error"


# Verbs


async def test_pause_and_resume_keep_the_phase():
    handle = aioschedule.schedule("job", repeat=10)
    aioschedule.schedule("cron", cron="* * * * *")
    job, cron = Job(), Job("cron")
    await go(15)
    handle.pause()
    aioschedule.pause("cron")
    aioschedule.pause("cron")  # twice is once
    assert "paused" in printed(aioctl.status, "job")
    await go(60)
    assert seconds(job) == [10] and not cron.at
    assert scheduler.run_pending() is None  # nobody is woken for what is paused
    handle.resume()
    handle.resume()
    aioschedule.resume("cron")
    await go(50)
    assert seconds(job) == [10, 80, 90, 100, 110, 120], seconds(job)
    assert seconds(cron) == [120], seconds(cron)
    refused(KeyError, ("nobody",), aioschedule.pause, "nobody")


async def test_a_one_shot_whose_time_passed_in_a_pause_starts_at_resume():
    aioschedule.schedule("a", start_in=10)
    aioschedule.schedule("b", at=T0 + 10)
    a, b = Job("a"), Job("b")
    await go(1)
    for name in "ab":
        aioschedule.pause(name)
    await go(60)
    for name in "ab":
        aioschedule.resume(name)
    await go(1)
    assert seconds(a) == seconds(b) == [61], (a.at, b.at)


async def test_a_schedule_put_back_long_after_its_time_starts_at_once_and_keeps_the_phase():
    job = Job()
    aioctl.stop("job")
    await turns()
    aioschedule.schedule("job", start_in=30 * DAY, repeat=30 * DAY)
    aioctl.start("job")
    await go(0)
    aioctl.stop("job")
    clock.advance(45 * DAY)
    scheduler.run_pending()  # something else was due meanwhile
    assert aioctl.start("job")
    await go(50 * DAY)
    assert seconds(job)[-3:] == [45 * DAY, 60 * DAY, 90 * DAY], seconds(job)


async def test_suspend_waits_for_the_run_and_may_be_nested():
    handle = aioschedule.schedule("job", repeat=10)
    job = Job(lasts=True)
    await go(15)
    order = []

    async def careful(n):
        async with aioschedule.suspend("job") as s:
            assert s is handle
            order.append(n)
            await asyncio.sleep_ms(0)
            async with s.suspend():
                pass
            order.append(n)

    tasks = [asyncio.create_task(careful(n)) for n in (1, 2)]
    await turns()
    assert order == [] and job.rec.live()
    job.end.set()
    await go(20)
    await asyncio.gather(*tasks)
    assert sorted(order) == [1, 1, 2, 2] and len(job.at) > 1
    runs = handle.runs
    await go(10)
    assert handle.runs == runs + 1


async def test_suspend_gives_up_after_its_timeout():
    aioschedule.schedule("job", repeat=10)
    job = Job(lasts=True)
    await go(15)
    try:
        async with aioschedule.suspend("job", timeout=0.01):
            raise AssertionError("entered")
    except asyncio.TimeoutError:
        pass
    assert job.rec.live()
    job.end.set()
    await go(10)
    assert len(job.at) == 2  # the schedule goes on


async def test_modify_counts_from_now_and_keeps_the_counters():
    aioschedule.schedule("job", repeat=10)
    job = Job()
    await go(25)
    s = aioschedule.modify("job", repeat=3)
    assert s is aioschedule.group()["job"] and s.runs == 2
    await go(7)
    assert seconds(job) == [10, 20, 28, 31], seconds(job)
    refused(ValueError, ("cron",), s.modify, cron="x")
    await go(3)
    assert seconds(job)[4:] == [34]


async def test_modify_counts_from_now_also_while_it_is_paused():
    for when, first in (
        ({"start_in": 5, "repeat": 10}, 25),
        ({"start_in": 5, "repeat": 10, "jitter": 0}, 25),
        ({"start_in": 30, "repeat": 10}, 40),
        ({"at": (2024, 11, 13, 0, 0, 33, 0, 0)}, 33),
    ):
        begin = clock.now()
        aioschedule.schedule("job", repeat=4)
        job = Job()
        await go(1)
        aioschedule.pause("job")
        await go(9)
        if "at" in when:
            when = {"at": T0 + begin + 33}
        s = aioschedule.modify("job", **when)
        await go(12)
        assert job.at == [] and s.next_due() is None
        aioschedule.resume("job")
        await go(20)
        assert seconds(job)[0] - begin == first, (when, seconds(job))
        aioctl.delete("job")


async def test_run_now_keeps_the_overlap_rule_and_the_plan():
    for when in ({"repeat": 10}, {"repeat": 10, "jitter": 0}):
        s = aioschedule.schedule("job", **when)
        job = Job(lasts=True)
        begin = clock.now()
        await go(3)
        assert s.run_now() is True
        await turns()
        assert s.run_now() is False and s.skipped == 1
        job.end.set()
        await go(8)
        assert [t - begin for t in seconds(job)] == [3, 10], (when, job.at)
        aioctl.delete("job")
        await turns()


async def test_preview_tells_what_will_happen():
    plans = {
        "interval": {"start_in": 5, "repeat": 2.5},
        "once": {"start_in": 7},
        "cron": {"cron": "*/15 * * * *"},
        "counted": {"repeat": 10, "count": 3},
        "ends": {"repeat": 10, "finish": T0 + 25},
        "tuple": {"at": T0 + 3, "repeat": 4},
        "on": {"on": "x"},
    }
    jobs = {}
    for name, when in plans.items():
        aioschedule.schedule(name, **when)
        jobs[name] = Job(name)
    scheduler.run_pending()
    preview = {name: [t - T0 for t in aioschedule.preview(name, 4)] for name in plans}
    assert aioschedule.preview("cron", 2) == [T0 + 900, T0 + 1800]
    await go(3600)
    for name, times in preview.items():
        assert times == seconds(jobs[name])[:4], (name, times, jobs[name].at[:4])
        assert times or name == "on"
    refused(ValueError, ("n", "0"), aioschedule.preview, "cron", 0)
    assert aioschedule.last("once") == T0 + 7 and aioschedule.last("on") is None


async def test_a_trigger_that_fails_ends_only_its_own_schedule():
    class Broken:
        def next(self, after):
            if after > T0:
                raise ValueError("broken trigger")
            return T0 + 5

    text = printed(aioschedule.schedule, "bad", trigger=Broken())
    aioschedule.schedule("good", repeat=5)
    bad, good = Job("bad"), Job("good")
    await go(20)
    assert seconds(bad) == [5]  # it was due; nobody knows when the next is
    assert seconds(good) == [5, 10, 15, 20]
    assert not aioschedule.holds("bad") and not text


# A whole scheduler


async def test_listeners_hear_what_they_ask_for_and_may_fail():
    heard = []

    def failing(event, name, s, rec):
        raise ValueError("deaf")

    aioschedule.listen(failing)
    aioschedule.listen(lambda event, name, s, rec: heard.append((event, name)))
    only = []
    note = lambda event, name, s, rec: only.append(name)  # noqa: E731
    aioschedule.listen(note, "failed")
    aioschedule.schedule("good", repeat=10)
    aioschedule.schedule("bad", repeat=10)
    Job("good")
    Job("bad", error=ValueError("x"))
    await go(11)
    aioschedule.unschedule("good")
    assert ("added", "good") in heard and ("removed", "good") in heard
    for pair in (("started", "good"), ("done", "good"), ("started", "bad"), ("failed", "bad")):
        assert heard.count(pair) == 1, (pair, heard)
    assert only == ["bad"]
    assert aioschedule.unlisten(note) is True and aioschedule.unlisten(note) is False
    await go(10)
    assert only == ["bad"]
    refused(TypeError, ("callback",), aioschedule.listen, 5)
    refused(ValueError, ("mask", "'stop'"), aioschedule.listen, note, ("stop",))


async def test_whoever_takes_a_schedule_out_or_in_listeners_are_told():
    aioschedule.schedule("early", repeat=5)
    heard = []
    aioschedule.listen(lambda event, name, s, rec: heard.append((event, name)), "removed")
    drop, schedule = aioschedule.drop, aioschedule.schedule
    schedule("late", repeat=5)
    drop("early")
    aioschedule.scheduler.drop("late")
    assert heard == [("removed", "early"), ("removed", "late")], heard


async def test_a_listener_that_is_async_is_reported():
    async def listener(event, name, s, rec):
        pass

    aioschedule.listen(listener, "started")
    aioschedule.schedule("job", repeat=10)
    job = Job()
    _, text = await printed_by(go(21))
    assert seconds(job) == [10, 20]
    assert "listener failed" in text and "async" in text, text


async def test_a_scheduler_of_ones_own():
    own = aioschedule.Scheduler(clock)
    s = own.schedule("job", repeat=10)
    aioschedule.schedule("other", repeat=10)
    job, other = Job(), Job("other")
    aioctl.stop("job", stop_sch=False)  # the default one does not hold it
    await turns()
    del job.at[:]
    own.run_pending()
    clock.advance(10)
    assert own.run_pending() == 10000
    await turns()
    assert seconds(job) == [10] and not other.at
    assert s.next_due() == T0 + 20 and own.jobs()[0]["name"] == "job"
    s.pause()
    assert own.run_pending() is None and own.jobs()[0]["paused"]
    own.pause()
    s.resume()
    clock.advance(30)
    assert own.run_pending() is None
    own.resume()
    own.run_pending()
    await turns()
    assert seconds(job) == [10, 40]


async def test_start_and_shutdown():
    own = aioschedule.Scheduler()
    assert own.start() is True
    await turns()
    assert own.start() is False and aioctl.state("scheduler") == "running"
    job = Job(lasts=True)
    own.schedule("job", start_in=0)
    await turns()
    await own.shutdown(timeout=0.01)
    await turns(5)
    assert aioctl.state("scheduler") == "stopped" and not own.running()
    assert job.rec.state == "stopped"
    assert "job" in own.table


async def test_configuration_from_a_dict_and_a_file():
    import json

    path = folder() + "/schedule.json"
    config = {
        "defaults": {"jitter": 0, "grace": 30},
        "schedules": {"a": {"repeat": 10}, "b": {"cron": "* * * * *", "grace": 5}},
    }
    with open(path, "w") as f:
        json.dump(config, f)
    aioschedule.configure(path)
    a, b = Job("a"), Job("b")
    aioschedule.schedule("c", repeat=20)
    await go(65)
    assert seconds(a) == [10, 20, 30, 40, 50, 60] and seconds(b) == [60]
    g = aioschedule.group()
    assert (g["a"].grace, g["b"].grace, g["c"].grace) == (30000, 5000, 30000)
    for error, words, wrong in (
        (TypeError, ("configure", "5"), 5),
        (ValueError, ("'plans'",), {"plans": {}}),
        (TypeError, ("schedules", "[]"), {"schedules": []}),
        (ValueError, ("a", "repeat"), {"schedules": {"b": {"repeat": 5}, "a": {"repeat": -1}}}),
        (ValueError, ("Zone",), {"tz": "nowhere at all", "schedules": {"b": {"repeat": 5}}}),
    ):
        refused(error, words, aioschedule.configure, wrong)
    assert g["b"].when["cron"] == "* * * * *"


# Words and verbs together


async def test_a_keyword_schedule_outlives_pause_suspend_and_stop():
    s = aioschedule.schedule("job", on="door")
    job = Job()
    s.pause()
    s.resume()
    async with s.suspend():
        assert aioschedule.fire("door") == 0
    aioctl.stop("job")
    aioctl.start("job")
    await go(1)
    runs = len(job.at)
    assert aioschedule.fire("door") == 1
    await go(1)
    assert len(job.at) == runs + 1 and s.pending


async def test_a_keyword_starts_only_in_the_window():
    aioschedule.schedule("job", on="door", start=T0 + 10, finish=T0 + 20)
    job = Job()
    found = []
    for _ in range(4):
        found.append(aioschedule.fire("door"))
        await go(8)
    assert found == [0, 0, 1, 0] and seconds(job) == [16]


async def test_run_now_is_beside_the_count():
    s = aioschedule.schedule("job", repeat=10, count=2)
    job = Job()
    for _ in range(3):
        assert aioschedule.run_now("job")
        await turns(20)
    assert s.left == 2 and s.pending
    await go(50)
    assert len(job.at) == s.runs == 5 and not s.pending


async def test_run_now_after_the_last_of_count_starts_once():
    s = aioschedule.schedule("job", repeat=10, count=1)
    job = Job()
    await go(11)
    for n in (2, 3):
        assert aioschedule.run_now("job")
        await turns(20)
        assert len(job.at) == s.runs == n and s.owed == 0


async def test_a_start_made_by_hand_is_not_taken_back_by_another_schedule():
    aioschedule.schedule("job", repeat=10)
    job = Job()
    await go(1)
    for again in (aioschedule.modify, aioschedule.schedule):
        runs = len(job.at)
        assert aioschedule.run_now("job")
        again("job", repeat=50)
        await turns()
        assert len(job.at) == runs + 1


async def test_a_trigger_that_does_not_go_on_is_refused_or_ends_its_schedule_alone():
    class Constant:
        def __init__(self, *times):
            self.times = list(times)

        def next(self, after):
            return self.times.pop(0) if self.times[1:] else self.times[0]

    aioschedule.schedule("job", repeat=10)
    refused(ValueError, ("trigger", str(T0)), aioschedule.schedule, "job", trigger=Constant(T0))
    refused(
        TypeError, ("trigger", "'noon'"), aioschedule.schedule, "job", trigger=Constant("noon")
    )
    job, odd = Job(), Job("odd")
    assert aioschedule.group()["job"].period == 10000
    for wrong in (T0 + 5, "noon"):
        # Asked once when it is made, and once when it is entered.
        aioschedule.schedule("odd", trigger=Constant(T0 + 5, wrong))
    await go(30)
    assert seconds(job) == [10, 20, 30]
    assert len(odd.at) == 1 and not aioschedule.group()["odd"].pending


async def test_modify_within_suspend_goes_on_at_the_end_of_the_block():
    s = aioschedule.schedule("job", repeat=10)
    job = Job()
    async with s.suspend():
        new = s.modify(repeat=5)
        await go(12)
        assert job.at == []
    await go(12)
    assert new.holders == 0 and len(job.at) == 2
    s.pause()  # a handle of before means the new one
    await go(10)
    assert len(job.at) == 2
    s.resume()
    await go(10)
    assert len(job.at) == 4
    s.unschedule()
    try:
        s.modify(repeat=1)
    except KeyError as e:
        assert "job" in str(e)
    else:
        raise AssertionError("not refused")


async def test_a_clock_set_while_it_is_held_moves_the_next_start():
    start = clock.start
    for hold, go_on in (
        (aioschedule.pause, aioschedule.resume),
        (aioctl.stop, aioctl.start),
    ):
        clock.start = start + 10 * 365 * DAY
        aioschedule.schedule("job", cron="0 * * * *")
        job = Job()
        await go(1)
        hold("job")
        clock.start = start
        aioschedule.clock_changed()
        go_on("job")
        await turns()
        assert aioschedule.next_due("job") - clock.wall() <= HOUR
        aioctl.delete("job")
        assert job.at is not None


async def test_a_zone_set_while_it_is_held_moves_the_next_start():
    aioschedule.schedule("job", cron="0 12 * * *")
    Job()
    await go(1)
    aioschedule.pause("job")
    aioschedule.set_zone("EST5")
    aioschedule.resume("job")
    assert aioschedule.next_due("job") == T0 + 17 * HOUR
    aioschedule.set_zone(None)


async def test_nothing_starts_within_suspend():
    class Fails(Job):
        async def run(self):
            await Job.run(self)
            raise ValueError("boom")

    for when, kind in (({"retries": 2, "retry_in": 0}, Fails), ({"overlap": "queue"}, Job)):
        s = aioschedule.schedule("job", start_in=0, repeat=10, **when)
        job = kind(lasts=True)
        await go(25)
        block = s.suspend()
        entered = asyncio.create_task(block.__aenter__())
        await turns()
        job.end.set()
        await entered
        runs = len(job.at)
        await go(5)
        await turns(20)
        assert len(job.at) == runs == 1, when
        await block.__aexit__(None, None, None)
        aioschedule.unschedule("job")
        aioctl.delete("job")


async def test_suspend_waits_for_each_of_several_runs():
    s = aioschedule.schedule("job", repeat=10, overlap=3)
    job = Job(lasts=True)
    await go(31)
    assert len(job.at) == 3
    aioctl.stop("job", stop_sch=False)
    await turns()
    try:
        async with s.suspend(0.01):
            raise AssertionError("entered")
    except asyncio.TimeoutError:
        pass
    job.end.set()
    async with s.suspend(1):
        pass
    for error, wrong in ((TypeError, "1"), (ValueError, -1), (ValueError, 10**7)):
        refused(error, ("timeout", str(wrong)), aioschedule.suspend, "job", wrong)
    assert s.holders == 0


async def test_nothing_starts_beyond_its_window():
    aioschedule.schedule("held", repeat=10, finish=T0 + 25)
    s = aioschedule.schedule("late", repeat=10, finish=T0 + 30, coalesce=False, overlap="queue")
    jobs = [Job("held"), Job("late")]
    for i in range(20):
        name = "shaken%d" % i
        aioschedule.schedule(name, repeat=10, finish=T0 + 20, jitter=9)
        jobs.append(Job(name))
    await go(15)
    aioschedule.pause("held")
    await go(6)
    clock.advance(44)
    aioschedule.resume("held")
    await go(1)
    await turns(20)
    assert seconds(jobs[0]) == [10] and not aioschedule.group()["held"].pending
    assert s.runs == 2 and s.missed == 1, (s.runs, s.missed)  # it is too late for the third
    assert all(at[-1] <= 20 for at in map(seconds, jobs[2:]))
    when = {"at": T0, "repeat": 100, "start": T0 + 70, "finish": T0 + 90}
    refused(ValueError, ("never due",), aioschedule.schedule, "x", **when)


async def test_a_step_of_the_clock_during_the_jitter_loses_no_start():
    s = aioschedule.schedule("job", repeat=100, jitter=50, start=T0 - 5)
    job = Job()
    while s._late < 10000:
        await go(100)
    runs = len(job.at)
    left = scheduler.run_pending() - s._late  # to the time that is due, but for the jitter
    await go(left / 1000 + 1)
    clock.drift += 2
    await go(50)
    assert len(job.at) == runs + 1


async def test_what_is_replaced_counts_once():
    s = aioschedule.schedule("job", repeat=10, overlap="replace", coalesce=False)
    job = Job(lasts=True)
    clock.advance(0)
    scheduler.run_pending()
    clock.advance(35)
    await go(0)
    assert (len(job.at), s.runs, s.coalesced) == (1, 1, 2)


def test_preview_leaves_out_the_jitter():
    scheduler.run_pending()
    s = aioschedule.schedule("job", repeat=10, jitter=9)
    for _ in range(5):
        assert s.preview(3) == [T0 + 10, T0 + 20, T0 + 30], s.preview(3)
        s = aioschedule.schedule("job", repeat=10, jitter=9)


def test_what_group_returned_is_taken_back():
    s = aioschedule.schedule
    s("now", start_in=0)
    s("later", start_in=5)
    s("cron", cron="0 * * * *")
    s("on", on="door")
    aioschedule.set_group(aioschedule.group())
    assert sorted(aioschedule.group()) == ["cron", "later", "now", "on"]
    assert aioschedule.group()["now"].when == {"start_in": 0}


def test_a_long_period_of_whole_seconds_is_exact():
    # As a float of 24 bits, which boards have, it would not be.
    assert aioschedule.schedule("job", repeat=604801).period == 604801000


async def test_who_reads_the_clock_during_a_look_moves_no_start():
    def slow(event, name, s, rec):
        if name == "p":
            clock.advance(3)
            clock.wall()

    aioschedule.schedule("p", start_in=9)
    aioschedule.schedule("job", at=T0 + 10, repeat=20)
    Job("p")
    job = Job()
    aioschedule.listen(slow, ("started",))
    await go(1)
    clock.advance(10)
    await go(0)
    aioschedule.unlisten(slow)
    await go(60)
    assert seconds(job) == [14, 30, 50, 70], seconds(job)


async def test_the_end_of_each_of_several_runs_is_told():
    told = []

    def listener(event, name, s, rec):
        told.append((event, name, rec.name))

    aioschedule.schedule("job", repeat=10, overlap=2)
    job = Job(lasts=True)
    aioschedule.listen(listener, ("started", "done"))
    await go(21)
    job.end.set()
    await turns(10)
    aioschedule.unlisten(listener)
    assert sorted(told) == [
        ("done", "job", "job"),
        ("done", "job", "job@1"),
        ("started", "job", "job"),
        ("started", "job", "job@1"),
    ], told


async def test_a_window_that_ended_by_a_clock_that_ran_ahead_goes_on_when_it_is_put_right():
    aioschedule.schedule("cron", cron="*/10 * * * * *", finish=T0 + 1000)
    aioschedule.schedule("every", repeat=10, finish=T0 + 1000)
    jobs = Job("cron"), Job("every")
    await go(15)
    clock.drift += 2000
    await go(20)
    assert not any(s.pending for s in aioschedule.group().values())
    clock.drift -= 2000
    aioschedule.clock_changed()
    await go(1)
    for job in jobs:
        job.at.clear()
    await go(20)
    assert [seconds(job) for job in jobs] == [[40, 50]] * 2
    await go(1000)
    assert [seconds(job)[-1] for job in jobs] == [1000] * 2


async def test_a_coroutine_that_runs_is_not_replaced_and_harms_nobody():
    async def once():
        await asyncio.sleep(100)

    for overlap in ("replace", "queue", 2):
        aioctl.add(once(), name="once")
        s = aioschedule.schedule("once", start_in=0, repeat=10, overlap=overlap)
        aioctl.start("once")
        await go(15)
        assert aioctl.state("once") == "running" and s.skipped == 2, (overlap, s.skipped)
        aioctl.delete("once")


async def test_a_clock_set_back_by_little_repeats_no_start_at_the_end_of_a_window():
    aioschedule.schedule("job", cron="0 * * * *", finish=T0 + HOUR, count=3)
    job = Job()
    await go(HOUR + 5)
    clock.drift -= 30
    await go(HOUR)
    assert seconds(job) == [HOUR]


async def test_what_is_scheduled_anew_after_its_last_start_is_held():
    async def work():
        ran.append(1)

    ran = []
    aioschedule.schedule("job", start_in=1)
    aioctl.add(work, name="job")
    await go(2)
    aioctl.reset()
    aioctl.add(work, name="job")
    aioschedule.schedule("job", repeat=60)
    await go(5)
    assert len(ran) == 1


async def test_a_held_interval_goes_on_within_its_window():
    for hold, go_on in (("pause", "resume"), ("stop", "start")):
        of = aioschedule if hold == "pause" else aioctl
        now = clock.wall()
        s = aioschedule.schedule("job", repeat=100, start=now + 1000)
        Job()
        await go(1)
        getattr(of, hold)("job")
        clock.drift -= 500
        aioschedule.clock_changed()
        getattr(of, go_on)("job")
        await go(900)
        assert s.runs == 0, hold
        await go(700)
        assert s.runs > 0, hold
        aioctl.delete("job")
        s = aioschedule.schedule("job", repeat=10, finish=clock.wall() + 25)
        Job()
        await go(12)
        getattr(of, hold)("job")
        await go(100)
        getattr(of, go_on)("job")
        await go(30)
        assert s.runs == 1 and not s.pending, hold
        aioctl.delete("job")


async def test_a_trigger_that_fails_when_it_goes_on_ends_its_schedule_alone():
    class Fails:
        broken = False

        def next(self, after):
            if self.broken:
                raise OSError("sensor")
            return after + 10

    for hold, go_on in ((aioschedule.pause, aioschedule.resume), (aioctl.stop, aioctl.start)):
        trigger = Fails()
        s = aioschedule.schedule("job", trigger=trigger)
        job = Job()
        await go(1)
        hold("job")
        clock.advance(100)
        trigger.broken = True
        go_on("job")
        await go(5)
        assert not s.pending and s.holders == 0 and len(job.at) <= 1, hold
        aioctl.delete("job")
        aioschedule.unschedule("job")


async def test_the_replacement_of_a_run_does_not_start_within_suspend():
    class Slow(Job):
        async def run(self):
            try:
                await Job.run(self)
            except asyncio.CancelledError:
                await asyncio.sleep_ms(20)
                raise

    s = aioschedule.schedule("job", start_in=0, repeat=10, overlap="replace")
    job = Slow(lasts=True)
    await go(0)
    await go(10)
    async with s.suspend():
        await turns(20)
        assert len(job.at) == 1
    await go(10)
    assert len(job.at) == 2


def test_a_handle_that_is_modified_often_keeps_nothing_between():
    s = aioschedule.schedule("job", repeat=10)
    new = [s.modify(repeat=i + 1) for i in range(5)]
    assert s.next_due() == new[-1].next_due() and new[0].preview(2) == new[-1].preview(2)
    gc.collect()
    before = gc.mem_alloc()
    for _ in range(200):
        aioschedule.modify("job", repeat=5)
    gc.collect()
    assert gc.mem_alloc() - before < 3000, gc.mem_alloc() - before
    other = aioschedule.schedule("job", repeat=3)
    assert s.unschedule() is False and aioschedule.group()["job"] is other
