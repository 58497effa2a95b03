"""The scheduler and the watcher, on a clock that the tests move."""

import asyncio

import aioctl
from support import FakeClock, printed, turns

clock = aioctl.clock = FakeClock(1700000000)  # 2023-11-14 22:13:20 UTC

import aioschedule  # noqa: E402  takes the clock that is there

scheduler = aioschedule.scheduler
T0 = 1700000000


def setup():
    aioctl.color = False


class Job:
    """A task that notes when it ran."""

    def __init__(self, name="job", error=None, **policy):
        self.at = []
        self.error = error
        self.rec = aioctl.add(self.run, name=name, **policy)

    async def run(self):
        self.at.append(clock.ticks())
        if self.error:
            raise self.error
        return 42


async def go(seconds, step=0.05):
    """Move the clock in steps; at each let the scheduler start what is due, and let it run."""
    for _ in range(int(seconds / step + 0.5)):
        scheduler.run_pending()
        await turns(3)
        clock.advance(step)


def refused(error, word, f, *args, **kwargs):
    before = list(aioschedule.group())
    try:
        f(*args, **kwargs)
    except error as e:
        assert word in str(e), "%r is not in %r" % (word, str(e))
    else:
        raise AssertionError("not refused: %r %r" % (args, kwargs))
    assert list(aioschedule.group()) == before


async def test_start_in_counts_from_the_start_of_the_loop():
    aioschedule.schedule("job", start_in=2)
    job = Job()
    clock.advance(100)
    await turns()
    assert job.at == [] and job.rec.state == "scheduled" and job.rec.task is None
    await go(5)
    assert job.at == [102000]
    assert job.rec.state == "done" and aioctl.result("job") == 42
    aioschedule.schedule("job", start_in=0.25)  # the loop runs: from now
    now = clock.ticks()
    await go(1)
    assert job.at[1:] == [now + 250]


async def test_repeats_lie_on_the_grid():
    table = (
        ("a", {"start_in": 1, "repeat": 2}, [1000, 3000, 5000, 7000, 9000]),
        ("b", {"repeat": 3}, [3000, 6000, 9000]),
        ("c", {"start_in": 2, "repeat": True}, [2000, 4000, 6000, 8000]),
        ("d", {"start_in": 0, "repeat": 4.5}, [0, 4500, 9000]),
        ("e", {"start_in": 3, "repeat": False}, [3000]),
        ("f", {"start_in": 0}, [0]),
    )
    for name, when, _ in table:
        aioschedule.schedule(name, **when)
    jobs = {n: Job(n) for n in "abcdef"}
    await go(10)
    for name, _, at in table:
        assert jobs[name].at == at, (name, jobs[name].at)


async def test_a_late_loop_starts_once_and_keeps_the_phase():
    aioschedule.schedule("job", repeat=1)
    job = Job()
    await go(1.5)
    clock.advance(3600.25)  # something blocked the loop
    await go(1.5, 0.25)
    assert job.at == [1000, 3601750, 3602000, 3603000], job.at
    assert aioschedule.group()["job"].coalesced == 3599


async def test_what_a_start_takes_is_not_waited_for_again():
    for name, seconds in (("a", 1), ("b", 1.01), ("c", 2)):
        aioschedule.schedule(name, start_in=seconds)
        Job(name)

    def slow(event, s, rec):
        clock.advance(0.004 if s.name == "a" else 3)

    scheduler.heard = slow
    scheduler.run_pending()
    clock.advance(1)
    assert scheduler.run_pending() == 6
    clock.advance(0.006)
    assert scheduler.run_pending() == 0, "c has become due meanwhile"


async def test_a_run_that_overruns_its_period_is_not_doubled():
    ends = []

    async def slow():
        ends.append(asyncio.Event())
        await ends[-1].wait()

    aioschedule.schedule("slow", repeat=1)
    rec = aioctl.add(slow)
    await go(3.5)
    assert rec.starts == 1 and aioschedule.group()["slow"].skipped == 2
    ends[0].set()
    await go(1)
    assert rec.starts == 2


async def test_intervals_are_exact_after_ten_years():
    aioschedule.schedule("job", start_in=0, repeat=0.75)
    job = Job()
    scheduler.run_pending()
    await turns()
    for days in (13, 47, 3590):
        clock.advance(days * 86400)
        scheduler.run_pending()
        await turns()
        ms = scheduler.run_pending()
        assert 0 < ms <= 750
        assert (clock.ticks() + ms) % 750 == 0
    assert len(job.at) == 4


