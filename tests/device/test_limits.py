"""Policy words beyond restart, backoff and intensity: limits, lists of exceptions, giving up."""

import asyncio

import aioctl
import aioschedule
from aiosupervisor import giveup, limits
from support import FakeClock, printed, turns

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
aioctl.color = False


async def go(seconds, step=None):
    """Let time pass, in steps; the deadlines are looked at after each."""
    for _ in range(int(seconds / step) if step else 1):
        clock.advance(step or seconds)
        limits.deadlines().wake()
        await turns()


async def watched(*args):
    aioctl.add(aioschedule.watcher_loop, *args)
    await turns()


async def forever():
    await asyncio.Event().wait()


async def crash(error=None):
    raise error or ValueError("boom")


class Swallows:
    """A task that ends at the n-th cancellation only."""

    def __init__(self, n, **policy):
        self.n = n
        self.cancels = 0
        self.record = aioctl.add(self.run, name="swallows", **policy)

    async def run(self):
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancels += 1
                if self.cancels >= self.n:
                    raise


class Stream:
    """A log stream that keeps its lines."""

    def __init__(self):
        self.lines = []
        aioctl.set_log(self)

    def write(self, text):
        self.lines.append(text)

    def cat(self, grep="", file=None):
        pass


# timeout


async def test_a_run_beyond_its_timeout_is_cancelled_and_recorded_as_timeout():
    rec = aioctl.add(forever, timeout=30)
    await turns()
    await go(29.9)
    assert rec.state == "running"
    await go(0.1)
    assert rec.state == "timeout" and rec.starts == 1
    assert isinstance(aioctl.result("forever"), asyncio.TimeoutError)
    assert aioctl.info("forever")["error"] == "TimeoutError: no end within 30 s"
    assert "timeout @ " in printed(aioctl.status, "forever")


async def test_a_timeout_counts_from_each_start():
    rec = aioctl.add(forever, timeout=1.5)
    for n in range(3):
        await turns()
        await go(1)
        assert rec.state == "running", n
        await go(1)
        assert rec.state == "timeout", n
        clock.advance(100)
        aioctl.start("forever")
    assert rec.starts == 3


async def test_a_run_that_ends_in_time_leaves_no_deadline():
    async def brief():
        return 1

    rec = aioctl.add(brief, timeout=5)
    await turns()
    assert rec.state == "done" and limits.deadlines().run_pending() is None
    await go(10)
    assert rec.state == "done" and rec.result == 1


async def test_a_timeout_is_restarted_under_its_policy_and_told_to_who_joins():
    await watched()
    rec = aioctl.add(forever, timeout=10, backoff=(0, 0), intensity=(2, 100))
    caught = []

    async def waits():
        try:
            await aioctl.join("forever")
        except asyncio.TimeoutError as e:
            caught.append(str(e))

    asyncio.create_task(waits())
    await turns()
    await go(10)
    assert rec.state == "running" and rec.starts == 2
    assert caught == ["no end within 10 s"]
    await go(20, 10)
    assert rec.state == "gave-up" and rec.starts == 3


async def test_the_traceback_of_a_timeout_says_what_it_waited_for():
    async def waits_here():
        await forever()

    aioctl.add(waits_here, timeout=1)
    await turns()
    await go(1)
    text = aioctl.info("waits_here")["traceback"]
    assert "in waits_here\n" in text and "in forever\n" in text, text
    assert text.endswith("TimeoutError: no end within 1 s\n"), text
    assert "CancelledError" not in text, text
    assert "aiosupervisor/" not in text, text


async def test_an_error_while_it_is_cancelled_for_a_timeout_is_what_is_told():
    async def fails_to_clean_up():
        try:
            await forever()
        finally:
            raise OSError(5)

    rec = aioctl.add(fails_to_clean_up, timeout=1)
    await turns()
    await go(1)
    assert rec.state == "timeout" and isinstance(rec.result, OSError)


async def test_a_timeout_calls_on_error_and_not_on_stop():
    called = []

    async def on_error(e):
        called.append((str(e), aioctl.state("forever")))

    aioctl.add(forever, timeout=1, on_error=on_error, on_stop=lambda: called.append("stop"))
    await turns()
    await go(1)
    assert called == [("no end within 1 s", "timeout")], called
    assert aioctl.state("forever") == "timeout"


