"""P2: however a task ends, its end is recorded, and it ends nothing but itself."""

import asyncio

import aioctl
from support import FakeClock, Screen, printed, turns

HEAP = "300wK"  # a recursion leaves a long traceback
TIMEOUT = 30
clock = aioctl.clock = FakeClock()
_lines = {}


def line_of(way):
    """Return the number of the line of this file that is marked `# <way>`."""
    if not _lines:
        # A board has it compiled, and the source beside that.
        with open(__file__.replace(".mpy", ".txt")) as f:
            for number, text in enumerate(f):
                if "  # " in text:
                    _lines[text.split("  # ")[1].strip()] = number + 1
    return _lines[way]


# The ways to die. Each body is a coroutine function without arguments; its name is the way,
# and where it fails, the line that must show in the traceback carries the same name.


class OddError(BaseException):
    pass


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


async def forever():
    await asyncio.Event().wait()


async def returns():
    await asyncio.sleep_ms(0)
    return 42


async def returns_at_once():
    return "now"


async def returns_nothing():
    await asyncio.sleep_ms(0)


async def returns_an_exception():
    return_value = ValueError("a value")
    await asyncio.sleep_ms(0)
    return return_value


async def raises():
    await asyncio.sleep_ms(0)
    raise ValueError("boom")  # raises


async def raises_at_once():
    raise ValueError("boom")  # raises_at_once


async def raises_in_an_await():
    async def deep(n):
        await asyncio.sleep_ms(0)
        if n == 0:
            raise KeyError("deep")  # raises_in_an_await
        await deep(n - 1)

    await deep(3)


async def raises_in_a_generator():
    def numbers():
        yield 1
        raise IndexError("two")  # raises_in_a_generator

    for _ in numbers():
        await asyncio.sleep_ms(0)


async def raises_in_finally():
    try:
        await asyncio.sleep_ms(0)
        return 1
    finally:
        raise OSError(28)  # raises_in_finally


async def raises_while_handling():
    try:
        await raises()
    except ValueError:
        await asyncio.sleep_ms(0)
        raise TypeError("second")  # raises_while_handling


async def raises_stop_iteration():
    await asyncio.sleep_ms(0)
    raise StopIteration(5)  # raises_stop_iteration


async def exhausts_an_iterator():
    await asyncio.sleep_ms(0)
    next(iter([]))  # exhausts_an_iterator


async def raises_what_has_no_text():
    await asyncio.sleep_ms(0)
    raise MuteError(1, 2)  # raises_what_has_no_text


async def raises_without_arguments():
    await asyncio.sleep_ms(0)
    raise ValueError  # raises_without_arguments


async def raises_a_number():
    await asyncio.sleep_ms(0)
    raise OSError(5)  # raises_a_number


async def raises_memory_error():
    await asyncio.sleep_ms(0)
    raise MemoryError("by hand")  # raises_memory_error


async def runs_out_of_memory():
    await asyncio.sleep_ms(0)
    bytearray(1 << 29)  # runs_out_of_memory


async def recurses_without_end():
    def down(n):
        return down(n + 1) + 1  # recurses_without_end

    await asyncio.sleep_ms(0)
    down(0)


async def times_out():
    await asyncio.wait_for_ms(forever(), 1)  # times_out


async def awaits_a_failed_task():
    await asyncio.create_task(raises())  # awaits_a_failed_task


async def raises_an_odd_error():
    await asyncio.sleep_ms(0)
    raise OddError("not an Exception")  # raises_an_odd_error


async def raises_an_odd_error_at_once():
    raise OddError("not an Exception")  # raises_an_odd_error_at_once


async def raises_generator_exit():
    await asyncio.sleep_ms(0)
    raise GeneratorExit  # raises_generator_exit


async def fails_an_assertion():
    await asyncio.sleep_ms(0)
    raise AssertionError  # fails_an_assertion


async def calls_with_bad_arguments():
    await asyncio.sleep_ms(0)
    await forever(1)  # calls_with_bad_arguments


# Those that end when they are cancelled.


async def lets_itself_be_cancelled():
    await asyncio.Event().wait()


async def cleans_up():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep_ms(0)
        await asyncio.sleep_ms(0)


async def answers_cancel_with_an_error():
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise ValueError("not now")  # answers_cancel_with_an_error


