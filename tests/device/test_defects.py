"""One test, or more, for each defect of the earlier program, by its number."""

import asyncio
import builtins
import sys
import time

import aioctl
from support import FakeClock, Screen, folder, printed, turns

HOUR = 3600


def fake_clock():
    """Put a clock that stands still under the registry and the scheduler."""
    import aioschedule

    clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
    return clock


async def after(clock, seconds):
    """Let `seconds` pass, start what is due and let it run."""
    import aioschedule

    clock.advance(seconds)
    aioschedule.scheduler.run_pending()
    await turns()


async def scheduled(f, name="t", **when):
    """Add f under a schedule beside a running schedule_loop."""
    import aioschedule

    aioctl.add(aioschedule.schedule_loop)
    await turns()
    record = aioctl.add(f, name=name)
    aioschedule.schedule(name, **when)
    await turns()
    return record


async def watched(f, **kwargs):
    """Add f beside a running watcher_loop."""
    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    await turns()
    record = aioctl.add(f, **kwargs)
    await turns(20)
    return record


def raised(error, f, *args, **kwargs):
    """Return the text of the `error` that f(...) raises."""
    try:
        f(*args, **kwargs)
    except error as e:
        return str(e)
    raise AssertionError("no exception")


async def forever():
    await asyncio.Event().wait()


class Runs:
    """A task function that notes the time of each start and how many run at once."""

    def __init__(self, clock=None, hold=False):
        self.clock = clock
        self.hold = hold
        self.starts = []
        self.alive = self.most = 0

    async def run(self):
        self.starts.append(self.clock.ticks() / 1000 if self.clock else 0)
        self.alive += 1
        self.most = max(self.most, self.alive)
        try:
            while self.hold:
                await asyncio.sleep_ms(0)
        finally:
            self.alive -= 1


# 1: a scheduled task ran at boot, up to its first await.


async def test_defect_01_a_scheduled_task_does_not_run_at_boot():
    import aioschedule

    ran = []

    @aioschedule.schedule_task(start_in=HOUR, repeat=HOUR)
    @aioctl.aiotask
    async def report():
        ran.append("body")

    record = aioctl.add(report, on_stop=lambda: ran.append("on_stop"))
    await turns()
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert ran == []
    assert record.starts == 0
    assert aioctl.state("report") == "scheduled"


async def test_defect_01_a_task_scheduled_by_name_before_its_first_turn_does_not_run():
    import aioschedule

    runs = Runs()
    aioctl.add(runs.run, name="late")
    aioschedule.schedule("late", start_in=HOUR)
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert runs.starts == []
    assert aioctl.state("late") == "scheduled"


# 2: a time tuple was counted from the start of the loop.


async def test_defect_02_a_time_tuple_is_a_moment_however_old_the_loop_is():
    clock = fake_clock()
    import aioschedule

    runs = Runs(clock)
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    await after(clock, 3)
    aioctl.add(runs.run, name="t")
    aioschedule.schedule("t", start_in=time.localtime(clock.wall() + 2))
    await after(clock, 1.999)
    assert runs.starts == []
    await after(clock, 0.001)
    assert runs.starts == [5]


async def test_defect_02_a_time_tuple_in_the_past_starts_at_once_and_once():
    for ago in (1, HOUR):
        clock = fake_clock()
        runs = Runs(clock)
        name = "ago %d" % ago
        await scheduled(runs.run, name=name, start_in=time.localtime(clock.wall() - ago))
        await after(clock, 0)
        assert runs.starts == [0], ago
        await after(clock, HOUR)
        assert runs.starts == [0], ago
        aioctl.reset()
        import aioschedule

        aioschedule.reset()
        await turns()


# 3, 4: start() of a running task added a second copy; run() started every task twice.


async def test_defect_03_start_of_a_running_task_does_not_make_a_second_copy():
    runs = Runs(hold=True)
    aioctl.add(runs.run, name="t")
    await turns()
    aioctl.start("t")
    await turns()
    assert (runs.alive, runs.most) == (1, 1)
    assert len(aioctl.tasks()) == 1
    aioctl.stop("t")
    await turns()
    assert runs.alive == 0


def test_defect_04_run_starts_each_task_once():
    a, b = Runs(), Runs()
    aioctl.add(a.run, name="a")
    aioctl.add(b.run, name="b")
    aioctl.run()
    assert len(a.starts) == 1
    assert len(b.starts) == 1
    assert aioctl.state("a") == aioctl.state("b") == "done"


