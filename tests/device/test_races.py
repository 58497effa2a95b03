"""What happens when verbs meet within one turn, and when parts fail at a bad moment."""

import asyncio
import time
from asyncio import core

import aioctl
from support import FakeClock, printed, turns

clock = aioctl.clock = FakeClock()

import aioschedule  # noqa: E402  takes the clock that is there

scheduler = aioschedule.scheduler


def setup():
    aioctl.color = False


class Job:
    """A task that counts its runs and waits for its gate."""

    def __init__(self, name="job", **policy):
        self.runs = 0
        self.gate = asyncio.Event()
        self.rec = aioctl.add(self.run, name=name, **policy)

    async def run(self):
        self.runs += 1
        await self.gate.wait()


async def watched():
    aioctl.add(aioschedule.watcher_loop)
    await turns()


async def test_what_was_told_to_stop_is_not_restarted_however_it_ends():
    async def returns():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 5

    async def raises():
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError(5)

    await watched()
    a = aioctl.add(returns, restart="always", backoff=(0, 0))
    b = aioctl.add(raises, backoff=(0, 0))
    await turns()
    assert aioctl.stop("r*") is True
    await turns(20)
    assert (a.starts, a.state, a.result) == (1, "stopped", 5)
    assert (b.starts, b.state) == (1, "error") and isinstance(b.exc, OSError)


async def test_a_new_schedule_takes_the_place_of_one_that_stop_took_away():
    aioschedule.schedule("job", start_in=1, repeat=1)
    job = Job()
    job.gate.set()
    scheduler.run_pending()
    aioctl.stop("job")
    aioschedule.schedule("job", start_in=5, repeat=5)
    aioctl.start("job")
    for _ in range(11):
        clock.advance(1)
        scheduler.run_pending()
        await turns()
    assert job.runs == 2, job.runs
    aioschedule.unschedule("job")
    clock.advance(100)
    assert scheduler.run_pending() is None


async def test_join_of_a_held_task_ends_with_its_schedule():
    ways = (lambda: aioctl.stop("job"), lambda: aioschedule.unschedule("job"))
    for way in ways + (lambda: aioctl.delete("job"),):
        aioschedule.schedule("job", start_in=10)
        job = Job()
        waiter = asyncio.create_task(aioctl.join("job"))
        await turns()
        way()
        await turns()
        assert waiter.done() and await waiter is None
        assert job.rec.state == "stopped" and job.rec.done_at is not None
        aioctl.delete("job")


async def test_schedule_in_the_turn_of_a_start_stop_or_restart_leaves_no_trace():
    for verb in (aioctl.stop, aioctl.restart):
        job = Job("new")
        verb("new")
        aioschedule.schedule("new", start_in=1)
        assert job.rec.state == "scheduled"
        scheduler.run_pending()
        clock.advance(1)
        scheduler.run_pending()
        await turns()
        clock.advance(10)
        assert job.runs == 1 and aioctl.info("new")["stopping"] is None
        job.gate.set()
        await turns()
        assert job.runs == 1 and job.rec.state == "done"
        aioctl.delete("new")
    job = Job("old")
    job.gate.set()
    await turns()
    aioctl.start("old")
    aioschedule.schedule("old", start_in=1)
    assert job.rec.state == "scheduled" and not job.rec.live()


async def test_schedule_of_a_task_in_back_off_ends_the_back_off():
    async def broken():
        raise ValueError

    await watched()
    rec = aioctl.add(broken, backoff=(100, 100))
    await turns()
    assert rec.state == "backoff"
    aioschedule.schedule("broken", start_in=1)
    assert rec.state == "error" and aioctl.info("broken")["error"] == "ValueError"
    assert "ERROR" in printed(aioctl.status, "broken")


async def test_a_coroutine_that_runs_once_is_never_restarted():
    async def broken():
        raise ValueError

    async def waits():
        await asyncio.Event().wait()

    try:
        aioctl.add(broken(), restart="on-failure")
    except ValueError as e:
        assert "restart" in str(e)
    else:
        raise AssertionError("not refused")
    rec = aioctl.add(broken())
    await turns()
    await watched()
    await turns()
    assert rec.state == "error" and rec.starts == 1
    assert aioctl.state("watcher_loop") == "running"
    c = waits()
    aioctl.add(c)
    await turns()
    try:
        aioctl.add(c)
    except ValueError as e:
        assert "in use" in str(e)
    else:
        raise AssertionError("not refused")
    aioctl.stop("waits")
    assert "runs once" in printed(aioctl.start, "waits")
    await turns()
    assert aioctl.state("waits") == "stopped"


async def test_a_task_outside_the_registry_is_not_restarted():
    async def broken():
        raise ValueError

    await watched()
    rec = aioctl.create_task(broken, backoff=(0, 0))
    assert isinstance(await rec.task, ValueError)
    assert rec.starts == 1


