"""The history of failures: in RAM, in a file, through a reset and a power cut."""

import asyncio
import json
import os
import sys

import aiocrash
import aioctl
import aioschedule
from aiocrash import store
from aiosupervisor import giveup, limits
from aiosupervisor.flush import open_files
from support import FakeClock, printed, turns

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
aioctl.color = False


def folder():
    return os.getenv("TEST_TMP") if hasattr(os, "getenv") else "/tmp"


def path():
    return folder() + "/crashes.txt"


async def crash(text="boom"):
    raise ValueError(text)


async def forever():
    await asyncio.Event().wait()


async def fail(*texts, **kwargs):
    """Let a task fail with each of these texts."""
    for text in texts:
        kwargs.setdefault("name", "t")
        aioctl.add(crash, text, **kwargs)
        await turns()
        aioctl.delete(kwargs["name"])


def errors(history):
    return [e["error"] for e in history.entries]


async def go(seconds):
    clock.advance(seconds)
    limits.deadlines().wake()
    await turns()


class Machine:
    """What `machine` is on a board."""

    PWRON_RESET = 1
    WDT_RESET = 3
    cause = 3
    kept = b""

    class RTC:
        def memory(self, data=None):
            if data is None:
                return Machine.kept
            Machine.kept = data

    def reset_cause(self):
        return self.cause


def on_a_board():
    sys.modules["machine"] = Machine()


# In RAM


async def test_a_failure_is_noted_with_all_that_is_known_of_it():
    on_a_board()
    history = aiocrash.start()
    clock.advance(90)
    rec = aioctl.add(crash)
    await turns()
    aioctl.start("crash")
    clock.advance(5)
    await turns()
    e = history.entries[0].copy()
    assert len(history.entries) == 1
    free = e.pop("free")
    trace = e.pop("trace")
    assert isinstance(free, int) and free > 1000
    assert "in crash\n" in trace and trace.endswith("ValueError: boom\n"), trace
    assert e == {
        "name": "crash",
        "error": "ValueError: boom",
        "times": 2,
        "at": clock.start + 95,
        "up": 95,
        "starts": 2,
        "cause": "WDT_RESET",
    }, e
    assert rec.starts == 2


async def test_what_ends_well_is_not_noted():
    async def good():
        return 1

    history = aiocrash.start()
    aioctl.add(good)
    aioctl.add(forever)
    await turns()
    aioctl.stop("forever")
    await turns()
    assert history.entries == []


async def test_a_timeout_and_a_dead_watchdog_are_noted():
    history = aiocrash.start()
    aioctl.add(forever, name="a", timeout=1)
    aioctl.add(forever, name="b", watchdog=2)
    await turns()
    await go(1)
    await go(1)
    assert errors(history) == [
        "TimeoutError: no end within 1 s",
        "WatchdogError: no sign of life for 2 s",
    ]


async def test_the_oldest_make_room_for_the_newest():
    history = aiocrash.start(keep=3)
    await fail("1", "2", "3", "4", "5")
    assert errors(history) == ["ValueError: 3", "ValueError: 4", "ValueError: 5"]


async def test_failures_alike_in_a_row_are_one_entry():
    history = aiocrash.start(keep=3)
    await fail("1", "1", "1", "2", "1")
    assert [(e["error"][-1], e["times"]) for e in history.entries] == [
        ("1", 3),
        ("2", 1),
        ("1", 1),
    ]


async def test_a_long_traceback_and_a_long_message_are_cut():
    history = aiocrash.start()

    async def recurses():
        def down(n):
            return down(n + 1) + 1

        down(0)

    aioctl.add(recurses)
    await fail("x" * 1000)
    deep, long = history.entries
    assert 300 < len(deep["trace"]) < 700 and "\n  ...\n" in deep["trace"]
    assert "in recurses\n" in deep["trace"][:300]
    assert deep["error"].split(":")[0] in deep["trace"][-200:]
    assert len(long["error"]) == 200