def test_defect_04_run_again_starts_what_has_ended_but_not_what_is_scheduled():
    import aioschedule

    ended, later = Runs(), Runs()
    aioctl.add(ended.run, name="ended")
    aioctl.add(later.run, name="later")
    aioschedule.schedule("later", start_in=HOUR)
    aioctl.run()
    aioctl.run()
    assert len(ended.starts) == 2
    assert later.starts == []


# 5: the crash of a plain coroutine looked like a result.


async def crash(*args):
    await asyncio.sleep_ms(0)
    raise ValueError(*args)


async def test_defect_05_the_crash_of_a_plain_coroutine_is_an_error():
    aioctl.add(crash, "boom")
    await turns()
    assert aioctl.state("crash") == "error"
    assert isinstance(aioctl.result("crash"), ValueError)
    text = printed(aioctl.status, "crash")
    assert "ERROR" in text and "boom" in text and "done" not in text


async def test_defect_05_the_watcher_restarts_a_plain_coroutine():
    record = await watched(crash, backoff=(0, 0))
    assert record.starts > 1


async def test_defect_05_a_bad_schedule_is_refused_and_ends_no_loop():
    clock = fake_clock()
    import aioschedule

    runs = Runs(clock)
    await scheduled(runs.run, start_in=5)
    aioctl.add(forever, name="bad")
    for value in ("5", [5], -1.5, (2024, 1)):
        error = raised((TypeError, ValueError), aioschedule.schedule, "bad", start_in=value)
        assert "start_in" in error, value
    for word in ("repeat", "cron_", "start"):
        error = raised((TypeError, ValueError), aioschedule.schedule, "bad", **{word: "x"})
        assert word in error
    assert "bad" not in aioschedule.group()
    await after(clock, 5)
    assert runs.starts == [5]
    assert aioctl.state("schedule_loop") == "running"


# 6: schedules ran on the wall clock.


async def test_defect_06_an_interval_does_not_mind_a_step_of_the_wall_clock():
    for step in (10 * 365 * 86400, -HOUR, HOUR):
        clock = fake_clock()
        runs = Runs(clock)
        name = "step %d" % step
        await scheduled(runs.run, name=name, start_in=HOUR, repeat=HOUR)
        clock.drift = step
        await after(clock, HOUR - 1)
        assert runs.starts == [], step
        await after(clock, 1)
        clock.drift = 0
        await after(clock, HOUR)
        assert runs.starts == [HOUR, 2 * HOUR], step
        import aioschedule

        aioctl.reset()
        aioschedule.reset()
        await turns()


async def test_defect_06_a_time_tuple_follows_the_wall_clock_and_starts_once():
    clock = fake_clock()
    runs = Runs(clock)
    await scheduled(runs.run, start_in=time.localtime(clock.wall() + HOUR))
    clock.drift = -60
    await after(clock, HOUR)
    assert runs.starts == []
    clock.drift = HOUR
    await after(clock, 1)
    assert runs.starts == [HOUR + 1]
    clock.drift = 0
    await after(clock, HOUR)
    assert runs.starts == [HOUR + 1]


# 7: restarts came by polling, without limit, and `restart` reached the function.


async def test_defect_07_a_failure_is_restarted_without_polling():
    record = await watched(crash, backoff=(0, 0))
    assert record.starts > 2


async def test_defect_07_the_default_back_off_is_a_second_and_shows():
    record = await watched(crash)
    assert record.starts == 1
    assert aioctl.state("crash") == "backoff"
    began = time.ticks_ms()
    while record.starts == 1 and time.ticks_diff(time.ticks_ms(), began) < 5000:
        await asyncio.sleep_ms(20)
    assert record.starts == 2
    assert 400 < time.ticks_diff(time.ticks_ms(), began) < 3000


async def test_defect_07_too_many_restarts_are_given_up():
    record = await watched(crash, backoff=(0, 0), intensity=(3, 60))
    assert record.starts == 4
    assert aioctl.state("crash") == "gave-up"
    await turns(20)
    assert record.starts == 4


async def test_defect_07_restart_false_is_left_alone_and_is_no_argument():
    for word in (False, "no"):
        record = await watched(crash, name="t", restart=word, backoff=(0, 0))
        assert record.starts == 1, word
        assert aioctl.state("t") == "error", word
        assert "argument" not in str(aioctl.result("t")), word
        aioctl.reset()
        await turns()


# 11, 12, 13: start_in=0 never started; a schedule without `repeat` broke status().