async def test_a_coroutine_that_runs_once_has_its_timeout():
    aioctl.add(forever(), name="once", timeout=1)
    await turns()
    await go(1)
    assert aioctl.state("once") == "timeout"


async def test_a_stop_is_a_stop_whatever_the_timeout():
    await watched()
    rec = aioctl.add(forever, timeout=5, restart="always", backoff=(0, 0))
    await turns()
    aioctl.stop("forever")
    await turns()
    await go(10)
    assert rec.state == "stopped" and rec.starts == 1


def test_the_second_loop_of_a_program_has_deadlines_of_its_own():
    async def run(name):
        rec = aioctl.add(forever, name=name, timeout=1)
        await turns()
        await go(1 if name == "second" else 0)
        return rec

    first = asyncio.run(run("first"))
    asyncio.new_event_loop()
    assert asyncio.run(run("second")).state == "timeout"
    assert first.state == "stopped" and first.starts == 1


async def test_instances_beside_a_task_have_its_limits():
    rec = aioctl.add(forever, timeout=10)
    aioschedule.schedule("forever", start_in=0, repeat=2, overlap=2)
    for _ in range(2):
        aioschedule.scheduler.run_pending()
        await turns()
        clock.advance(2)
    beside = aioctl.group().tasks["forever@1"]
    assert beside.state == rec.state == "running"
    await go(8)
    assert rec.state == beside.state == "timeout"


# watchdog


async def test_a_task_without_a_sign_of_life_is_cancelled_and_restarted():
    await watched()
    rec = aioctl.add(forever, watchdog=10, backoff=(5, 5))
    await turns()
    await go(10)
    assert rec.state == "backoff" and rec.starts == 1
    assert aioctl.info("forever")["error"] == "WatchdogError: no sign of life for 10 s"
    assert isinstance(rec.exc, aioctl.WatchdogError)
    assert rec.restart == "on-failure"


async def test_a_task_that_gives_signs_of_life_runs_on():
    gate = [asyncio.Event()]

    async def beats():
        while True:
            await gate[0].wait()
            gate[0] = asyncio.Event()
            assert aioctl.alive()

    rec = aioctl.add(beats, watchdog=10)
    await turns()
    for _ in range(20):
        await go(9)
        gate[0].set()
        await turns()
    assert rec.state == "running"
    await go(9.9)
    assert rec.state == "running"
    await go(0.1)
    assert rec.state == "error" and isinstance(rec.exc, aioctl.WatchdogError)


async def test_a_sign_of_life_does_not_cost_a_wake_up():
    rec = aioctl.add(forever, name="t", watchdog=10)
    await turns()
    fired = []
    real = rec.fire
    rec.fire = lambda *a: (fired.append(clock.now()), real(*a))
    for _ in range(100):
        await go(0.5)
        aioctl.alive("t")
    assert rec.state == "running"
    assert len(fired) <= 6, fired


async def test_completed_runs_are_signs_of_life():
    async def brief():
        await asyncio.sleep_ms(0)

    await watched()
    rec = aioctl.add(brief, watchdog=5, restart="always", backoff=(0, 0))
    await turns()
    await go(60, 3)
    assert rec.state in ("running", "backoff") and rec.exc is None


async def test_alive_says_whether_there_is_a_watchdog():
    said = []

    async def asks():
        said.append(aioctl.alive())

    aioctl.add(asks, watchdog=5)
    aioctl.add(asks, name="none")
    aioctl.add(asks, name="limited", timeout=5)
    asyncio.create_task(asks())
    await turns()
    assert said == [True, False, False, False], said
    try:
        aioctl.alive("nix")
        raise AssertionError
    except KeyError as e:
        assert e.args == ("nix",)


async def test_a_task_that_swallows_its_cancellation_is_stuck_and_escalated():
    escalated = []
    stream = Stream()
    await watched()
    s = Swallows(3, watchdog=10, shutdown=2, on_giveup=escalated.append, backoff=(0, 0))
    await turns()
    await go(10)
    assert s.cancels == 1 and s.record.state == "running" and not escalated
    await go(1.9)
    assert not aioctl.info("swallows")["stuck"]
    await go(0.1)
    assert aioctl.info("swallows")["stuck"] is True
    assert escalated == [s.record]
    assert [x for x in stream.lines if "[swallows] stuck: " in x], stream.lines
    assert s.cancels == 2  # it was told once more
    assert limits.deadlines().run_pending() is None
    # Whenever it ends, it ends as what it was cancelled for, and is restarted.
    aioctl.group().tasks["swallows"].task.cancel()
    await turns()
    assert s.record.starts == 2 and s.record.state == "running"