async def test_failures_for_which_there_is_no_memory_are_counted():
    history = aiocrash.start()
    real = aiocrash.err_text

    def full(e):
        raise MemoryError

    aiocrash.err_text = full
    await fail("1", "2")
    aiocrash.err_text = real
    await fail("3")
    assert history.lost == 2 and errors(history) == ["ValueError: 3"]
    assert "2 more, for which there was no memory" in printed(aioctl.crashes)


async def test_a_second_start_replaces_the_first():
    first = aiocrash.start()
    second = aiocrash.start()
    await fail("1")
    assert errors(first) == [] and errors(second) == ["ValueError: 1"]
    assert len(open_files) == 1
    second.close()
    await fail("2")
    assert errors(second) == ["ValueError: 1"] and not open_files
    assert aioctl.ended is None, "an end costs no more than before"


def test_what_makes_no_sense_is_refused():
    for word, value in (
        ("path", 5),
        ("path", ""),
        ("keep", 0),
        ("keep", True),
        ("keep", 1001),
        ("every", -1),
        ("every", "x"),
    ):
        try:
            aiocrash.start(**{word: value})
        except (TypeError, ValueError) as e:
            assert str(e).startswith(word), e
        else:
            raise AssertionError((word, value))
    assert aiocrash.history is None


# What is shown


async def test_crashes_prints_them_like_a_journal():
    assert "aiocrash.start()" in printed(aioctl.crashes)
    on_a_board()
    aiocrash.start()
    clock.advance(65)
    await fail("one", "two", name="sensor_1")
    await fail("three", name="net")
    text = printed(aioctl.crashes)
    at = "2023-11-14 22:14:25 "
    assert text.startswith(at + "sensor_1: ValueError: one\n    start 1, up 00:01:05, "), text
    assert " bytes free, after WDT_RESET\n    Traceback (most recent call last):\n" in text, text
    assert "in crash\n    ValueError: one\n" + at in text, text
    assert printed(aioctl.crashes, "sensor*").count(" bytes free") == 2
    assert printed(aioctl.crashes, "net").count(" bytes free") == 1
    assert "three" in printed(aioctl.crashes, n=1) and "two" not in printed(aioctl.crashes, n=1)
    assert printed(aioctl.crashes, n=0) == printed(aioctl.crashes, "nix") == ""
    try:
        aioctl.crashes(n=-1)
        raise AssertionError
    except ValueError as e:
        assert str(e) == "n: expected an int >= 0, got -1"


async def test_the_boot_report_tells_of_the_reset_and_of_what_was_before():
    on_a_board()
    assert printed(aioctl.boot_report).startswith("reset: WDT_RESET\n")
    aiocrash.start(path())
    assert "no failure is known from before it\n" in printed(aioctl.boot_report)
    aioctl.add(forever, name="bystander")
    await fail("why")
    assert "failures since: 1\n" in printed(aioctl.boot_report)
    aiocrash.start(path())
    text = printed(aioctl.boot_report)
    assert "last failure before it:\n2023-11-14 22:13:20 t: ValueError: why\n" in text, text
    assert "tasks that ran @ 2023-11-14 22:13:20: bystander\n" in text, text
    assert text.endswith("failures since: 0\n"), text


async def test_where_nothing_is_known_of_the_reset_that_is_said():
    sys.modules["machine"] = object()
    assert printed(aioctl.boot_report).startswith("reset: cause unknown\n")


# For whom the watchdog bit


def bitten(stuck, name):
    """The board was reset by its watchdog, and the program before had noted this."""
    from aiowatchdog import keep

    on_a_board()
    what, ms = (keep.STUCK, 0) if stuck else (keep.BLOCKED, 6000)
    keep.use(keep.Behind(Machine.RTC().memory))
    keep.write(what, ms, name)
    keep.use(keep.place)


