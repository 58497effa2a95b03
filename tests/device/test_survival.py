"""The supervisor goes on: crash after crash, with a full heap, and when everything else fails."""

import asyncio
import builtins
import gc
import io
import sys

import aioctl
import aioschedule
from aiosupervisor import limits
from support import FakeClock, printed, turns

TIMEOUT = 300
ROUND = 34_000 if sys.platform == "linux" else 1000  # crashes; a board would take an hour

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()


async def watched(*args):
    aioctl.add(aioschedule.watcher_loop, *args)
    await turns()


async def forever():
    await asyncio.Event().wait()


async def crash():
    raise ValueError("boom")


async def returns():
    pass


LIMITS = {"timeout": 3600, "watchdog": 60, "shutdown": 5, "on_giveup": "ignore"}


def kept():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


async def crashes_leave_the_heap_as_it_was(**policy):
    await watched()
    record = aioctl.add(crash, backoff=(0, 0), **policy)

    async def until(starts):
        while record.starts < starts:
            await asyncio.sleep_ms(0)

    await until(500)
    # The least of three rounds: a stale word on the C stack can keep some for one of them.
    least = None
    for n in range(3):
        before = kept()
        await until(500 + (n + 1) * ROUND)
        grown = kept() - before
        least = grown if least is None else min(least, grown)
    # One block kept by each, 16 bytes at least, would be half a million.
    assert least < 1024, least


async def test_a_hundred_thousand_crashes_leave_the_heap_as_it_was():
    await crashes_leave_the_heap_as_it_was()


async def test_a_hundred_thousand_crashes_of_a_task_with_limits_leave_the_heap_as_it_was():
    await crashes_leave_the_heap_as_it_was(**LIMITS)


async def test_signs_of_life_and_the_look_at_a_deadline_allocate_nothing():
    from aiosupervisor import limits

    used = []

    async def lives():
        queue = limits.deadlines()
        for _ in range(2):
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            for _ in range(1000):
                assert aioctl.alive()
                clock.advance_ms(1)
                queue.run_pending()
            used.append(gc.mem_alloc() - before)
            gc.enable()

    aioctl.add(lives, watchdog=1)
    await turns()
    assert used[1] == 0, used


async def test_from_the_exception_to_the_restarted_first_line_are_two_turns_at_most():
    for policy in ({}, LIMITS):
        turn = 0
        first_lines = []

        async def crashes():
            first_lines.append(turn)  # noqa: B023
            await asyncio.sleep_ms(0)
            raise ValueError

        await watched()
        aioctl.add(crashes, name="t", backoff=(0, 0), **policy)
        for _ in range(50):
            turn += 1
            await asyncio.sleep_ms(0)
        # The body itself takes one turn, from its first line to its exception.
        between = [b - a for a, b in zip(first_lines, first_lines[1:])]
        assert len(between) > 10 and max(between) <= 3, between
        aioctl.reset()
        await turns()


async def test_a_task_that_fails_at_once_for_ever_is_started_at_ever_longer_intervals():
    await watched()
    rec = aioctl.add(crash, name="t", restart="no")
    await turns()
    rec.restart = "on-failure"
    ms = n = 0
    while ms < 3600_000:
        delay = aioctl.watcher(rec)
        assert delay <= 30_000
        ms += delay
        n += 1
    # At half a millisecond each, which is slow, 160 starts are 0.002 % of an hour.
    assert n <= 160, n


# Without memory


class Hog:
    """Fills the heap, but for what is left: `reserve` bytes at the end."""

    def __init__(self):
        self.held = [None] * 4000
        self.reserve = None
        self.full = False

    def fill(self, reserve):
        gc.collect()
        self.reserve = bytearray(reserve)
        n = 20_000
        i = 0
        while n:
            try:
                self.held[i] = bytearray(n)
                i += 1
            except MemoryError:
                n //= 2
        self.reserve = None
        self.full = True

    def free(self):
        self.full = False
        i = 0
        while i < 4000:
            self.held[i] = None
            i += 1


async def dies_without_memory(reserve, **policy):
    hog = Hog()
    error = None
    await watched()

    async def works():
        await asyncio.sleep_ms(0)
        if hog.full:
            bytearray(8000)
        await asyncio.sleep_ms(0)
        if not hog.full:
            await forever()

    # What is loaded on use is loaded now.
    aioctl.add(crash, name="first", backoff=(0, 0), intensity=(1, 10), **policy)
    await turns(10)
    printed(aioctl.status)
    record = aioctl.add(works, restart="always", backoff=(0, 0), **policy)
    other = aioctl.add(forever)
    await turns()
    aioctl.restart("works")
    hog.fill(reserve)
    n = 40
    while n:  # nothing here may need memory
        await asyncio.sleep_ms(0)
        n -= 1
        if record._r is not None:
            error = record._r
    starts = record.starts
    hog.free()
    await turns()
    assert starts >= 5, starts
    assert isinstance(error, MemoryError)
    assert other.state == "running" and aioctl.state("watcher_loop") == "running"
    assert record.state == "running" and record.starts >= starts
    aioctl.stop("works")
    await turns()
    assert record.state == "stopped"


async def test_with_a_kibibyte_left_a_task_that_wants_more_is_restarted():
    await dies_without_memory(1024)


async def test_with_a_kibibyte_left_a_task_with_limits_that_wants_more_is_restarted():
    await dies_without_memory(1024, **LIMITS)


