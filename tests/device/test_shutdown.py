"""`await aioctl.shutdown()`: all tasks end in order, and nothing that was told is lost."""

import asyncio

import aioctl
import aioschedule
from aiolog import AioStream
from aiosink import Output
from aiosupervisor.flush import open_files
from support import Screen, printed_by, turns

ends = []


async def worker(name, error=None):
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep_ms(0)  # the next must wait for it
        ends.append(name)
        if error:
            raise error


async def slow(error=None, seconds=0.03):
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(seconds)
        ends.append("slow")
        if error:
            raise error


async def deaf(seconds=60):
    while True:
        try:
            await asyncio.sleep(seconds)
            return "by itself"
        except asyncio.CancelledError:
            ends.append("told")


def add(*names):
    for name in names:
        aioctl.add(worker, name, name=name)


async def test_tasks_end_one_after_the_other_the_last_added_first():
    add("first", "second", "third")
    await turns()
    assert await aioctl.shutdown() == []
    assert ends == ["third", "second", "first"]
    assert aioctl.tasks() == [] and aioctl.state("first") == "stopped"


async def test_nothing_is_restarted_and_nothing_is_due_any_more():
    aioctl.add(aioschedule.watcher_loop, sleep=0)
    aioctl.add(aioschedule.schedule_loop)
    aioschedule.schedule("later", start_in=0.01, repeat=0.01)
    aioschedule.schedule("running", start_in=0, repeat=0.01)
    add("later", "running")
    aioctl.add(worker, "failing", ValueError("as it cleans up"), name="failing", restart="always")
    await turns()
    assert await aioctl.shutdown() == []
    await asyncio.sleep(0.05)
    assert aioctl.tasks() == [] and aioctl.state("later") == "stopped"
    assert aioctl.state("failing") == "error" and ends.count("failing") == 1


async def test_a_task_in_its_back_off_is_not_waited_for():
    async def fails():
        raise ValueError("boom")

    aioctl.add(aioschedule.watcher_loop)
    aioctl.add(fails, backoff=(50, 60))
    await turns()
    assert aioctl.state("fails") == "backoff"
    assert await aioctl.shutdown() == []
    assert aioctl.state("fails") == "stopped"


async def test_the_caller_goes_on_and_what_is_added_meanwhile_ends_too():
    async def adds():
        try:
            await asyncio.sleep(60)
        finally:
            add("late")

    async def caller():
        return await aioctl.shutdown(), [r.name for r in aioctl.records() if r.live()]

    aioctl.add(adds)
    aioctl.add(caller)
    assert await aioctl.join("caller") == ([], ["caller"])
    assert aioctl.state("late") == "stopped"


async def test_a_task_that_does_not_end_is_named_and_the_others_end():
    add("first")
    aioctl.add(deaf, shutdown=0.02)
    add("last")
    await turns()
    left, text = await printed_by(aioctl.shutdown())
    assert left == ["deaf"] and "shutdown: deaf does not end\n" in text
    assert ends == ["last", "told", "first"] or ends == ["last", "told", "told", "first"]


async def test_the_time_of_all_is_limited():
    for _ in range(3):
        aioctl.add(deaf)
    add("worker")
    await turns()
    left, _ = await printed_by(aioctl.shutdown(0.03))
    # Each would have had 5 s; the ones left are told at once.
    assert left == ["deaf@2", "deaf@1", "deaf"], left
    assert ends.count("told") >= 3 and "worker" in ends


async def test_a_shield_holds_for_as_long_as_there_is_time():
    async def careful():
        await asyncio.sleep(0.02)
        return "whole"

    aioctl.add(careful, shield=True)
    await turns()
    assert await aioctl.shutdown() == [] and aioctl.result("careful") == "whole"
    aioctl.add(worker, "shielded", name="shielded", shield=True)
    await turns()
    left, _ = await printed_by(aioctl.shutdown(0.02))
    assert left == [] and ends == ["shielded"]


async def test_the_last_lines_of_a_log_and_the_history_are_written():
    log = AioStream(500)
    out = Screen()
    kept = []

    class Store:
        def flush(self):
            kept.append("written")

    class Broken:
        def flush(self):
            raise OSError(28)

    async def says():
        try:
            await asyncio.sleep(60)
        finally:
            log.write("its last words\n")

    aioctl.add(says)
    aioctl.add(Output(out, log=log).run, name="sink")  # ends first
    await turns()
    open_files.extend((Broken(), Store()))
    _, text = await printed_by(aioctl.shutdown())
    assert "its last words" in str(out) and kept == ["written"]
    assert text == "not written before the end: OSError: 28\n", text
    del open_files[-2:]
    assert open_files == [], "a sink that ended is not asked again"