async def test_whom_the_watchdog_bit_for_is_in_the_history_and_in_the_report():
    aiocrash.start(path())
    await fail("before")
    bitten(False, "temperature_1")
    clock.advance(100)
    history = aiocrash.start(path())
    await go(0)
    aioctl.add(forever, name="temperature_1")  # main() did not run before
    await go(1)
    text = printed(aioctl.boot_report)
    why = "temperature_1%s blocked the loop for 6.0 s or more\n"
    assert text.startswith("reset: WDT_RESET\nbecause: " + why % ""), text
    assert "before it:\n2023-11-14 22:15:00 " + why % ":" in text, text
    assert errors(history)[0] == "ValueError: before" and history.old == 2
    assert aiocrash.boot_info()["blamed"] == "temperature_1"
    # It is in the file, and entered once, however often the history is started.
    assert [e["name"] for e in aiocrash.start(path()).entries] == ["t", "temperature_1"]
    json.dumps(aiocrash.boot_info())


async def test_the_same_task_may_be_bitten_for_again_and_again():
    for _ in range(3):
        bitten(False, "hog")
        aiocrash.told = 0  # another life
        history = aiocrash.start(path(), keep=2)
        await go(1)
    assert [e["name"] for e in history.entries] == ["hog", "hog"]
    assert aiocrash.start(path()).old == 2, "nor is it entered twice"


async def test_a_name_that_nobody_has_any_more_stays_cut():
    bitten(False, "temperature_1")
    history = aiocrash.start()
    assert history.entries[0]["name"] == "temperature_..." and history.entries[0]["up"] is None
    assert "temperature_...: blocked the loop" in printed(aioctl.crashes)


async def test_without_a_history_the_report_names_it_all_the_same():
    bitten(True, "uplink")
    text = printed(aioctl.boot_report)
    assert "because: uplink missed its deadline and did not end\ncrashes are not noted" in text


async def test_where_the_watchdog_is_not_installed_its_reset_is_reported():
    on_a_board()
    sys.path[:] = ["/nowhere"]  # what is loaded already is there
    aiocrash.start()
    text = printed(aioctl.boot_report)
    assert text == "reset: WDT_RESET\nno failure is known from before it\nfailures since: 0\n"


async def test_a_task_that_does_not_end_is_noted_before_the_supervisor_resets():
    class Reset(BaseException):
        pass

    class Board(Machine):
        def reset(self):
            raise Reset

    async def stubborn():
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass

    sys.modules["machine"] = Board()
    history = aiocrash.start(path())
    rec = aioctl.add(stubborn, watchdog=5, shutdown=1, on_giveup="reset")
    await turns()
    queue = limits.deadlines()
    clock.advance(5)
    queue.run_pending()
    await turns()
    clock.advance(1)
    try:
        printed(queue.run_pending)
        raise AssertionError
    except Reset:
        pass
    text = "WatchdogError: no sign of life for 5 s; it did not end when cancelled"
    assert errors(history) == [text], errors(history)
    history.flush()
    assert history.entries[0]["times"] == rec.starts == 1, "once"
    assert errors(aiocrash.start(path())) == [text]


# In a file


async def test_the_history_is_there_after_a_reset():
    aiocrash.start(path())
    await fail("1", "2")
    aiocrash.history.flush()
    again = aiocrash.start(path(), every=0)
    assert errors(again) == ["ValueError: 1", "ValueError: 2"] and again.old == 2
    await fail("2")
    again.flush()
    # The same failure in another life is an entry of its own.
    assert errors(again) == ["ValueError: 1", "ValueError: 2", "ValueError: 2"]
    assert errors(aiocrash.start(path())) == errors(again)


async def test_it_is_written_at_once_and_then_at_most_once_in_so_many_seconds():
    written = []
    real = store.save
    store.save = lambda p, head, entries: (written.append(clock.now()), real(p, head, entries))
    history = aiocrash.start(path(), every=60)
    for n in range(100):
        await fail(str(n))
        await go(1)
    assert written == [0, 60], written
    await go(20)
    assert written == [0, 60, 120]
    assert errors(aiocrash.start(path())) == errors(history)
    await go(1000)
    history.flush()
    assert written == [0, 60, 120], "nothing new is not written"
    await fail("late")
    assert len(written) == 4