async def test_long_waits_are_cut():
    aioschedule.schedule("job", start_in=86400 * 100)
    job = Job()
    for _ in range(100):
        ms = scheduler.run_pending()
        if ms is None:
            break
        assert 0 <= ms < 1 << 29
        clock.advance(ms / 1000)
    await turns(3)
    assert job.at == [86400 * 100 * 1000], job.at


async def test_a_time_tuple_is_local_wall_time():
    import time

    aioschedule.schedule("job", start_in=time.localtime(T0 + 20), repeat=30)
    aioschedule.schedule("once", start_in=time.localtime(T0 + 20))
    job = Job()
    once = Job("once")
    assert aioschedule.next_due("job") == T0 + 20
    clock.advance(3)
    await go(100)
    assert job.at == [20000, 50000, 80000], job.at
    assert once.at == [20000]


async def test_a_start_in_the_past_happens_at_once_and_once():
    import time

    aioschedule.schedule("once", start_in=time.localtime(T0 - 1000))
    aioschedule.schedule("grid", start_in=time.localtime(T0 - 25), repeat=10)
    once = Job("once")
    grid = Job("grid")
    await go(20)
    assert once.at == [0]
    assert grid.at == [0, 5000, 15000], grid.at


async def test_the_wall_clock_may_step_forward_and_back():
    import time

    aioschedule.schedule("wall", start_in=time.localtime(T0 + 3600))
    aioschedule.schedule("interval", repeat=60)
    wall = Job("wall")
    interval = Job("interval")
    await go(90, 0.5)
    clock.drift = -1000  # set back
    await go(3600, 30)
    assert wall.at == []
    assert len(interval.at) == 61, interval.at
    clock.drift = 86400  # a day on: at the next wake-up, no burst
    await go(180, 30)
    assert len(wall.at) == 1
    assert len(interval.at) == 64


async def test_the_sleeper_is_woken_by_a_nearer_deadline():
    # Real time is the subject: the loop sleeps for an hour, then something nearer comes in.
    real = aioctl.Clock()
    sched = aioschedule.Scheduler(real)
    asyncio.create_task(sched.loop())
    sched.schedule("far", start_in=3600)
    await turns()
    aioctl.add(asyncio.Event().wait, name="keeper")
    sched.schedule("job", start_in=0.02)
    rec = aioctl.add(Job.run, Job("other"), name="job")
    assert rec.hold() is True
    await asyncio.sleep_ms(200)
    assert rec.starts == 1


async def test_schedule_binds_before_and_after_add():
    aioschedule.schedule("later", start_in=1)
    before = Job("early")
    aioschedule.schedule("early", start_in=1)
    later = Job("later")
    assert before.rec.state == later.rec.state == "scheduled"
    await turns()
    assert before.at == later.at == []
    await go(2)
    assert before.at == later.at == [1000]


async def test_scheduling_a_task_that_runs_lets_it_run_on():
    gate = asyncio.Event()
    rec = aioctl.add(gate.wait, name="job")
    await turns()
    aioschedule.schedule("job", start_in=1)
    await turns()
    assert rec.state == "running"
    gate.set()
    await go(2)
    assert rec.starts == 2


async def test_both_orders_of_decorators():
    ran = []

    @aioschedule.schedule_task(start_in=1)
    @aioctl.aiotask
    async def a():
        ran.append("a")

    @aioctl.aiotask
    @aioschedule.schedule_task(start_in=1)
    async def b():
        ran.append("b")

    @aioschedule.schedule_task(start_in=1)
    @aioctl.aiotask(restart="no")
    async def c():
        ran.append("c")

    @aioctl.aiotask(restart="no")
    @aioschedule.schedule_task(start_in=1)
    async def d():
        ran.append("d")

    for f in (a, b, c, d):
        aioctl.add(f)
    await turns()
    assert ran == []
    await go(2)
    assert sorted(ran) == ["a", "b", "c", "d"]
    assert aioctl.group().tasks["c"].restart == "no"