async def test_with_a_kibibyte_left_what_gives_up_resets_the_board():
    resets = [0]

    def reset():
        resets[0] += 1
        hog.free()

    async def works():
        while not hog.full:
            await asyncio.sleep_ms(0)
        bytearray(8000)

    hog = Hog()
    await watched()
    aioctl.add(crash, name="first", backoff=(0, 0), intensity=(1, 10), timeout=60)
    record = aioctl.add(works, backoff=(0, 0), intensity=(1, 10), on_giveup="reset")
    sys.modules["aiosupervisor.giveup"].reset = reset
    await turns(10)
    hog.fill(2048 if sys.maxsize >> 32 else 1024)  # where all is twice the size, too
    n = 40
    while n:
        await asyncio.sleep_ms(0)
        n -= 1
    hog.free()
    assert resets == [1] and record.state == "gave-up", (resets, record.state)


async def test_what_has_no_memory_for_its_on_giveup_gives_up_again():
    from aiosupervisor import giveup

    resets = []

    def reset():
        resets.append(rec.starts)
        if len(resets) == 1:
            raise MemoryError

    await watched()
    giveup.reset = reset
    rec = aioctl.add(crash, backoff=(0, 0), intensity=(0, 60), on_giveup="reset")
    await turns()
    assert resets == [1] and rec.state == "backoff"
    while len(resets) < 2:  # a second later
        await asyncio.sleep_ms(20)
    assert rec.state == "gave-up"


_print = print


def hears():
    """Return a list of what print() was last called with; a call takes no memory."""
    heard = [None, None, None]

    def said(a, b, c=None):
        heard[0] = a
        heard[1] = b
        heard[2] = c

    builtins.print = said  # until the test sets it back
    return heard


async def test_a_failure_that_cannot_be_told_is_told_in_short():
    why = ImportError("no module named 'aiosupervisor'")

    def tell(what, e):
        raise why

    aioctl.set_log(io.StringIO())
    rec = aioctl.add(crash)
    rec.tell = tell
    said = hears()
    await turns()
    builtins.print = _print
    assert rec.state == "error" and isinstance(rec.exc, ValueError)
    assert said == ["crash", "failed, and cannot say why:", why], said


async def test_a_restart_that_the_watcher_has_no_memory_for_is_made_all_the_same():
    def watcher(rec):
        raise MemoryError

    aioctl.watcher = watcher
    rec = aioctl.add(crash, name="again")
    left = aioctl.add(crash, name="left", restart="no")
    done = aioctl.add(returns)
    more = aioctl.add(returns, name="more", restart="always")
    slow = aioctl.add(forever, name="slow", timeout=0.001)
    await turns()
    clock.advance(1)
    limits.deadlines().wake()
    await turns()
    assert rec.state == "backoff" and left.state == "error" and done.state == "done"
    assert more.state == slow.state == "backoff", (more.state, slow.state)
    aioctl.watcher = None
    while rec.starts < 2:  # a second later
        await asyncio.sleep_ms(20)
    assert rec.state == "error"


async def test_a_start_for_which_there_is_no_memory_is_made_later():
    for n, policy in enumerate(({}, LIMITS)):
        hog = Hog()

        async def first():
            return 1

        aioctl.add(first, name="loads", **policy)
        await turns()
        record = aioctl.add(first, name="later%d" % n, **policy)
        said = hears()
        hog.fill(0)
        i = 20
        while i:  # nothing here may need memory
            await asyncio.sleep_ms(0)
            i -= 1
        ended = record._t1
        hog.free()
        builtins.print = _print
        assert ended is None and record.live(), policy
        assert said == [record.name, "cannot start, no memory", None], (said, policy)
        assert await aioctl.join(record.name, timeout=30) == 1
        assert record.state == "done", policy


# When what should help fails


async def test_a_watcher_whose_log_fails_still_restarts():
    class Log:
        def info(self, *args):
            raise OSError(28)

    await watched(Log())
    rec = aioctl.add(crash, backoff=(0, 0), intensity=(3, 10))
    await turns(20)
    assert rec.starts == 4 and rec.state == "gave-up"
    assert aioctl.state("watcher_loop") == "running"


async def test_a_listener_that_fails_at_each_end_harms_no_restart():
    def fails(event, name, s, rec):
        raise RuntimeError

    await watched()
    aioschedule.listen(fails)
    rec = aioctl.add(crash, backoff=(0, 0), intensity=(3, 10))
    aioschedule.schedule("other", repeat=1)
    await turns(20)
    assert rec.starts == 4 and rec.state == "gave-up"


async def test_everything_that_a_dead_task_held_is_free():
    async def holds():
        big = bytearray(50_000)
        await asyncio.sleep_ms(0)
        raise ValueError(len(big))

    await watched()
    aioctl.add(crash, name="first")  # loads what it needs
    await turns()
    least = None
    for i in range(5):
        gap = bytearray(4_000 * i)  # the stack may hold a number like its address
        before = kept()
        rec = aioctl.add(holds, **LIMITS)
        await turns()
        held = kept() - before
        assert rec.state == "backoff" and len(gap) == 4_000 * i
        least = held if least is None else min(least, held)
        if least < 10_000:
            break
        aioctl.delete("holds")
        await turns()
    assert least < 10_000, least