async def fails_to_clean_up():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep_ms(0)
        raise OSError(5)  # fails_to_clean_up


# way, class of the error
ERRORS = (
    (raises, ValueError),
    (raises_at_once, ValueError),
    (raises_in_an_await, KeyError),
    (raises_in_a_generator, IndexError),
    (raises_in_finally, OSError),
    (raises_while_handling, TypeError),
    (raises_stop_iteration, (RuntimeError, StopIteration)),
    (exhausts_an_iterator, (RuntimeError, StopIteration)),
    (raises_what_has_no_text, MuteError),
    (raises_without_arguments, ValueError),
    (raises_a_number, OSError),
    (raises_memory_error, MemoryError),
    (runs_out_of_memory, MemoryError),
    (recurses_without_end, RuntimeError),
    (times_out, asyncio.TimeoutError),
    (awaits_a_failed_task, ValueError),
    (raises_an_odd_error, OddError),
    (raises_an_odd_error_at_once, OddError),
    (raises_generator_exit, GeneratorExit),
    (fails_an_assertion, AssertionError),
    (calls_with_bad_arguments, TypeError),
)
# way, result
RETURNS = ((returns, 42), (returns_at_once, "now"), (returns_nothing, None))
# way that ends when cancelled, class of the error or None
CANCELS = (
    (lets_itself_be_cancelled, None),
    (cleans_up, None),
    (answers_cancel_with_an_error, ValueError),
    (fails_to_clean_up, OSError),
)
# PEP 479: MicroPython puts a RuntimeError in the place of the StopIteration, at its own line.
NO_LINE = (raises_stop_iteration, exhausts_an_iterator)


# The forms in which add() takes a task: from a body to what is added.


class Device:
    def __init__(self, body):
        self.body = body

    async def run(self):
        return await self.body()


def decorated(body):
    return aioctl.aiotask(body)


def with_policy(body):
    return aioctl.aiotask(restart="no", backoff=(1, 60))(body)


def with_limits(body):
    return aioctl.aiotask(timeout=3600, watchdog=600, shutdown=10, on_giveup="ignore")(body)


def method(body):
    return Device(body).run


def generator_function(body):
    def run():
        return (yield from body())

    return run


class Stage:
    """A bystander and a gather of all tasks beside the task that dies."""

    def __init__(self):
        self.count = 0
        self.loop_errors = []

    async def bystander(self):
        while True:
            self.count += 1
            await asyncio.sleep_ms(0)

    async def __aenter__(self):
        loop = asyncio.get_event_loop()
        loop.set_exception_handler(lambda loop, context: self.loop_errors.append(context))
        printed(aioctl.status)  # imports what it needs while there is memory
        aioctl.add(self.bystander, name="bystander")
        await turns(2)
        return self

    def gather(self):
        # A task can be in one gather only.
        self.gathering = asyncio.create_task(asyncio.gather(*aioctl.tasks()))

    def goes_on(self, way):
        assert self.loop_errors == [], (way, self.loop_errors)
        assert not self.gathering.done(), way
        assert aioctl.state("bystander") == "running", way

    async def turns(self, way, n=20):
        # A body may wait for a millisecond: it is not the turns alone that count.
        await asyncio.sleep_ms(100 if way == "times_out" else 0)
        before = self.count
        await turns(n)
        assert self.count >= before + n - 2, way

    async def __aexit__(self, *exc):
        if exc[0] is None:
            aioctl.stop("bystander")
            await turns()
            assert self.gathering.done()
            await self.gathering  # raises nothing


def is_recorded(way, state, starts, error=None, value=None):
    """Assert what the registry tells of the end of the task `way`."""
    info = aioctl.info(way)
    assert info["state"] == aioctl.state(way) == state, (way, info)
    assert info["starts"] == starts, (way, info)
    assert info["done_at"] == clock.start + clock.now(), (way, info)
    if error is None:
        assert info["error"] is None and info["traceback"] is None, (way, info)
        assert aioctl.result(way) == value, (way, info)
    else:
        found = aioctl.result(way)
        assert isinstance(found, error), (way, found)
        assert info["error"].startswith(type(found).__name__), (way, info)
    text = printed(aioctl.status, way, debug=True)
    assert way in text and ("ERROR" in text) == (state == "error"), text