def test_schedule_refuses_what_makes_no_sense():
    s = aioschedule.schedule
    refused(TypeError, "start_in", s, "x", start_in="5")
    refused(TypeError, "start_in", s, "x", start_in=True)
    refused(ValueError, "start_in", s, "x", start_in=-1)
    refused(ValueError, "start_in", s, "x", start_in=float("nan"))
    refused(ValueError, "start_in", s, "x", start_in=float("inf"))
    refused(ValueError, "start_in", s, "x", start_in=(2023, 1, 1))
    refused(ValueError, "start_in", s, "x", start_in=("a",) * 8)
    refused(ValueError, "repeat", s, "x", repeat=-5)
    refused(TypeError, "repeat", s, "x", start_in=1, repeat="5")
    refused(ValueError, "repeat", s, "x", repeat=True)
    refused(ValueError, "repeat", s, "x", repeat=0.0001)
    refused(ValueError, "start_in or repeat", s, "x")
    refused(TypeError, "every", s, "x", every=5)
    refused(TypeError, "name", s, 5, start_in=1)
    refused(TypeError, "keywords", aioschedule.schedule_task, aioschedule.schedule_loop)
    refused(ValueError, "repeat", aioschedule.schedule_task, repeat=-1)
    refused(TypeError, "coroutine", aioschedule.schedule_task(repeat=1), 5)
    first = aioctl.aiotask(restart="no")(Job.run)
    aioctl.aiotask(restart="no")(Job.run)
    refused(TypeError, "directly above", aioschedule.schedule_task(repeat=1), first)
    refused(TypeError, "start_in", aioschedule.set_group, {"x": {"start_in": "5"}})


async def test_unschedule_and_schedule_again():
    aioschedule.schedule("job", repeat=1)
    job = Job()
    await go(1.5)
    assert aioschedule.unschedule("job") is True
    await go(2)
    assert job.at == [1000]
    assert printed(aioschedule.unschedule, "job") == "Task job not found in []\n"
    assert aioschedule.unschedule("job") is False
    aioschedule.schedule("job", repeat=1)
    await go(1.25)
    assert job.at == [1000, 4500]
    aioschedule.schedule("other", start_in=1)
    other = Job("other")
    aioschedule.unschedule("other")
    assert other.rec.state == "stopped"


async def test_stop_takes_the_schedule_and_start_puts_it_back():
    aioschedule.schedule("job", start_in=2, repeat=2)
    job = Job()
    await go(2.5)
    assert aioctl.stop("job") is True
    assert "job" not in aioschedule.group() and job.rec.state == "stopped"
    await go(5)
    assert job.at == [2000]
    aioctl.start("job")  # overdue: at once, then on the grid
    await go(2)
    assert job.at == [2000, 7500, 8000], job.at
    aioctl.stop("job", stop_sch=False)
    await go(2)
    assert job.at[3:] == [10000], job.at
    aioctl.stop("job")
    aioctl.start("job")  # in time: as planned
    await go(2)
    assert job.at[4:] == [12000], job.at


async def test_stop_before_the_first_run_and_the_loop():
    aioschedule.schedule("job", start_in=1)
    job = Job()
    aioctl.stop("job")
    assert job.rec.state == "stopped"
    await go(3)
    assert job.at == []
    aioctl.start("job")
    assert job.rec.state == "scheduled"
    await go(3)
    assert len(job.at) == 1
    aioctl.start("job")  # nothing left to wait for
    await turns()
    assert len(job.at) == 2


async def test_start_of_a_held_task_runs_it_now_and_keeps_the_plan():
    aioschedule.schedule("job", start_in=5)
    job = Job()
    await go(1)
    aioctl.start("job")
    await go(6)
    assert job.at == [1000, 5000], job.at


async def test_delete_forgets_the_schedule():
    aioschedule.schedule("job", repeat=1)
    Job()
    aioctl.delete("job")
    assert aioschedule.group() == {}
    job = Job()
    await turns()
    assert len(job.at) == 1


async def test_status_lines_of_a_schedule():
    aioschedule.schedule("job", start_in=10, repeat=120)
    aioschedule.schedule("once", start_in=20)
    Job()
    Job("once")
    text = printed(aioctl.status)
    assert "schedule: starts with schedule_loop, which is not running\n" in text, text
    scheduler.run_pending()
    assert printed(aioctl.status) == (
        "● job: status: scheduled @ 2023-11-14 22:13:20 --> result: \n"
        "    ┗━► schedule: starts in 10 s @ 2023-11-14 22:13:30\n"
        "● once: status: scheduled @ 2023-11-14 22:13:20 --> result: \n"
        "    ┗━► schedule: starts in 20 s @ 2023-11-14 22:13:40\n"
    ), printed(aioctl.status)
    await go(25)
    assert printed(aioctl.status) == (
        "● job: status: scheduled - done @ 2023-11-14 22:13:30; 15 s ago --> result: 42\n"
        "    ┗━► schedule: last @ 2023-11-14 22:13:30 --> next in 00:01:45"
        " @ 2023-11-14 22:15:30\n"
        "● once: status: done @ 2023-11-14 22:13:40; 5 s ago --> result: 42\n"
    ), printed(aioctl.status)
    text = printed(aioschedule.status_sc, "job", debug=True)
    assert "    ┗━► schedule opts: repeat=120, start_in=10\n" in text
    assert "not found in schedule group" in printed(aioschedule.status_sc, "x", debug=True)
    assert printed(aioschedule.status_sc_all).count("┗━►") == 1
    i = aioctl.info("job")["schedule"]
    assert i["next"] == T0 + 130 and i["last"] == T0 + 10 and i["repeat"] == 120