async def test_defect_11_start_in_0_starts_at_once():
    clock = fake_clock()
    runs = Runs(clock)
    await scheduled(runs.run, start_in=0)
    await after(clock, 0)
    assert runs.starts == [0]


async def test_defect_11_start_in_0_in_the_decorator_starts_with_the_loop():
    clock = fake_clock()
    import aioschedule

    runs = Runs(clock)

    @aioschedule.schedule_task(start_in=0, repeat=10)
    async def t():
        await runs.run()

    aioctl.add(t)
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert runs.starts == [0]
    await after(clock, 10)
    assert runs.starts == [0, 10]


async def test_defect_12_status_shows_a_schedule_without_repeat_or_start_in():
    clock = fake_clock()
    import aioschedule

    aioctl.add(aioschedule.schedule_loop)
    for name, when in (("once", {"start_in": 2}), ("often", {"repeat": 5})):
        aioctl.add(Runs(clock).run, name=name)
        aioschedule.schedule(name, **when)
    await turns()
    text = printed(aioctl.status)
    assert "once: status: scheduled" in text
    assert "starts in 2 s" in text
    assert "often: status: scheduled" in text
    await after(clock, 5)
    text = printed(aioctl.status)
    assert "next in 5 s" in text
    assert "once: status: done" in text


def test_defect_13_status_sc_before_the_loop_takes_every_kind_of_start():
    clock = fake_clock()
    import aioschedule

    starts = {
        "zero": {"start_in": 0},
        "missing": {"repeat": 5},
        "tuple": {"start_in": time.localtime(clock.wall() + 20)},
        "plain": {"start_in": 20, "repeat": 30},
    }
    for name, when in starts.items():
        aioctl.add(forever, name=name)
        aioschedule.schedule(name, **when)
    for name in starts:
        text = printed(aioschedule.status_sc, name) + printed(aioctl.status, name)
        assert "past" not in text, name
    assert "in 20 s" in printed(aioschedule.status_sc, "tuple")
    assert "past" not in printed(aioschedule.status_sc_all)


# 14, 15: a tick during a run was booked as a start; periods drifted.


async def test_defect_14_a_tick_during_a_run_is_skipped_and_counted_not_booked():
    clock = fake_clock()
    runs = Runs(clock, hold=True)
    record = await scheduled(runs.run, start_in=2, repeat=2)
    await after(clock, 2)
    await after(clock, 2)
    assert record.starts == 1
    plan = aioctl.info("t")["schedule"]
    assert plan["last"] == clock.start + 2
    assert plan["skipped"] == 1
    runs.hold = False
    await turns()
    await after(clock, 1)
    assert record.starts == 1
    await after(clock, 1)
    assert runs.starts == [2, 6]
    assert aioctl.info("t")["schedule"]["last"] == clock.start + 6


async def test_defect_15_repeats_lie_on_a_grid_however_late_one_was_served():
    clock = fake_clock()
    runs = Runs(clock)
    await scheduled(runs.run, start_in=1, repeat=0.25)
    for seconds in (1.1, 0.15, 0.2, 0.05, 0.249, 0.001):
        await after(clock, seconds)
    assert runs.starts == [1.1, 1.25, 1.5, 1.75]


async def test_defect_15_an_odd_period_does_not_drift_over_a_day():
    clock = fake_clock()
    runs = Runs(clock)
    await scheduled(runs.run, start_in=0, repeat=0.75)
    await after(clock, 0)
    import aioschedule

    for _ in range(200):
        clock.advance(aioschedule.scheduler.run_pending() / 1000)
        aioschedule.scheduler.run_pending()
        await turns(2)
    assert runs.starts == [n * 0.75 for n in range(201)]
    await after(clock, 86400)
    assert runs.starts[-1] == 86550 and len(runs.starts) == 202
    await after(clock, 0.75)
    assert runs.starts[-1] == 86550.75


# 16: ends were booked by the name of the function.


async def test_defect_16_an_end_is_booked_on_the_task_itself():
    async def f(value):
        if value is None:
            await asyncio.Event().wait()
        return value

    aioctl.add(f, None, name="f")
    aioctl.add(f, 1, name="named")
    aioctl.add(f, 2, name="both", _id="other")
    assert aioctl.add(f, 3).name == "f@1"
    await turns()
    info = aioctl.info()
    assert info["f"]["state"] == "running" and info["f"]["done_at"] is None
    for name, value in (("named", 1), ("both", 2), ("f@1", 3)):
        assert info[name]["state"] == "done" and info[name]["done_at"], name
        assert info[name]["result"] == value
        assert "@ None" not in printed(aioctl.status, name)