def shows_line(way):
    """Assert that the traceback of the task `way` names the line at fault."""
    place = '/test_deaths.py", line %d,' % line_of(way)
    assert place in aioctl.info(way)["traceback"], aioctl.info(way)["traceback"]
    screen = Screen()
    aioctl.traceback(way, file=screen)
    assert str(screen).startswith(way + ": Traceback\n") and place in str(screen)


async def join_raises(way, error):
    # The exception itself or one that equals it: raising one object often lengthens its traceback.
    try:
        value = await aioctl.join(way, timeout=1)
    except type(error) as e:
        assert type(e) is type(error) and e.args == error.args, (way, type(e))
        return
    raise AssertionError((way, value))


async def every_death(form):
    async with Stage() as stage:
        for body, error in ERRORS + RETURNS:
            way = body.__name__
            is_error = body not in [r[0] for r in RETURNS]
            expected = ("error", error) if is_error else ("done", None, error)
            record = aioctl.add(form(body), name=way)
            if body is raises:  # of all ways, one is gathered from the start
                stage.gather()
            for starts in (1, 2):
                await stage.turns(way)
                is_recorded(way, expected[0], starts, *expected[1:])
                if is_error:
                    if body not in NO_LINE:
                        shows_line(way)
                    await join_raises(way, aioctl.result(way))
                else:
                    assert await aioctl.join(way) == error, way
                stage.goes_on(way)
                clock.advance(10)
                assert record.starts == starts
                if starts == 1:
                    aioctl.start(way)
            aioctl.delete(way)
        for body, error in CANCELS:
            await every_cancel(stage, form, body, error)


async def every_cancel(stage, form, body, error):
    way = body.__name__
    record = aioctl.add(form(body), name=way)
    for starts, cancel in ((1, aioctl.stop), (2, lambda name: record.task.cancel())):
        await stage.turns(way)
        cancel(way)
        await stage.turns(way)
        is_recorded(way, "error" if error else "stopped", starts, error)
        if error:
            shows_line(way)
        else:
            assert await aioctl.join(way) is None
        stage.goes_on(way)
        clock.advance(10)
        if starts == 1:
            aioctl.start(way)
    aioctl.delete(way)


async def test_every_death_of_a_plain_coroutine_function():
    await every_death(lambda body: body)


async def test_every_death_of_a_decorated_function():
    await every_death(decorated)


async def test_every_death_of_a_function_with_a_policy():
    await every_death(with_policy)


async def test_every_death_of_a_task_with_limits():
    await every_death(with_limits)


async def test_every_death_of_a_bound_method():
    await every_death(method)


async def test_every_death_of_a_generator_function():
    await every_death(generator_function)


async def test_every_death_of_a_coroutine_object():
    # It cannot run twice: start() says so, and what is known of the first run stays.
    async with Stage() as stage:
        for body, error in ERRORS:
            way = body.__name__
            aioctl.add(body(), name=way)
            if body is raises:
                stage.gather()
            for _ in range(2):
                await stage.turns(way)
                is_recorded(way, "error", 1, error)
                if body not in NO_LINE:
                    shows_line(way)
                stage.goes_on(way)
                try:
                    said = printed(lambda: print(aioctl.start(way)))  # noqa: B023
                except (RuntimeError, ValueError, TypeError) as e:
                    said = str(e)
                assert way in said and "True" not in said, said
            aioctl.delete(way)
            clock.advance(10)


async def test_every_failure_is_restarted_and_gather_still_waits():
    import aioschedule

    tries = {}

    def once(body):
        # Dies the first time only.
        async def run():
            n = tries[body] = tries.get(body, 0) + 1
            if n == 1:
                await body()
            await asyncio.Event().wait()

        return run

    async with Stage() as stage:
        aioctl.add(aioschedule.watcher_loop, name="watcher_loop")
        await turns()
        stage.gather()
        waiting = []
        for body, _ in ERRORS:
            way = body.__name__
            aioctl.add(once(body), name=way, backoff=(0, 0))
            waiting.append(asyncio.create_task(asyncio.gather(aioctl.group().tasks[way].task)))
        await asyncio.sleep_ms(10)
        await stage.turns("all")
        for body, _ in ERRORS:
            way = body.__name__
            assert tries[body] == 2, way
            assert aioctl.state(way) == "running", way
            assert aioctl.info(way)["starts"] == 2, way
        stage.goes_on("all")
        assert not any(task.done() for task in waiting)
        for body, _ in ERRORS:
            aioctl.stop(body.__name__)
        aioctl.stop("watcher_loop")
        await turns()
        assert all(task.done() for task in waiting)