async def test_a_task_that_returns_when_cancelled_by_its_watchdog_has_failed():
    async def gives_way():
        try:
            await forever()
        except asyncio.CancelledError:
            return 5

    rec = aioctl.add(gives_way, watchdog=1)
    await turns()
    await go(1)
    assert rec.state == "error" and isinstance(rec.exc, aioctl.WatchdogError)


async def test_a_stop_of_what_the_watchdog_cancels_prevents_the_restart():
    await watched()
    s = Swallows(2, watchdog=1, backoff=(0, 0))
    await turns()
    await go(1)
    aioctl.stop("swallows")
    await turns()
    assert s.record.state == "error" and s.record.starts == 1


async def test_a_watchdog_fires_on_the_clock_of_the_board():
    aioctl.clock = aioctl.Clock()
    rec = aioctl.add(forever, watchdog=0.02)
    for _ in range(500):
        await asyncio.sleep_ms(10)
        if rec.state != "running":
            break
    assert isinstance(rec.exc, aioctl.WatchdogError)


async def test_want_of_memory_delays_a_deadline_and_breaks_nothing():
    rec = aioctl.add(forever, timeout=1)
    other = aioctl.add(forever, name="other", timeout=1)
    await turns()
    real = rec._over

    def no_memory():
        raise MemoryError

    rec._over = no_memory
    await go(1)
    assert rec.state == "running" and other.state == "timeout"
    rec._over = real
    await go(1)
    assert rec.state == "timeout"


# shield


class Shielded:
    """A shielded task that runs until `end` is set."""

    def __init__(self, **policy):
        self.end = asyncio.Event()
        self.cancels = 0
        self.record = aioctl.add(self.run, name="shielded", shield=True, **policy)

    async def run(self):
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancels += 1
            raise
        return "whole"


async def test_a_shielded_run_ends_by_itself_after_a_stop():
    stream = Stream()
    await watched()
    s = Shielded(restart="always")
    await turns()
    assert aioctl.stop("shielded") is True
    await go(100)
    assert s.record.state == "running" and s.cancels == 0
    assert aioctl.stop("shielded") is True
    s.end.set()
    await turns()
    assert s.record.state == "stopped" and s.record.result == "whole" and s.cancels == 0
    assert stream.lines == [] and s.record.starts == 1


async def test_a_shielded_run_ends_before_its_restart():
    s = Shielded()
    await turns()
    aioctl.restart("shielded")
    await go(10)
    assert s.record.starts == 1
    s.end.set()
    await turns()
    assert s.record.starts == 2 and s.cancels == 0


async def test_a_shield_lasts_as_long_as_shutdown_says():
    stream = Stream()
    s = Shielded(shutdown=10)
    await turns()
    aioctl.stop("shielded")
    await go(9)
    assert s.record.state == "running" and s.cancels == 0
    await go(1)
    assert s.record.state == "stopped" and s.cancels == 1
    assert stream.lines == []


async def test_a_shield_does_not_hold_off_a_timeout_nor_a_stop_in_a_back_off():
    s = Shielded(timeout=5)
    await turns()
    await go(5)
    assert s.record.state == "timeout" and s.cancels == 1
    await watched()
    rec = aioctl.add(crash, shield=True, backoff=(60, 60))
    await turns()
    assert rec.state == "backoff"
    aioctl.stop("crash")
    await turns()
    assert rec.state == "stopped"


# shutdown