async def test_defect_16_a_stop_is_booked_on_the_task_itself():
    aioctl.add(forever)
    aioctl.add(forever, name="named")
    await turns()
    aioctl.stop("named")
    await turns()
    assert aioctl.state("forever") == "running"
    assert aioctl.state("named") == "stopped"
    assert "@ None" not in printed(aioctl.status, "named")


# 17: stop() said True whatever happened.


async def test_defect_17_stop_of_an_unknown_name_is_false():
    aioctl.add(forever)
    text = printed(lambda: print(aioctl.stop("nix")))
    assert text == "Task nix not found in ['forever']\nFalse\n"


async def test_defect_17_a_task_that_cannot_cancel_itself_hears_so():
    heard = []

    async def selfish():
        heard.append(printed(lambda: heard.append(aioctl.stop("selfish"))))
        await asyncio.sleep_ms(0)
        return 7

    aioctl.add(selfish)
    await turns()
    assert heard[0] is not True
    assert "selfish" in heard[1] and "can't cancel self" in heard[1]
    assert aioctl.state("selfish") == "done"
    assert aioctl.result("selfish") == 7


async def test_defect_17_a_stopped_task_counts_until_it_has_ended():
    async def tidy():
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(4):
                await asyncio.sleep_ms(0)

    aioctl.add(tidy, on_stop="tidied")
    await turns()
    assert aioctl.stop("tidy") is True
    await turns(2)
    assert len(aioctl.tasks()) == 1
    assert aioctl.state("tidy") == "running"
    assert aioctl.result("tidy") is None
    assert await aioctl.join("tidy") == "tidied"
    assert aioctl.state("tidy") == "stopped"
    assert aioctl.result("tidy") == "tidied"
    assert aioctl.tasks() == []


async def test_defect_17_a_task_stopped_before_its_first_turn_never_runs():
    runs = Runs(hold=True)
    aioctl.add(forever)
    await turns()
    aioctl.add(runs.run, name="t")
    assert aioctl.stop("t") is True
    await turns()
    assert runs.starts == []
    assert aioctl.state("t") == "stopped"
    assert len(aioctl.tasks()) == 1
    aioctl.start("t")
    await turns()
    assert runs.alive == 1


async def test_defect_17_a_task_that_swallows_its_cancellation_is_stuck():
    clock = fake_clock()

    async def deaf():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    aioctl.add(deaf)
    await turns()
    assert aioctl.stop("deaf") is True
    await turns()
    clock.advance(4)
    assert "stuck" not in printed(aioctl.status, "deaf")
    clock.advance(1.1)
    assert aioctl.stop("deaf") == "stuck"
    assert "stuck" in printed(aioctl.status, "deaf")
    assert aioctl.info("deaf")["stuck"] is True
    assert len(aioctl.tasks()) == 1


# 18, 19: start() forgot a task that it could not start, and missed one-shots.


async def test_defect_18_a_start_that_fails_is_recorded_and_forgets_nothing():
    async def f(a=1):
        return a

    record = aioctl.add(f)
    await turns()
    record.kwargs["b"] = 2
    aioctl.start("f")
    await turns()
    assert aioctl.state("f") == "error"
    assert isinstance(aioctl.result("f"), TypeError)
    del record.kwargs["b"]
    record.kwargs["a"] = 5
    assert aioctl.start("f") is True
    await turns()
    assert aioctl.result("f") == 5


async def test_defect_18_a_spent_coroutine_says_so_and_keeps_its_record():
    async def f():
        return 3

    aioctl.add(f(), name="once")
    await turns()
    assert aioctl.result("once") == 3

    def start():
        try:
            print(aioctl.start("once"))
        except (RuntimeError, ValueError, TypeError) as e:
            print(e)

    text = printed(start)
    assert "once" in text and "coroutine" in text and "True" not in text
    await turns()
    assert aioctl.state("once") == "done"
    assert aioctl.result("once") == 3


async def test_defect_19_start_after_stop_starts_a_one_shot_that_has_run():
    clock = fake_clock()
    runs = Runs(clock)
    await scheduled(runs.run, start_in=5)
    await after(clock, 5)
    aioctl.stop("t")
    await after(clock, 2)
    assert aioctl.start("t") is True
    await after(clock, 0)
    assert runs.starts == [5, 7]