async def test_a_task_that_returns_comes_back_with_restart_always_only():
    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    await turns()
    for policy, least, most in (("always", 3, 99), ("on-failure", 1, 1), ("no", 1, 1)):
        aioctl.add(returns, name=policy, restart=policy, backoff=(0, 0))
        await turns(30)
        assert least <= aioctl.info(policy)["starts"] <= most, policy
        aioctl.stop(policy)
        await turns()
        starts = aioctl.info(policy)["starts"]
        await turns(30)
        assert aioctl.info(policy)["starts"] == starts, policy


async def test_a_stopped_task_is_not_restarted_by_the_watcher():
    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    await turns()
    for policy in ("always", "on-failure"):
        aioctl.add(forever, name=policy, restart=policy, backoff=(0, 0))
        await turns()
        aioctl.stop(policy)
        await turns(20)
        assert aioctl.state(policy) == "stopped"
        assert aioctl.info(policy)["starts"] == 1


async def test_a_task_stopped_or_deleted_in_its_back_off_does_not_come_back():
    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    await turns()
    for end in (aioctl.stop, aioctl.delete):
        record = aioctl.add(raises, name="raises", backoff=(0.005, 0.005))
        await turns()
        assert record.state == "backoff"
        assert isinstance(aioctl.result("raises"), ValueError)
        end("raises")
        await asyncio.sleep_ms(20)
        assert record.starts == 1
        assert aioctl.tasks() == [aioctl.group().tasks["watcher_loop"].task]
        printed(aioctl.delete, "raises")


async def test_a_failure_before_the_watcher_came_is_restarted_when_it_comes():
    import aioschedule

    aioctl.add(raises, backoff=(0, 0))
    aioctl.add(returns, backoff=(0, 0))
    await turns()
    assert aioctl.info("raises")["starts"] == 1
    aioctl.add(aioschedule.watcher_loop)
    await turns(20)
    assert aioctl.info("raises")["starts"] > 1
    assert aioctl.info("returns")["starts"] == 1


# Cancellation that did not come from stop().


async def test_a_cancellation_from_within_is_recorded_and_ends_nothing_else():
    async def awaits_a_cancelled_task():
        task = asyncio.create_task(forever())
        await asyncio.sleep_ms(0)
        task.cancel()
        await task

    async def raises_cancelled_error():
        await asyncio.sleep_ms(0)
        raise asyncio.CancelledError

    async with Stage() as stage:
        stage.gather()
        for body in (awaits_a_cancelled_task, raises_cancelled_error):
            record = aioctl.add(body, name="t")
            await stage.turns("t")
            assert aioctl.state("t") in ("stopped", "error")
            assert record.done_at == clock.start
            assert aioctl.tasks() == [aioctl.group().tasks["bystander"].task]
            stage.goes_on("t")
            aioctl.start("t")
            await stage.turns("t")
            assert record.starts == 2
            aioctl.delete("t")


async def test_a_cancellation_that_is_swallowed_ends_with_the_task():
    async def swallows():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        await asyncio.sleep_ms(0)
        return 5

    async with Stage() as stage:
        stage.gather()
        aioctl.add(swallows)
        await stage.turns("swallows")
        assert aioctl.stop("swallows") is True
        await stage.turns("swallows")
        assert aioctl.state("swallows") in ("stopped", "done")
        assert aioctl.info("swallows")["done_at"] == clock.start
        assert await aioctl.join("swallows") == aioctl.result("swallows")
        stage.goes_on("swallows")


async def test_a_task_that_awaits_another_one_dies_of_its_own_cancel_only():
    async def waits():
        await aioctl.join("other")

    aioctl.add(forever, name="other")
    aioctl.add(waits)
    await turns()
    aioctl.stop("waits")
    await turns()
    assert aioctl.state("waits") == "stopped"
    assert aioctl.state("other") == "running"
    aioctl.add(waits)
    await turns()
    aioctl.stop("other")
    await turns()
    assert aioctl.state("waits@1") == "done"


# The two that leave the loop.