async def test_after_its_grace_a_stopped_task_is_reported_as_stuck():
    for shutdown, grace in ((1.5, 1.5), (None, None), (0, 0)):
        stream = Stream()
        s = Swallows(4, shutdown=shutdown)
        await turns()
        aioctl.stop("swallows")
        await turns()
        if grace:
            await go(grace - 0.1)
            assert not stream.lines and aioctl.stop("swallows") is True
        await go(1000 if grace is None else grace and 0.1 or 0)
        told = [x for x in stream.lines if "stuck" in x]
        assert len(told) == (grace is not None), (shutdown, stream.lines)
        if grace != 1.5:
            assert aioctl.info("swallows")["stuck"] is (grace is not None), shutdown
        s.n = 0
        aioctl.delete("swallows")
        s.record.task.cancel()
        await turns()
        assert s.record.state == "stopped", shutdown


async def test_without_the_word_a_task_is_stuck_after_5_s():
    s = Swallows(2)
    await turns()
    aioctl.stop("swallows")
    await turns()
    await go(4)
    assert not aioctl.info("swallows")["stuck"]
    await go(1)
    assert aioctl.info("swallows")["stuck"] is True
    assert aioctl.stop("swallows") == "stuck"
    await turns()
    assert s.record.state == "stopped"


# backoff


def delays(n, **policy):
    """Return the n back-offs, ms, of a task that fails at once."""
    decide = aioctl.watcher
    found = []
    rec = aioctl.add(crash, name="t", **policy)
    rec.state = "error"
    rec._t0 = rec._t1 = 0
    for _ in range(n):
        found.append(decide(rec))
    aioctl.delete("t")
    return found


async def test_the_factor_of_a_back_off():
    await watched()
    cases = (
        ((1, 60), (1000, 2000, 4000, 8000)),
        ((1, 100, 3), (1000, 3000, 9000, 27000)),
        ((2, 60, 1), (2000, 2000, 2000, 2000)),
        ((2, 60, 1.5), (2000, 3000, 4500, 6750)),
        ((0, 3), (0, 1000, 2000, 3000)),
        ((0, 3, 1), (0, 0, 0, 0)),
        ((0, 0), (0, 0, 0, 0)),
        ((0.001, 0.006, 1.1), (1, 2, 3, 4)),
    )
    for backoff, expected in cases:
        found = delays(4, backoff=backoff)
        for ms, most in zip(found, expected):
            assert most - most // 4 <= ms <= most, (backoff, found)


async def test_a_back_off_grows_without_end_up_to_its_limit():
    await watched()
    found = delays(3000, backoff=(0.001, 500_000, 1.01))
    assert max(found[-10:]) > 375_000_000, found[-10:]
    assert max(found) <= 500_000_000


# exceptions


async def test_lists_of_exceptions_decide_on_the_restart():
    await watched()
    lookup = {"restart_on": LookupError, "no_restart_on": (ValueError, OSError)}
    for policy, error, restarted in (
        ({"restart": "no"}, KeyError(1), True),  # also of a base class
        ({"restart": "no"}, TypeError(1), False),
        ({"restart": "always"}, ValueError(1), False),
        ({"restart": "on-failure"}, OSError(1), False),
        ({"restart": "on-failure"}, TypeError(1), True),
    ):
        rec = aioctl.add(crash, error, name="t", backoff=(60, 60), **lookup, **policy)
        await turns()
        assert rec.state == ("backoff" if restarted else "error"), (policy, error)
        aioctl.delete("t")
        await turns()


async def test_the_watchdog_as_the_only_reason_to_restart():
    await watched()
    policy = {"restart": "no", "restart_on": [aioctl.WatchdogError], "backoff": (0, 0)}
    rec = aioctl.add(forever, watchdog=1, **policy)
    other = aioctl.add(crash, watchdog=1, **policy)
    await turns()
    await go(1)
    assert rec.starts == 2 and other.starts == 1


# on_giveup


GIVES_UP = {"backoff": (0, 0), "intensity": (2, 10)}


async def test_on_giveup_is_called_once_with_the_record():
    called = []
    await watched()

    async def tells(rec):
        await asyncio.sleep_ms(0)
        called.append((rec.name, rec.state, rec.starts))

    aioctl.add(crash, name="a", on_giveup=lambda rec: called.append(rec.name), **GIVES_UP)
    aioctl.add(crash, name="b", on_giveup=tells, **GIVES_UP)
    await turns(20)
    assert called == ["a", ("b", "gave-up", 3)], called