async def test_a_second_start_loses_nothing_that_was_not_written_yet():
    history = aiocrash.start(path())
    await fail("1", "2")
    assert len(aiocrash.start(path()).entries) == 2, "the second was to be written a minute later"
    assert not history.open


async def test_a_reset_by_the_supervisor_writes_first():
    class Reset(Exception):
        pass

    class Board(Machine):
        def reset(self):
            raise Reset

    sys.modules["machine"] = Board()

    class Fails:
        def flush(self):
            raise OSError(5)

    open_files.append(Fails())
    aiocrash.start(path(), every=3600)
    await fail("1", "2")
    try:
        printed(giveup.reset)
        raise AssertionError
    except Reset:
        pass
    assert errors(aiocrash.start(path())) == ["ValueError: 1", "ValueError: 2"]


async def test_a_file_that_cannot_be_written_harms_nothing_and_is_tried_again():
    lost = []
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda loop, context: lost.append(context))
    history = aiocrash.start(folder() + "/no/such/folder/x", every=10)
    await fail("1")
    await go(10)
    assert errors(history) == ["ValueError: 1"] and not lost
    history.path = path()
    await fail("2")
    await go(10)
    assert errors(aiocrash.start(path())) == ["ValueError: 1", "ValueError: 2"]


async def test_a_damaged_file_is_no_history():
    aiocrash.start(path())
    await fail("1")
    with open(path(), "rb") as f:
        whole = f.read()
    damages = [whole[:n] for n in range(0, len(whole), 7)]
    damages += [whole[:n] + b"#" + whole[n + 1 :] for n in range(0, len(whole) - 1, 11)]
    for damaged in damages:
        with open(path(), "wb") as f:
            f.write(damaged)
        assert store.load(path()) == ({}, []), damaged
    os.rename(path(), path() + ".new")
    with open(path() + ".new", "wb") as f:
        f.write(whole)
    assert len(store.load(path())[1]) == 1, "FAT may leave the new one only"


async def test_fewer_are_kept_of_what_the_file_holds():
    aiocrash.start(path())
    await fail("1")
    clock.advance(100)
    await fail("2")
    await go(100)
    assert errors(aiocrash.start(path(), keep=1)) == ["ValueError: 2"]


async def test_of_what_is_full_the_failures_of_earlier_boots_go_first():
    aiocrash.start(path(), keep=2)
    await fail("1", "2")
    aiocrash.history.flush()
    history = aiocrash.start(path(), keep=2)
    await fail("3", "4", "4", "5", "5")
    assert errors(history) == ["ValueError: 4", "ValueError: 5"]
    assert [e["times"] for e in history.entries] == [2, 2] and history.old == 0
    assert "no failure is known from before it\nfailures since: 4\n" in printed(aioctl.boot_report)


class Flash:
    """A block device in RAM whose power fails for good at the n-th write or erase."""

    SIZE = 512

    def __init__(self, data, torn):
        self.data = data
        self.torn = torn  # is half of the block still written then?
        self.left = None

    def readblocks(self, n, buf, off=0):
        at = n * self.SIZE + off
        buf[:] = self.data[at : at + len(buf)]

    def _fails(self):
        # Whether the power fails during this operation.
        if self.left is None:
            return False
        self.left -= 1
        if self.left < 0 or self.left == 0 and not self.torn:
            raise OSError(5)
        return self.left == 0

    def writeblocks(self, n, buf, off=0):
        at = n * self.SIZE + off
        size = len(buf) // 2 if self._fails() else len(buf)
        self.data[at : at + size] = buf[:size]

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // self.SIZE
        if op == 5:
            return self.SIZE
        if op == 6:
            size = self.SIZE // 2 if self._fails() else self.SIZE
            self.data[arg * self.SIZE : arg * self.SIZE + size] = b"\xff" * size
        return 0