async def test_a_schedule_that_failed_shows_its_error_and_its_next_start():
    aioschedule.schedule("job", repeat=10)
    Job(error=ValueError("x"))
    await go(11)
    lines = printed(aioctl.status).split("\n")
    assert "status: ERROR @ 2023-11-14 22:13:30" in lines[0], lines
    assert "--> next in" in lines[1]


async def test_set_group_and_reset():
    aioschedule.schedule("a", start_in=1)
    g = aioschedule.group()
    aioschedule.set_group({"b": {"start_in": 2, "repeat": 3}})
    assert list(g) == ["b"] and g is aioschedule.group()
    aioschedule.set_group(aioschedule.group())
    assert list(g) == ["b"] and g["b"].when == {"start_in": 2, "repeat": 3}
    aioschedule.reset()
    assert g == {}


async def test_a_table_that_grows_wider_loses_nothing():
    from aioplan import room

    want = {}
    scheduler.room = 8
    roomy = room.roomy
    for i in range(40):
        room.roomy = roomy if i != 12 else no_room  # at 13 names it would grow wider
        name = "job%d" % i
        want[name] = aioschedule.schedule(name, start_in=i + 1)
        assert aioschedule.group() == aioschedule._AIOCTL_SCHEDULE_GROUP == want
    assert scheduler.room >= 40
    want["job3"] = aioschedule.schedule("job3", start_in=2)
    assert aioschedule.drop("job5") is want.pop("job5")
    assert aioschedule.group() == want
    jobs = {n: Job(n) for n in want}
    await go(41)
    assert jobs["job3"].at == jobs["job1"].at
    assert [len(job.at) for job in jobs.values()] == [1] * 39
    aioschedule.reset()
    assert aioschedule.group() == {}


def no_room(table):
    raise MemoryError


async def test_two_loops_do_no_harm():
    for name in ("schedule_loop", "watcher_loop"):
        loop = getattr(aioschedule, name)
        aioctl.add(loop)
        await turns()
        aioctl.add(loop)
        await turns()
        assert aioctl.state(name) == "running"
        assert aioctl.state(name + "@1") == "done"
        assert "runs already" in aioctl.result(name + "@1")
        aioctl.stop(name)
        await turns()
        aioctl.start(name + "@1")
        await turns()
        assert aioctl.state(name + "@1") == "running"


async def test_the_logger_of_the_loop_hears_of_starts_and_may_fail():
    said = []

    class Log:
        def info(self, text, *args):
            said.append(text % args)
            raise OSError(28)

    aioschedule.set_log(Log())
    aioschedule.schedule("job", repeat=1)
    job = Job()
    printed(scheduler.run_pending)
    await go(2)
    assert job.at == [1000]
    assert said == ["[schedule_loop] starting task job"]


async def test_a_start_that_fails_is_not_told_as_one():
    said = []

    class Log:
        def info(self, text, *args):
            said.append(text % args)

    async def once():
        return 1

    aioschedule.set_log(Log())
    aioschedule.schedule("once", repeat=1)
    aioctl.add(once())  # runs only once
    await go(3.5)
    assert said == ["[schedule_loop] starting task once"], said


# The watcher


async def watched(*args, **kwargs):
    aioctl.add(aioschedule.watcher_loop, *args, **kwargs)
    await turns()


async def test_the_watcher_restarts_what_fails_with_growing_delays():
    delays = []

    class Log:
        def info(self, text, *args):
            pass

    await watched(Log(), sleep=10)
    decide = aioctl.watcher
    aioctl.watcher = lambda rec: delays.append(decide(rec))
    Job(error=ValueError("x"))
    for _ in range(7):
        await turns()
        aioctl.start("job")
    for ms, most in zip(delays, (1000, 2000, 4000, 8000, 10000, 10000, 10000)):
        assert most * 3 // 4 <= ms <= most, delays
    assert len(set(delays)) > 3