async def test_a_failing_on_giveup_is_reported_and_contained():
    stream = Stream()
    await watched()

    def fails(rec):
        raise RuntimeError("callback")

    rec = aioctl.add(crash, on_giveup=fails, **GIVES_UP)
    await turns(20)
    assert rec.state == "gave-up"
    assert "[crash] on_giveup failed: RuntimeError: callback\n" in stream.lines[-1], stream.lines


async def test_the_words_of_on_giveup():
    resets = []
    giveup.reset = lambda: resets.append(1)
    for word, stops, n in (
        ("ignore", False, 0),
        ("stop-all", True, 0),
        ("reset", False, 1),
        ("escalate", False, 1),
    ):
        await watched()
        aioctl.add(forever, name="bystander")
        aioctl.add(crash, on_giveup=word, **GIVES_UP)
        await turns(20)
        assert aioctl.state("crash") == "gave-up", word
        assert aioctl.state("bystander") == ("stopped" if stops else "running"), word
        assert aioctl.state("watcher_loop") == ("stopped" if stops else "running"), word
        assert len(resets) == n, word
        del resets[:]
        aioctl.reset()
        await turns()


def test_where_there_is_no_board_a_reset_ends_the_program():
    async def main():
        await watched()
        aioctl.add(crash, on_giveup="reset", **GIVES_UP)
        await forever()

    import sys

    class NoBoard:
        pass

    sys.modules["machine"] = NoBoard()
    try:
        asyncio.run(main())
        raise AssertionError("the loop went on")
    except SystemExit as e:
        assert e.args == (1,)
    assert aioctl.state("crash") == "gave-up"


async def test_reset_failed_gives_back_the_intensity_and_starts_nothing():
    await watched()
    rec = aioctl.add(crash, **GIVES_UP)
    await turns(20)
    assert rec.state == "gave-up" and rec.starts == 3
    aioctl.reset_failed("crash")
    await turns()
    assert rec.state == "error" and rec.starts == 3 and isinstance(rec.exc, ValueError)
    aioctl.start("crash")
    await turns(20)
    assert rec.state == "gave-up" and rec.starts == 6
    aioctl.reset_failed()
    assert rec.state == "error"
    assert "Task nix not found" in printed(aioctl.reset_failed, "nix")


# What add() and aiotask take


async def test_limits_of_the_decorator_and_of_add():
    @aioctl.aiotask(timeout=1, watchdog=30)
    async def f():
        await forever()

    a = aioctl.add(f)
    b = aioctl.add(f, name="b", timeout=60)
    await turns()
    await go(2)
    assert a.state == "timeout" and b.state == "running"
    await go(28)
    assert b.state == "error"


async def test_a_policy_that_makes_no_sense_is_refused_and_named():
    bad = (
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "5"),
        ("timeout", 7 * 86400),
        ("watchdog", 0),
        ("watchdog", True),
        ("shutdown", -1),
        ("shutdown", "x"),
        ("shield", 1),
        ("on_giveup", "explode"),
        ("on_giveup", None),
        ("restart_on", "ValueError"),
        ("restart_on", (ValueError, 5)),
        ("no_restart_on", ValueError()),
        ("backoff", (1, 2, 0.5)),
        ("backoff", (1, 2, True)),
        ("backoff", (1, 2, float("inf"))),
        ("backoff", (1, 2, 3, 4)),
        ("backoff", (2, 1)),
        ("intensity", (-1, 60)),
        ("intensity", (1001, 60)),  # each takes its place in memory
    )
    for word, value in bad:
        for call in (lambda **p: aioctl.add(forever, **p), lambda **p: aioctl.aiotask(**p)):
            try:
                call(**{word: value})
            except (TypeError, ValueError) as e:
                assert str(e).startswith(word), (word, value, e)
            else:
                raise AssertionError((word, value))
    assert not aioctl.records()


async def test_a_limit_that_is_none_is_no_limit():
    rec = aioctl.add(forever, timeout=None, watchdog=None, shutdown=None)
    await turns()
    await go(1_000_000)
    assert rec.state == "running"


async def test_a_task_without_limits_has_the_plain_record():
    for policy in ({}, {"restart": "no"}, {"backoff": (1, 2, 3)}, {"intensity": (1, 2)}):
        assert type(aioctl.add(forever, name="t", **policy)) is aioctl.Taskctl, policy
    assert isinstance(aioctl.add(forever, timeout=1), aioctl.Taskctl)