def littlefs(device):
    return os.VfsLfs2(device, readsize=32, progsize=32, lookahead=32)


def power_cuts(make, mkfs, blocks, torn):
    """Cut the power at each block operation of a save; return how many there were."""
    old = [{"name": "a", "error": "old %d" % n * 20} for n in range(9)]
    new = [{"name": "b", "error": "new %d" % n * 20} for n in range(9)]
    data = bytearray(blocks * Flash.SIZE)
    mkfs(Flash(data, torn))
    os.mount(make(Flash(data, torn)), "/flash")
    store.save("/flash/x", {"n": 1}, old)
    os.umount("/flash")
    before = bytes(data)
    seen = set()
    cut = 0
    done = False
    while not done:
        cut += 1
        data[:] = before
        flash = Flash(data, torn)
        os.mount(make(flash), "/flash")
        flash.left = cut
        try:
            store.save("/flash/x", {"n": 2}, new)
            done = flash.left > 0
        except OSError:
            pass
        flash.left = 0
        os.umount("/flash")
        os.mount(make(Flash(data, torn)), "/flash")
        found = store.load("/flash/x")
        assert found in (({"n": 1}, old), ({"n": 2}, new)), (cut, found)
        seen.add(found[0]["n"])
        store.save("/flash/x", {"n": 3}, old)  # and it can be written again
        assert store.load("/flash/x") == ({"n": 3}, old), cut
        os.umount("/flash")
    assert seen == {1, 2}, seen
    return cut


def test_a_power_cut_at_any_block_operation_leaves_the_old_or_the_new():
    def mkfs(device):
        os.VfsLfs2.mkfs(device, readsize=32, progsize=32, lookahead=32)

    assert power_cuts(littlefs, mkfs, 40, True) > 10


def test_a_power_cut_on_fat_leaves_the_old_or_the_new():
    assert power_cuts(os.VfsFat, os.VfsFat.mkfs, 60, False) > 10


# In the memory of the RTC


async def test_the_last_failure_is_in_the_memory_of_the_rtc():
    on_a_board()
    aiocrash.start(path(), every=3600, rtc=True)
    await fail("1", "2", "2")  # in the file: the first
    again = aiocrash.start(path(), rtc=True)
    assert [(e["error"], e["times"]) for e in again.entries] == [
        ("ValueError: 1", 1),
        ("ValueError: 2", 2),
    ]
    assert "ValueError: 2 (2 times)\n" in printed(aioctl.boot_report)
    assert json.dumps(again.entries[1])
    Machine.kept = b"something else"
    assert errors(aiocrash.start(rtc=True)) == []
    Machine.kept = b""
    assert errors(aiocrash.start(rtc=True)) == []


async def test_what_is_too_long_for_the_rtc_is_cut_or_left_out():
    on_a_board()
    aiocrash.start(rtc=True)
    await fail("x" * 500)
    assert 100 < len(Machine.kept) <= 400
    await fail("y", name="n" * 500)
    assert Machine.kept == b""


async def test_a_port_without_memory_in_its_rtc_goes_without():
    class Bare(Machine):
        class RTC:
            pass

    for machine in (Bare(), object()):
        sys.modules["machine"] = machine
        history = aiocrash.start(rtc=True)
        await fail("1")
        assert errors(history) == ["ValueError: 1"]


# Bounded


async def test_ten_thousand_failures_leave_the_heap_as_it_was():
    import gc

    aiocrash.start(keep=5)

    async def some(n):
        for i in range(n):
            await fail(str(i % 100))
        gc.collect()
        gc.collect()
        return gc.mem_alloc()

    await some(300)
    least = None
    for _ in range(3):
        before = await some(10)
        grown = await some(3000) - before
        least = grown if least is None else min(least, grown)
    assert least < 3000, least
