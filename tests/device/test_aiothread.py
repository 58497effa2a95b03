"""executor="thread": blocking functions beside the loop, recorded as any task."""

import _thread
import asyncio
import sys
import time

import aioctl
import aiothread
from support import turns


def refused(kind, text, f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except kind as e:
        assert text in str(e), str(e)
    else:
        raise AssertionError("not refused")


def blocks(ms=30, result=None, error=None):
    time.sleep_ms(ms)
    if error:
        raise error
    return result


async def test_the_loop_goes_on_while_a_function_blocks():
    turns_made = 0

    async def ticks():
        nonlocal turns_made
        while True:
            turns_made += 1
            await asyncio.sleep_ms(1)

    aioctl.add(ticks)
    record = aioctl.add(blocks, 50, result=7, executor="thread")
    assert record.name == "blocks"
    assert await aioctl.join("blocks") == 7
    assert record.state == "done" and turns_made > 5, turns_made


async def test_an_exception_of_the_thread_is_the_task_s():
    record = aioctl.add(blocks, 1, error=OSError(5), executor="thread", restart="no")
    try:
        await aioctl.join("blocks")
        raise AssertionError("joined")
    except OSError as e:
        assert e.errno == 5
    assert record.state == "error" and "OSError" in aioctl.info("blocks")["error"]


async def test_a_failed_function_is_restarted_by_the_watcher():
    calls = []

    def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")
        return "at last"

    import aioschedule

    aioctl.add(aioschedule.watcher_loop)
    record = aioctl.add(flaky, executor="thread", backoff=(0, 0))
    while record.state != "done":
        await asyncio.sleep_ms(1)
    assert record.result == "at last" and record.starts == 3


async def test_no_more_run_at_once_than_the_limit():
    running = []
    most = []
    lock = _thread.allocate_lock()  # the unix port has no lock around the interpreter

    def job():
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep_ms(20)
        with lock:
            running.pop()

    aiothread.limit = 2
    for i in range(6):
        aioctl.add(job, name="job%d" % i, executor="thread")
    for i in range(6):
        await aioctl.join("job%d" % i)
    assert len(most) == 6 and max(most) <= 2, most


async def test_a_stopped_task_holds_its_place_until_its_thread_ends():
    aiothread.limit = 1
    gate = []

    def waits():
        while not gate:
            time.sleep_ms(1)

    first = aioctl.add(waits, executor="thread")
    await turns(3)
    assert aioctl.stop("waits")
    await turns(3)
    assert first.state == "stopped"
    second = aioctl.add(blocks, 1, result="second", executor="thread")
    await asyncio.sleep_ms(30)
    assert second.state == "running"
    gate.append(1)
    assert await aioctl.join("blocks") == "second"


async def test_run_gives_what_the_function_does():
    assert await aiothread.run(blocks, 1, "x") == "x"
    try:
        await aiothread.run(blocks, 1, error=KeyError("k"))
        raise AssertionError("returned")
    except KeyError as e:
        assert e.args == ("k",)


async def test_a_coroutine_function_is_refused_when_it_runs():
    async def co():
        pass

    record = aioctl.add(co, executor="thread", restart="no")
    try:
        await aioctl.join("co")
        raise AssertionError("joined")
    except TypeError as e:
        assert "coroutine" in str(e)
    assert record.state == "error"


def test_it_works_in_the_next_loop_as_well():
    async def main():
        return await aiothread.run(blocks, 1, 3)

    assert asyncio.run(main()) == 3
    asyncio.new_event_loop()
    assert asyncio.run(main()) == 3


def test_what_cannot_be_is_refused():
    refused(ValueError, "'process'", aioctl.add, blocks, executor="process")
    refused(TypeError, "5", aioctl.add, 5, executor="thread")
    refused(TypeError, "None", aiothread.threaded, None)
    assert aioctl.records() == []


def test_without_threads_the_error_says_so():
    del sys.modules["aiothread"]
    sys.modules["_thread"] = sys  # has no start_new_thread, as if the port had no threads
    refused(RuntimeError, "no threads", aioctl.add, blocks, executor="thread")
    assert aioctl.records() == []