def ends_the_program(error):
    async def leaves():
        await asyncio.sleep_ms(0)
        raise error("why")

    async def main():
        aioctl.add(forever)
        aioctl.add(leaves)
        await asyncio.gather(*aioctl.tasks())

    try:
        asyncio.run(main())
        raise AssertionError("the loop went on")
    except error as e:
        assert e.args == ("why",)
        is_recorded("leaves", "error", 1, error)
        assert aioctl.state("forever") == "running"


def test_system_exit_is_recorded_and_goes_out_of_the_loop():
    ends_the_program(SystemExit)


def test_keyboard_interrupt_is_recorded_and_goes_out_of_the_loop():
    ends_the_program(KeyboardInterrupt)


def test_system_exit_goes_out_whoever_watches():
    import aioschedule

    async def leaves():
        raise SystemExit(3)

    async def main():
        aioctl.add(aioschedule.watcher_loop)
        await turns()
        aioctl.add(leaves, on_error=lambda e: None, restart="always", backoff=(0, 0))
        await asyncio.gather(*aioctl.tasks())

    try:
        asyncio.run(main())
        raise AssertionError("the loop went on")
    except SystemExit as e:
        assert e.args == (3,)
    assert aioctl.info("leaves")["starts"] == 1


# Callbacks and streams that fail.


def callback(error):
    def fails(*args, **kwargs):
        raise error

    return fails


def async_callback(error):
    async def fails(*args, **kwargs):
        await asyncio.sleep_ms(0)
        raise error

    return fails


def takes_no_arguments():
    return "never"


CALLBACKS = [
    make(error)
    for make in (callback, async_callback)
    for error in (
        RuntimeError("callback"),
        asyncio.CancelledError(),
        StopIteration(1),
        MuteError(),
        OddError(),
        MemoryError(),
    )
]


async def test_a_failing_on_error_changes_nothing_of_the_end():
    async with Stage() as stage:
        stage.gather()
        for n, fails in enumerate(CALLBACKS + [lambda: "never"]):
            aioctl.add(raises, name="raises", on_error=fails)
            for starts in (1, 2):
                await stage.turns(n)
                info = aioctl.info("raises")
                assert info["state"] == "error" and info["starts"] == starts, (n, info)
                assert info["error"] == "ValueError: boom", (n, info)
                assert info["done_at"] == clock.start, (n, info)
                shows_line("raises")
                try:
                    await aioctl.join("raises")
                    raise AssertionError(n)
                except ValueError:
                    pass
                stage.goes_on(n)
                aioctl.start("raises")
            await stage.turns(n)
            aioctl.delete("raises")


async def test_a_failing_on_stop_changes_nothing_of_the_end():
    async def body(a, b=0):
        await asyncio.Event().wait()

    async with Stage() as stage:
        stage.gather()
        for n, fails in enumerate(CALLBACKS + [lambda: "never"]):
            aioctl.add(body, 1, b=2, name="t", on_stop=fails)
            for starts in (1, 2):
                await stage.turns(n)
                aioctl.stop("t")
                await stage.turns(n)
                is_recorded("t", "stopped", starts)
                stage.goes_on(n)
                aioctl.start("t")
            await stage.turns(n)
            aioctl.delete("t")
            await stage.turns(n)


async def test_a_failing_callback_is_reported_with_the_name_of_the_task():
    class Log:
        lines = []

        def error(self, text, *args):
            self.lines.append(text % args if args else text)

    async def body(log=None):
        await raises()

    def add_and_die():
        aioctl.add(body, name="t", on_error=callback(RuntimeError("why")), log=Log())

    add_and_die()
    screen = Screen()
    import builtins

    real = builtins.print
    builtins.print = lambda *a, **k: real(*a, file=screen)
    try:
        await turns(10)
    finally:
        builtins.print = real
    said = str(screen) + "\n".join(Log.lines)
    assert "t" in said and "on_error" in said and "RuntimeError: why" in said, said


async def test_the_callbacks_get_what_the_task_got():
    got = []

    def on_stop(*args, **kwargs):
        got.append(("stop", args, kwargs))
        return "stopped so"

    async def on_error(e, *args, **kwargs):
        await asyncio.sleep_ms(0)
        got.append((type(e), args, kwargs))
        return "failed so"

    async def body(n, fail=False):
        await (raises() if fail else forever())

    callbacks = {"on_stop": on_stop, "on_error": on_error}
    aioctl.add(body, 1, name="halts", **callbacks)
    aioctl.add(body, 2, fail=True, name="fails", **callbacks)
    await turns(10)
    aioctl.stop("halts")
    assert await aioctl.join("halts") == "stopped so"
    assert got == [(ValueError, (2,), {"fail": True}), ("stop", (1,), {})]
    assert aioctl.result("fails") == "failed so"
    await join_raises("fails", aioctl.group().tasks["fails"].exc)