async def test_add_names_what_it_cannot_name():
    class Made:
        def __call__(self):
            return answer()

    class Odd:
        def send(self, v):
            raise StopIteration(3)

        throw = close = send

    async def answer():
        return 42

    assert aioctl.add(Made(), name="made").name == "made"
    assert aioctl.add(Odd()).name == "coroutine"
    await turns()
    assert aioctl.result("made") == 42 and aioctl.result("coroutine") == 3
    assert "Task 5 not found" in printed(aioctl.status, 5)


async def test_stop_of_a_failed_task_keeps_its_failure():
    async def broken():
        raise ValueError("why")

    aioschedule.schedule("broken", start_in=0, repeat=10)
    rec = aioctl.add(broken)
    scheduler.run_pending()
    await turns()
    aioctl.stop("broken")
    assert rec.state == "error" and "why" in printed(aioctl.traceback, "broken")
    assert "broken" not in aioschedule.group()


def test_a_second_loop_in_one_process_finds_everything_anew():
    async def main():
        aioctl.add(aioschedule.watcher_loop, name="w")
        aioctl.add(aioschedule.schedule_loop, name="s")
        job = Job("j%d" % len(jobs))
        jobs.append(job)
        aioschedule.schedule(job.rec.name, start_in=0)
        await turns(10)
        states = [aioctl.state(n) for n in ("w", "s", "w@1", "s@1") if n in aioctl.group().tasks]
        asyncio.new_event_loop()  # as Ctrl-D at the REPL does
        return states

    jobs = []
    assert asyncio.run(main()) == ["running", "running"]
    assert asyncio.run(main()) == ["stopped", "stopped", "running", "running"]
    assert [job.runs for job in jobs] == [1, 1]


def test_want_of_memory_for_a_start_changes_nothing():
    def full(coro, _):
        raise MemoryError

    async def main():
        aioctl.add(aioschedule.schedule_loop)
        aioschedule.schedule("later", start_in=0)
        job = Job("later")
        real = core.Task
        core.Task = full
        try:
            Job("now")
        except MemoryError:
            pass
        else:
            raise AssertionError("nothing raised")
        assert scheduler.run_pending() is None
        core.Task = real
        assert "now" not in aioctl.group().tasks and len(aioctl.tasks()) == 1
        assert job.rec.state == "scheduled" and not job.rec.live()
        await turns()
        assert aioctl.state("schedule_loop") == "running"
        aioctl.stop()

    asyncio.run(main())


async def test_want_of_memory_while_telling_still_restarts_and_tells_who_waits():
    class Log:
        def error(self, text):
            raise MemoryError

    await watched()

    class Text(ValueError):
        def __str__(self):
            raise MemoryError

    async def untold(log=None):
        raise Text

    rec = aioctl.add(untold, log=Log(), backoff=(0, 0), intensity=(2, 100))
    await turns(20)
    assert rec.starts == 3 and rec.state == "gave-up"


def test_exit_from_a_callback_leaves_the_loop_and_is_recorded():
    def leaves(*args):
        raise SystemExit(3)

    async def broken():
        raise ValueError

    async def main():
        aioctl.add(broken, on_error=leaves)
        await turns()

    try:
        asyncio.run(main())
    except SystemExit as e:
        assert e.args == (3,)
    else:
        raise AssertionError("nothing raised")
    assert aioctl.tasks() == [] and aioctl.state("broken") == "error"


async def test_reset_keeps_the_schedules():
    aioschedule.schedule("job", start_in=1)
    Job()
    aioctl.reset()
    job = Job()
    await turns()
    assert job.runs == 0 and job.rec.state == "scheduled"


async def test_a_task_cannot_delete_itself():
    async def suicidal():
        printed(aioctl.delete, "suicidal")
        return 1

    aioctl.add(suicidal)
    await turns()
    assert aioctl.result("suicidal") == 1


async def test_a_second_stop_lets_on_stop_finish():
    done = []

    async def on_stop():
        await turns(5)
        done.append(1)

    job = Job(on_stop=on_stop)
    await turns()
    for _ in range(3):
        aioctl.stop("job")
        await turns(2)
    await turns(10)
    assert done == [1] and job.rec.state == "stopped"


async def test_stop_ends_the_task_it_names_not_the_one_that_that_awaits():
    inner = Job("inner")

    async def outer():
        await inner.rec.task

    rec = aioctl.add(outer)
    await turns()
    aioctl.stop("outer")
    await turns()
    assert rec.state == "stopped" and inner.rec.state == "running"
    inner.gate.set()
    await turns()
    assert inner.rec.state == "done"


async def test_start_of_all_spares_what_is_held():
    aioschedule.schedule("held", start_in=100)
    held = Job("held")
    aioctl.start()
    await turns()
    assert held.runs == 0 and held.rec.state == "scheduled"