async def test_defect_19_start_after_stop_puts_a_repeat_back_on_its_grid():
    clock = fake_clock()
    import aioschedule

    runs = Runs(clock)
    await scheduled(runs.run, start_in=5, repeat=10)
    await after(clock, 5)
    aioctl.stop("t")
    assert "t" not in aioschedule.group()
    await after(clock, 2)
    aioctl.start("t")
    assert "t" in aioschedule.group()
    await after(clock, 7.9)
    assert runs.starts == [5]
    await after(clock, 0.1)
    assert runs.starts == [5, 15]


async def test_defect_19_a_stopped_schedule_starts_nothing_unless_it_was_left():
    clock = fake_clock()
    gone, left = Runs(clock), Runs(clock)
    await scheduled(gone.run, name="gone", start_in=5, repeat=5)
    aioctl.add(left.run, name="left")
    import aioschedule

    aioschedule.schedule("left", start_in=5, repeat=5)
    aioctl.stop("gone")
    aioctl.stop("left", stop_sch=False)
    await after(clock, 5)
    await after(clock, 5)
    assert gone.starts == []
    assert left.starts == [5, 10]


# 20: failing callbacks escaped, async ones were never awaited.


def fail(*args, **kwargs):
    raise RuntimeError("callback")


async def fail_later(*args, **kwargs):
    await asyncio.sleep_ms(0)
    raise RuntimeError("callback")


async def seen_later(*args, **kwargs):
    await asyncio.sleep_ms(0)
    return "seen"


async def test_defect_20_a_failing_on_error_hides_neither_the_error_nor_the_task():
    for callback in (fail, fail_later):
        aioctl.add(crash, "boom", name="t", on_error=callback)
        await turns(10)
        assert aioctl.state("t") == "error"
        assert isinstance(aioctl.result("t"), ValueError)
        try:
            await aioctl.join("t")
            raise AssertionError("join did not raise")
        except ValueError as e:
            assert e.args == ("boom",)
        aioctl.delete("t")


async def test_defect_20_a_failing_on_stop_leaves_the_task_stopped():
    for callback in (fail, fail_later):
        aioctl.add(forever, name="t", on_stop=callback)
        await turns()
        aioctl.stop("t")
        await turns(10)
        assert aioctl.state("t") == "stopped"
        assert "<generator" not in str(aioctl.result("t"))
        aioctl.delete("t")


async def test_defect_20_async_callbacks_are_awaited():
    aioctl.add(crash, on_error=seen_later)
    aioctl.add(forever, on_stop=seen_later)
    await turns()
    aioctl.stop("forever")
    await turns(10)
    assert aioctl.result("crash") == "seen"
    assert aioctl.state("crash") == "error"
    assert aioctl.result("forever") == "seen"
    assert aioctl.state("forever") == "stopped"


async def test_defect_20_a_failure_with_on_error_is_restarted():
    record = await watched(crash, on_error=lambda e: "handled", backoff=(0, 0))
    assert record.starts > 1
    assert aioctl.result("crash") in ("handled", None)


# 21, 22, 23: no group yet, no name, no function.


def test_defect_21_every_call_works_before_the_first_add():
    assert aioctl.tasks() == []
    assert aioctl.info() == {}
    assert aioctl.result_all(as_dict=True) == {}
    assert aioctl.tasks_match("*") == []
    for name in ("status", "status_all", "result", "result_all", "traceback", "traceback_all"):
        assert printed(getattr(aioctl, name)) == "", name
    for name in ("stop", "stop_all", "start", "reset", "log"):
        printed(getattr(aioctl, name))
    for name in ("status", "result", "stop", "start", "delete"):
        for which in ("nix", "*"):
            printed(getattr(aioctl, name), which)
        assert "nix" in printed(getattr(aioctl, name), "nix"), name


def test_defect_21_the_scheduler_works_before_the_first_add():
    import aioschedule

    printed(aioschedule.status_sc)
    printed(aioschedule.status_sc_all)
    printed(aioschedule.unschedule, "nix")
    assert not aioschedule.group()
    aioschedule.reset()


async def test_defect_22_start_without_a_name_starts_all_that_do_not_run():
    for call in (lambda: aioctl.start(), lambda: aioctl.start(None)):
        ended, running = Runs(), Runs(hold=True)
        aioctl.add(ended.run, name="ended")
        aioctl.add(running.run, name="running")
        await turns()
        call()
        await turns()
        assert len(ended.starts) == 2
        assert running.most == 1
        aioctl.reset()
        await turns()