async def test_a_long_run_resets_the_back_off():
    delays = []
    await watched(sleep=10)
    decide = aioctl.watcher
    aioctl.watcher = lambda rec: delays.append(decide(rec))
    gate = None

    async def f():
        await gate.wait()
        raise ValueError

    for lasts in (0, 0, 0, 11, 0):
        gate = asyncio.Event()
        aioctl.start("f") if delays else aioctl.add(f)
        await turns()
        clock.advance(lasts)
        gate.set()
        await turns()
    assert delays[2] > 2000 and delays[3] <= 1000 and delays[4] > 1000, delays


async def test_restart_policies():
    async def good():
        return 1

    async def forever():
        await asyncio.Event().wait()

    await watched()
    cases = (
        ("no", Job("n", ValueError(), restart="no"), 1, "error"),
        ("false", Job("f", ValueError(), restart=False), 1, "error"),
        ("on-failure", Job("o", ValueError(), restart=True, backoff=(0, 0)), 9, "error"),
        ("done", Job("d", restart="on-failure", backoff=(0, 0)), 1, "done"),
        ("always", Job("a", restart="always", backoff=(0, 0)), 9, "done"),
    )
    aioctl.add(forever, restart="always", backoff=(0, 0))
    await turns(30)
    aioctl.stop("forever")
    await turns(30)
    for name, job, runs, _ in cases:
        assert len(job.at) >= runs and (runs > 1 or len(job.at) == 1), (name, len(job.at))
    assert aioctl.state("forever") == "stopped"
    aioctl.stop("a")
    await turns()
    n = len(cases[4][1].at)
    await turns(20)
    assert len(cases[4][1].at) == n and aioctl.state("a") == "stopped"


async def test_intensity_gives_up_and_says_so():
    await watched()
    job = Job(error=ValueError("x"), backoff=(0, 0), intensity=(3, 10))
    await turns(30)
    assert len(job.at) == 4
    assert aioctl.state("job") == "gave-up"
    assert "gave-up @ " in printed(aioctl.status, "job")
    assert isinstance(aioctl.result("job"), ValueError)
    clock.advance(11)
    aioctl.start("job")
    await turns(30)
    assert len(job.at) == 8


async def test_back_off_is_a_state_that_stop_and_restart_end():
    await watched()
    job = Job(error=ValueError("x"), backoff=(3600, 3600))
    await turns()
    assert aioctl.state("job") == "backoff" and len(job.at) == 1
    text = printed(aioctl.status, "job")
    assert "backoff @ " in text and "; 0 s ago, restart in " in text, text
    assert 2700 <= aioctl.info("job")["restart_in"] <= 3600
    assert len(aioctl.tasks()) == 2
    aioctl.restart("job")
    await turns()
    assert len(job.at) == 2 and aioctl.state("job") == "backoff"
    aioctl.stop("job")
    await turns()
    assert aioctl.state("job") == "stopped"


async def test_the_watcher_takes_over_what_failed_before_it():
    job = Job(error=ValueError("x"), backoff=(0, 0), intensity=(2, 100))
    left = Job("left", ValueError("x"), restart=False)
    await turns()
    assert len(job.at) == 1
    await watched()
    await turns(20)
    assert len(job.at) == 3 and len(left.at) == 1


async def test_the_watcher_leaves_scheduled_tasks_to_their_schedule():
    aioschedule.schedule("job", start_in=0, repeat=60)
    job = Job(error=ValueError("x"), backoff=(0, 0))
    await watched()
    await go(61, 1)
    assert job.at == [0, 60000], job.at


async def test_a_task_that_returns_an_exception_has_not_failed():
    async def f():
        return ValueError("a value")

    await watched()
    rec = aioctl.add(f, backoff=(0, 0))
    await turns(20)
    assert rec.starts == 1 and rec.state == "done"


async def test_a_failing_policy_is_contained():
    def decide(rec):
        raise RuntimeError("policy")

    aioctl.watcher = decide
    lines = []

    class Log:
        def write(self, s):
            lines.append(s)

    aioctl.set_log(Log())
    Job(error=ValueError("x"))
    await turns()
    assert aioctl.state("job") == "error"
    assert "[ERROR] [job] watcher failed: RuntimeError: policy\n" in lines