async def test_a_callback_that_meddles_with_its_own_task_harms_nothing():
    meddling = (
        lambda *a: aioctl.delete("t"),
        lambda *a: aioctl.start("t"),
        lambda *a: aioctl.stop("t"),
        lambda *a: aioctl.stop("t") and aioctl.delete("t"),
        lambda *a: aioctl.add(forever, name="t") and None,
    )
    async with Stage() as stage:
        stage.gather()
        for n, meddle in enumerate(meddling):
            for body in (raises, forever):
                tries = []

                async def run():
                    tries.append(1)  # noqa: B023
                    await (body() if len(tries) == 1 else forever())  # noqa: B023

                aioctl.add(run, name="t", on_error=meddle, on_stop=lambda: meddle(0))  # noqa: B023
                await stage.turns(n)
                if "t" in aioctl.info():
                    printed(aioctl.stop, "t")
                    await stage.turns(n)
                stage.goes_on(n)
                assert len(tries) < 4, n
                printed(aioctl.delete, "t*")
                await stage.turns(n)
                assert list(aioctl.info()) == ["bystander"], n


class BadStream:
    """A logger and a stream in one, of which every call fails."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)

        def fails(*args, **kwargs):
            raise OSError(28)

        return fails


async def test_a_log_that_fails_harms_no_task():
    async def body(log=None):
        await raises()

    async with Stage() as stage:
        stage.gather()
        aioctl.add(body, name="t", log=BadStream())
        for starts in (1, 2):
            await stage.turns("t")
            is_recorded("t", "error", starts, ValueError)
            stage.goes_on("t")
            aioctl.start("t")


async def test_a_log_stream_that_fails_harms_neither_task_nor_status():
    async with Stage() as stage:
        stage.gather()
        aioctl.color = False
        aioctl.set_log(BadStream())
        aioctl.add(raises)
        await stage.turns("t")
        is_recorded("raises", "error", 1, ValueError)
        assert "bystander: status: running" in printed(aioctl.status)
        stage.goes_on("t")


async def test_a_failure_is_logged_once_under_the_id_of_the_task():
    class Log:
        def __init__(self):
            self.lines = []

        def error(self, text, *args):
            self.lines.append(text % args if args else text)

    async def body(log=None):
        await raises()

    for n, kwargs in enumerate(({"name": "t"}, {"name": "x", "_id": "t"})):
        log = Log()
        aioctl.add(body, log=log, **kwargs)
        await turns(10)
        assert len(log.lines) == 1, n
        assert log.lines[0].startswith("[t] ValueError: boom"), log.lines


async def test_a_death_for_want_of_memory_is_recorded_without_any():
    held = [None] * 4000

    async def fills_the_memory():
        n = 20_000
        i = 0
        while n:
            try:
                held[i] = bytearray(n)
                i += 1
            except MemoryError:
                n //= 2
        await asyncio.sleep_ms(0)
        while True:
            held[i] = bytearray(1)
            i += 1

    async with Stage() as stage:
        stage.gather()
        record = aioctl.add(fills_the_memory)
        n = 20
        while n:  # nothing here may need memory
            await asyncio.sleep_ms(0)
            n -= 1
        state = record.state
        held.clear()
        assert state == "error"
        is_recorded("fills_the_memory", "error", 1, MemoryError)
        stage.goes_on("fills_the_memory")
        aioctl.add(returns)
        await stage.turns("fills_the_memory")
        assert aioctl.result("returns") == 42


async def test_the_deaths_of_a_hundred_tasks_at_once_are_all_recorded():
    async with Stage() as stage:
        stage.gather()
        ways = [body for body, _ in ERRORS if body not in (times_out, recurses_without_end)]
        for n in range(100):
            aioctl.add(ways[n % len(ways)], name=str(n))
        await stage.turns("all")
        for n in range(100):
            assert aioctl.state(str(n)) == "error", ways[n % len(ways)].__name__
        stage.goes_on("all")