async def test_defect_23_a_coroutine_object_runs():
    async def f(a):
        await asyncio.sleep_ms(0)
        return a

    record = aioctl.add(f(4))
    aioctl.add(f(5), name="five")
    await turns()
    assert aioctl.result(record.name) == 4
    assert aioctl.result("five") == 5


async def test_defect_23_a_bad_add_names_what_came_and_changes_nothing():
    aioctl.add(forever)
    for bad in (5, None, "forever", [forever], print):
        error = raised(TypeError, aioctl.add, bad)
        assert error.startswith("coro: ") and repr(bad) in error, bad
    assert "name" in raised(TypeError, aioctl.add, forever, name=5)
    for policy in ({"restart": "never"}, {"backoff": 3}, {"backoff": (5, 1)}, {"intensity": 2}):
        word = list(policy)[0]
        assert word in raised((TypeError, ValueError), aioctl.add, forever, **policy), policy
    assert list(aioctl.info()) == ["forever"]
    assert len(aioctl.tasks()) == 1


CALLED = []


def plain():
    CALLED.append(1)


async def test_defect_23_a_plain_function_is_not_called_by_add():
    raised(TypeError, aioctl.add, plain)
    assert CALLED == []


# 24: a decorated function was a tuple.


async def test_defect_24_a_decorated_function_is_still_a_function():
    async def f(a, b=2):
        return a + b

    assert aioctl.aiotask(f) is f
    g = aioctl.aiotask(restart="always", backoff=(1, 60))(f)
    assert await g(1) == 3
    assert await asyncio.create_task(g(1, b=4)) == 5


async def test_defect_24_a_method_can_be_decorated():
    class Sensor:
        def __init__(self, pin):
            self.pin = pin

        @aioctl.aiotask
        async def read(self, times=1):
            return self.pin * times

        @aioctl.aiotask(restart="no")
        async def other(self):
            return -self.pin

    sensor = Sensor(4)
    assert await sensor.read() == 4
    aioctl.add(sensor.read, times=2, name="read")
    aioctl.add(sensor.other, name="other")
    await turns()
    assert aioctl.result("read") == 8
    assert aioctl.result("other") == -4


async def test_defect_24_both_orders_of_the_decorators_work():
    clock = fake_clock()
    import aioschedule

    ran = []

    @aioschedule.schedule_task(start_in=5)
    @aioctl.aiotask
    async def outside():
        ran.append("outside")

    @aioctl.aiotask
    @aioschedule.schedule_task(start_in=5)
    async def inside():
        ran.append("inside")

    aioctl.add(outside)
    aioctl.add(inside)
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert ran == []
    await after(clock, 5)
    assert sorted(ran) == ["inside", "outside"]


# 25: many tasks of one name. What an add costs is measured in bench/.


async def test_defect_25_hundreds_of_tasks_of_one_function_have_names_of_their_own():
    async def f(n):
        return n

    names = [aioctl.add(f, n).name for n in range(200)]
    assert names == ["f"] + ["f@%d" % n for n in range(1, 200)]
    await turns()
    results = aioctl.result_all(as_dict=True)
    assert [results[name] for name in names] == list(range(200))


async def test_defect_25_a_freed_name_never_hits_a_live_task():
    for _ in range(4):
        aioctl.add(forever)
    aioctl.delete("forever@2")
    await turns()
    aioctl.add(forever)
    aioctl.add(forever)
    assert len(aioctl.info()) == 5
    aioctl.delete("forever")
    await turns()
    assert aioctl.add(forever).name == "forever"
    assert len(aioctl.info()) == 5


# 26, 27: delete() and reset() left things behind.


async def test_defect_26_nothing_of_a_deleted_task_stays():
    aioctl.add(crash)
    aioctl.add(forever)
    await turns()
    aioctl.delete("crash", "forever")
    await turns()
    assert aioctl.result_all(as_dict=True) == {}
    assert aioctl.info() == {}
    assert aioctl.tasks() == []
    assert len(aioctl.group().results) == 0


async def test_defect_27_reset_stops_what_it_forgets():
    runs = Runs(hold=True)
    aioctl.add(runs.run, name="t")
    await turns()
    aioctl.reset()
    await turns()
    assert runs.alive == 0
    assert aioctl.info() == {}