async def test_gave_up_and_started_again_has_its_full_intensity():
    async def broken():
        raise ValueError

    await watched()
    rec = aioctl.add(broken, backoff=(0, 0), intensity=(2, 1000))
    await turns(20)
    assert rec.starts == 3
    aioctl.start("broken")
    await turns(20)
    assert rec.starts == 6 and rec.state == "gave-up"


def test_a_schedule_taken_back_wakes_nobody():
    aioschedule.schedule("a", start_in=1)
    aioschedule.schedule("b", start_in=100)
    scheduler.run_pending()
    aioschedule.unschedule("a")
    assert scheduler.run_pending() == 100000


def test_names_that_the_earlier_tools_read():
    rec = Job().rec
    for owner, name, value in (
        (aioctl, "_SCHEDULE", True),
        (rec, "_is_parent", False),
        (rec, "_is_child", False),
        (rec, "_is_service", False),
    ):
        assert getattr(owner, name) is value, name
    assert aioctl.group().tasks["job"].schedule is None
    assert isinstance(time.time() - rec.since, (int, float))


async def test_setting_the_wall_clock_wakes_the_sleeper_that_is_told():
    aioschedule.schedule("job", start_in=time.localtime(clock.wall() + 10**8))
    job = Job()
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    clock.drift = 10**8
    await turns(20)
    assert job.runs == 0
    aioschedule.clock_changed()
    await turns(20)
    assert job.runs == 1


async def test_a_watcher_that_answers_nonsense_is_reported():
    async def broken():
        raise ValueError

    aioctl.watcher = lambda rec: 1.5
    rec = aioctl.add(broken)
    await turns()
    assert rec.starts == 1 and rec.state == "error"


async def test_a_task_cannot_join_itself():
    async def lonely():
        try:
            await aioctl.join("lonely")
        except RuntimeError as e:
            return str(e)

    aioctl.add(lonely)
    await turns()
    assert aioctl.result("lonely") == "can't join self, lonely"


def test_counters_of_names_go_with_the_names():
    async def f():
        pass

    for base in ("job", "a@b", "x@1"):
        names = [aioctl.add(f, name=base).name for _ in range(3)]
        assert names == [base, base + "@1", base + "@2"]
        aioctl.delete(*names)
        assert aioctl.add(f, name=base).name == base
        aioctl.delete(base)


async def test_a_callback_may_start_a_task_and_give_its_record():
    runs = []

    async def helper():
        runs.append(1)
        await turns(2)
        return "helped"

    async def broken():
        raise ValueError

    rec = aioctl.add(broken, on_error=lambda e: aioctl.add(helper))
    await turns(10)
    assert runs == [1] and aioctl.result("helper") == "helped"
    assert rec.result is aioctl.group().tasks["helper"]


async def test_start_ends_a_back_off_and_follows_a_callback():
    gate = asyncio.Event()
    runs = []

    async def broken():
        runs.append(1)
        raise ValueError

    async def on_error(e):
        await gate.wait()

    await watched()
    aioctl.add(broken, name="a", backoff=(1000, 1000))
    await turns()
    assert aioctl.state("a") == "backoff"
    aioctl.start("a")
    await turns()
    assert len(runs) == 2
    aioctl.delete("a")
    await turns()
    aioctl.add(broken, name="b", restart=False, on_error=on_error)
    await turns()
    aioctl.start("b")
    gate.set()
    await turns()
    assert len(runs) == 4


def test_a_restart_asked_for_does_not_hide_an_exit():
    async def leaves():
        try:
            await asyncio.Event().wait()
        finally:
            raise SystemExit(4)

    async def main():
        aioctl.add(leaves)
        await turns()
        aioctl.restart("leaves")
        await turns()

    try:
        asyncio.run(main())
    except SystemExit as e:
        assert e.args == (4,)
    else:
        raise AssertionError("nothing raised")
    assert aioctl.state("leaves") == "error"


async def test_in_a_back_off_after_a_success_the_result_is_no_error():
    async def answers():
        return 42

    await watched()
    rec = aioctl.add(answers, restart="always", backoff=(1000, 1000))
    await turns()
    assert rec.state == "backoff" and rec.exc is None
    assert await aioctl.join("answers") == 42
    i = aioctl.info("answers")
    assert i["error"] is None and i["result"] == 42
    assert printed(aioctl.traceback, "answers") == ""
    assert "--> result: 42" in printed(aioctl.status, "answers")


async def test_arguments_given_anew_are_those_of_the_next_start():
    async def echo(x=0):
        return x

    rec = aioctl.add(echo)
    await turns()
    rec.kwargs = {"x": 7}
    aioctl.start("echo")
    await turns()
    assert rec.result == 7


async def test_a_schedule_of_a_task_that_is_not_there_says_so_once():
    aioschedule.schedule("misspelt", start_in=1, repeat=1)
    scheduler.run_pending()
    clock.advance(1)
    text = printed(scheduler.run_pending)
    assert text == "schedule_loop: there is no task misspelt to start\n"
    clock.advance(5)
    assert printed(scheduler.run_pending) == ""