async def test_a_bad_timeout_is_refused_before_anything_is_stopped():
    add("worker")
    await turns()
    for bad, error in ((-1, ValueError), ("5", TypeError), (1e6, ValueError)):
        try:
            await aioctl.shutdown(bad)
            raise AssertionError(bad)
        except error as e:
            assert "timeout: " in str(e)
    assert aioctl.state("worker") == "running"


async def test_a_shutdown_that_is_cancelled_leaves_the_rest_running():
    add("first")
    aioctl.add(deaf)
    await turns()
    job = asyncio.create_task(aioctl.shutdown())
    await turns()
    job.cancel()
    await turns()
    assert aioctl.state("first") == "running" and ends == ["told"]


async def test_what_others_need_ends_after_them():
    aioctl.add(worker, "client", name="client", needs="net")
    aioctl.add(worker, "late", name="late", after=("client", "net"))
    add("net")
    await turns(10)
    assert [aioctl.state(n) for n in ("client", "late", "net")] == ["running"] * 3
    assert await aioctl.shutdown() == []
    assert ends == ["late", "client", "net"]


async def test_a_supervisor_stops_its_children_and_a_child_that_does_not_end_is_named():
    from aiosupervisor.tree import Supervisor

    sup = Supervisor("sup", on_giveup="stop")
    sup.add(worker, "one", name="one")
    sup.add(deaf, shutdown=0.02)
    sup.add(worker, "two", name="two")
    await turns(10)
    left, _ = await printed_by(aioctl.shutdown(5))
    assert left == ["deaf"] and [e for e in ends if e != "told"] == ["two", "one"], (left, ends)
    assert aioctl.state("sup") == "stopped"


async def test_a_child_of_a_supervisor_that_calls_it_goes_on():
    from aiosupervisor.tree import Supervisor

    async def caller():
        return await aioctl.shutdown(5), aioctl.state("sup")

    async def breaks():
        await asyncio.sleep(0.005)  # while the others of the group are stopped
        raise OSError(5)

    aioctl.add(aioschedule.watcher_loop)
    top = Supervisor("top", on_giveup="stop", binds="net")
    sup = Supervisor("sup", "one_for_all", parent=top)
    sup.add(breaks, backoff=(0, 0))
    sup.add(caller, binds="net")
    sup.add(slow)
    add("net")
    assert await aioctl.join("caller") == ([], "running")
    assert aioctl.state("breaks") == "error" and aioctl.find("breaks")[0].starts == 1
    assert [r.name for r in aioctl.records() if r.live()] == ["top", "sup"]
    assert not sup.closing and aioctl.find("caller")[0].binds == ("net",), "all is as before"


async def test_tasks_that_start_each_other_do_not_outlast_the_time():
    async def phoenix(other):
        try:
            await asyncio.sleep(60)
        finally:
            aioctl.start(other)

    aioctl.add(phoenix, "b", name="a")
    aioctl.add(phoenix, "a", name="b")
    await turns()
    left, text = await printed_by(asyncio.wait_for(aioctl.shutdown(0.02), 5))
    # Cancelled at the same time both end; else the one that began after that goes on.
    assert left == [r.name for r in reversed(aioctl.records()) if r.live()]
    assert all("shutdown: %s does not end\n" % name in text for name in left)


async def test_a_task_that_adds_another_for_ever_does_not_outlast_the_time():
    async def hydra():
        try:
            await asyncio.sleep(60)
        finally:
            aioctl.delete(*(r.name for r in aioctl.records() if not r.live()))
            aioctl.add(hydra)
            await asyncio.sleep_ms(0)  # that one begins

    aioctl.add(hydra)
    await turns()
    left, text = await printed_by(asyncio.wait_for(aioctl.shutdown(0.02), 5))
    assert left == [r.name for r in reversed(aioctl.records()) if r.live()] != [], left
    assert "shutdown: %s does not end\n" % left[0] in text


async def test_an_end_by_a_class_of_its_own_does_not_cut_it_short():
    class Odd(BaseException):
        pass

    add("first")
    aioctl.add(slow, Odd("at the end"))
    await turns()
    assert await aioctl.shutdown() == []
    assert ends == ["slow", "first"] and aioctl.state("slow") == "error"


async def test_what_ends_after_its_time_but_before_the_others_is_not_named():
    from aiosupervisor.tree import Supervisor

    sup = Supervisor("sup", on_giveup="stop")
    sup.add(slow)
    sup.add(slow, None, 60)
    await turns(10)
    left, text = await printed_by(aioctl.shutdown(0.005))
    assert left == [] and text == "" and not aioctl.tasks(), (left, text)