async def test_defect_27_after_a_reset_the_loop_time_begins_anew():
    clock = fake_clock()
    import aioschedule

    await scheduled(Runs(clock).run, name="old", start_in=50)
    await after(clock, 100)
    aioctl.reset()
    aioschedule.reset()
    await turns()
    assert not aioschedule.group()
    runs = Runs(clock)

    @aioschedule.schedule_task(start_in=10)
    async def t():
        await runs.run()

    aioctl.add(t)
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    await after(clock, 9)
    assert runs.starts == []
    await after(clock, 1)
    assert runs.starts == [110]


# 28: the watcher restarted a scheduled task outside its schedule.


async def test_defect_28_a_crashed_scheduled_task_waits_for_its_next_time():
    clock = fake_clock()
    record = await scheduled(crash, start_in=HOUR, repeat=HOUR)
    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    record.backoff = (0, 0)
    await after(clock, HOUR)
    await turns(20)
    assert record.starts == 1
    assert isinstance(aioctl.result("t"), ValueError)
    assert "ERROR" in printed(aioctl.status, "t")
    await after(clock, HOUR)
    assert record.starts == 2


async def test_defect_28_a_returned_exception_is_a_result():
    async def finds():
        return ValueError("found")

    record = await watched(finds, backoff=(0, 0))
    assert record.starts == 1
    assert aioctl.state("finds") == "done"
    assert isinstance(aioctl.result("finds"), ValueError)
    assert isinstance(await aioctl.join("finds"), ValueError)
    assert "ERROR" not in printed(aioctl.status, "finds")
    assert printed(aioctl.traceback, "finds") == ""


# 29: only the first argument of an exception was shown.


async def test_defect_29_an_exception_is_shown_as_python_shows_it():
    aioctl.color = False

    async def fails(e):
        raise e

    class OwnError(Exception):
        def __str__(self):
            return "own text"

    shown = {
        "none": (ValueError(), "ValueError"),
        "one": (ValueError("a"), "ValueError: a"),
        "two": (ValueError("a", 2), "ValueError: ('a', 2)"),
        "os": (OSError(5), "OSError: [Errno 5] EIO"),
        "own": (OwnError(1), "OwnError: own text"),
    }
    for name, (e, _) in shown.items():
        aioctl.add(fails, e, name=name)
    await turns()
    for name, (_, text) in shown.items():
        assert aioctl.info(name)["error"] == text, name
        assert printed(aioctl.status, name).split("--> result: ")[1].split("\n")[0] == text, name


# 30: cancellation was swallowed.


async def test_defect_30_a_cancelled_task_function_tells_whoever_awaits_it():
    @aioctl.aiotask
    async def decorated():
        await asyncio.Event().wait()

    task = asyncio.create_task(decorated())
    await turns()
    task.cancel()
    try:
        await task
        raise AssertionError("no CancelledError")
    except asyncio.CancelledError:
        pass
    try:
        await asyncio.wait_for_ms(decorated(), 1)
        raise AssertionError("no TimeoutError")
    except asyncio.TimeoutError:
        pass


async def test_defect_30_the_body_of_a_stopped_task_sees_the_cancellation():
    seen = []

    @aioctl.aiotask
    async def body():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    aioctl.add(body)
    await turns()
    aioctl.stop("body")
    await turns()
    assert seen == ["cancelled"]
    assert aioctl.state("body") == "stopped"


# 35: status() read the whole log once for each task.


async def test_defect_35_status_reads_the_log_as_often_for_twenty_tasks_as_for_two():
    from aiolog import AioStream

    class Log(AioStream):
        reads = 0

        def __init__(self, size):
            super().__init__(size)
            self.write("a line [0] of a task\n")

        def cat(self, *args, **kwargs):
            self.reads += 1
            return super().cat(*args, **kwargs)

    async def f():
        pass

    log = Log(200)
    aioctl.set_log(log)
    counts = []
    for n in range(20):
        aioctl.add(f, name=str(n))
        await turns()
        if n in (1, 19):
            log.reads = 0
            printed(aioctl.status)
            counts.append(log.reads)
    assert counts[0] == counts[1]


async def test_defect_35_every_way_to_ask_gives_the_same_state():
    aioctl.color = False
    aioctl.add(crash)
    aioctl.add(forever)
    aioctl.add(forever, name="halted")
    await turns()
    aioctl.stop("halted")
    await turns()
    words = {"crash": "ERROR", "forever": "running", "halted": "stopped"}
    everything = printed(aioctl.status)
    for name, word in words.items():
        one = printed(aioctl.status, name)
        assert one in everything, name
        assert "%s: status: %s " % (name, word) in one, name
        assert aioctl.state(name) == aioctl.info(name)["state"] == word.lower(), name
        assert aioctl.info()[name] == aioctl.info(name), name


# 36: any exception while a part was imported switched it off without a word.


def broken(module, line):
    """Put a module in front of the path that fails on import."""
    path = folder()
    with open(path + "/" + module + ".py", "w") as f:
        f.write(line)
    sys.path.insert(0, path)
    sys.modules.pop(module, None)


def test_defect_36_the_registry_imports_no_part_at_start():
    for part in ("aioschedule", "aiolog", "aiorepl", "logging"):
        assert part not in sys.modules, part


def test_defect_36_a_part_that_cannot_be_imported_is_an_error():
    for line, error in (("x = (", SyntaxError), ("raise MemoryError(1)", MemoryError)):
        broken("aioschedule", line)
        try:
            import aioschedule

            raise AssertionError(aioschedule)
        except error:
            pass


def test_defect_36_the_registry_works_without_the_scheduler():
    broken("aioschedule", "raise MemoryError(1)")

    async def main():
        aioctl.add(forever)
        await turns()
        assert "running" in printed(aioctl.status)
        aioctl.stop("forever")
        await turns()
        assert aioctl.state("forever") == "stopped"
        aioctl.delete("forever")

    asyncio.run(main())


# 37 to 41, 44, 45: untidy.


def test_defect_37_durations_read_well():
    for seconds, text in (
        (0, "0 s"),
        (59, "59 s"),
        (60, "00:01:00"),
        (86399, "23:59:59"),
        (-5, "the past by 5 s"),
        (2 * 86400 + 61, "2 days, 00:01:01"),
        (86400.0, aioctl.tmdelta_fmt(86400)),
    ):
        assert aioctl.tmdelta_fmt(seconds) == text, seconds
    assert aioctl.tmdelta_fmt(86400).startswith("1 day")


async def test_defect_38_tasks_are_listed_in_the_order_of_adding():
    names = ["zeta", "alpha", "mid", "beta", "omega", "b", "a", "c"]
    for name in names:
        aioctl.add(forever, name=name)
    await turns()
    assert aioctl.tasks_match("*") == names
    lines = printed(aioctl.result_all).split("\n")
    assert [line.split(" ")[0] for line in lines if line] == names
    assert aioctl.tasks() == [aioctl.group().tasks[n].task for n in names]


async def test_defect_39_a_pattern_is_no_regular_expression():
    for name in ("a(b", "a.b", "axb", "a[1]", "a+b"):
        aioctl.add(forever, name=name)
    for pattern, names in (
        ("a(*", ["a(b"]),
        ("a.*", ["a.b"]),
        ("a[1]*", ["a[1]"]),
        ("a+*", ["a+b"]),
        ("*b", ["a(b", "a.b", "axb", "a+b"]),
        ("*x*", ["axb"]),
        ("b*", []),
    ):
        assert sorted(aioctl.tasks_match(pattern)) == sorted(names), pattern


def test_defect_40_unschedule_of_an_unknown_name_is_one_line():
    import aioschedule

    results = []
    text = printed(lambda: results.append(aioschedule.unschedule("greetings")))
    assert results == [False]
    assert text.startswith("Task greetings not found in [")
    assert text.count("\n") == 1


def test_defect_41_a_log_write_returns_its_count():
    from aiolog import AioStream

    assert AioStream(100).write("four\n") == 5


def test_defect_44_a_missing_dotenv_is_told_at_most_once():
    real = builtins.__import__

    def no_dotenv(name, *args):
        if name == "dotenv":
            raise ImportError("no module named 'dotenv'")
        return real(name, *args)

    builtins.__import__ = no_dotenv
    screen = Screen()
    try:
        for _ in range(3):
            print(aioctl.getenv("NO_SUCH_NAME", "alt"), file=screen)
            text = printed(aioctl.getenv, "NO_SUCH_NAME")
        assert "WARNING" not in text
    finally:
        builtins.__import__ = real
    assert str(screen) == "alt\nalt\nalt\n"


async def test_defect_45_only_the_documented_words_are_taken_from_the_task():
    got = {}

    async def f(*args, **kwargs):
        got.update(kwargs)

    log = Screen()
    taken = {"name": "t", "_id": "i", "on_stop": 1, "on_error": 2, "restart": "no"}
    passed = {"log": log, "debug": 3, "schedule": 4, "envfile": 5, "result": 6}
    aioctl.add(f, **taken, **passed)
    await turns()
    assert got == passed
    aioctl.start("t")
    got.clear()
    await turns()
    assert got == passed
