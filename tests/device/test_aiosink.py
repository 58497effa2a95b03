"""The sinks of a log: files on the flash, another stream."""

import asyncio
import gc
import io
import os
import time

import vfs

import aioctl
from aiolog import AioStream
from aiosink import Output, Sink
from aiosink.file import File
from support import printed, turns

HEAP = "2M"
BLOCK = 512
SIZE = 700  # of a file that lies in two blocks or, at first, within its folder


ERASED = b"\xff" * BLOCK


class Flash:
    """A block device in RAM that notes what is done to it where `done` is a list."""

    def __init__(self, blocks=32):
        self.data = bytearray(blocks * BLOCK)
        self.done = None  # of each operation: offset, bytes
        self.erased = 0

    def readblocks(self, n, buf, off=0):
        at = n * BLOCK + off
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, n, buf, off=0):
        self.note(n * BLOCK + off, bytes(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            self.erased += 1
            self.note(arg * BLOCK, ERASED)
        return 0

    def note(self, at, b):
        self.data[at : at + len(b)] = b
        if self.done is not None:
            self.done.append((at, b))


# A file system on `flash`, at "/flash".
def mounted(flash, new=True, kind=vfs.VfsLfs2):
    if new:
        kind.mkfs(flash)
    vfs.mount(kind(flash), "/flash")
    return "/flash/x.log"


def content(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError as e:
        assert e.errno == 2, e
        return None


# What the files of a sink hold, the oldest first.
def contents(path, count):
    names = ["%s.%d" % (path, i) for i in range(count + 2, 0, -1)] + [path]
    return [x for x in map(content, names) if x is not None]


def lines_of(path, count):
    return b"".join(contents(path, count)).decode().split("\n")[:-1]


def folder():
    return os.getenv("TEST_TMP") if hasattr(os, "getenv") else "/tmp"


# -- files -----------------------------------------------------------------------------------


def test_a_file_gets_the_lines_and_goes_on_after_a_restart():
    path = folder() + "/x.log"
    log = AioStream(500)
    log.write("one\nhalf")
    sink = File(path, log=log)
    sink.flush()
    assert content(path) == b"one\n"
    log.write(" h\u00e9\n\ntwo\n")
    sink.flush()
    sink.flush()
    assert content(path) == "one\nhalf h\u00e9\ntwo\n".encode()
    log = AioStream(500)
    log.write("new\n")
    File(path, log=log).flush()
    assert content(path) == "one\nhalf h\u00e9\ntwo\nnew\n".encode()


def test_files_are_bounded_in_size_and_number():
    flash = Flash()
    for count in (1, 2, 4):
        path = mounted(flash)
        log = AioStream(700)
        sink = File(path, size=300, count=count, log=log)
        written = []
        for i in range(120):
            written.append("line %03d %s" % (i, "x" * (i * 7 % 60)))
            log.write(written[-1] + "\n")
            if i % (i // 20 % 5 + 1) == 0:
                sink.flush()
                found = contents(path, count)
                assert len(found) <= count and max(map(len, found)) <= 300, found
                lines = lines_of(path, count)
                assert lines == written[-len(lines) :]
        assert sum(map(len, found)) > 300 * count - 150
        vfs.umount("/flash")


def test_a_line_longer_than_a_file_is_cut_and_says_so():
    path = folder() + "/x.log"
    log = AioStream(2000)
    log.write("before\n" + "\u20ac" * 400 + "\nafter\n")
    sink = File(path, size=256, count=9, log=log)
    sink.flush()
    expected = [b"before\n", ("\u20ac" * 83).encode() + b"[cut]\n", b"after\n"]
    assert contents(path, 9) == expected, contents(path, 9)
    log.write("x" * 600 + "\n")
    sink.flush()
    assert contents(path, 9)[3:] == [b"x" * 250 + b"[cut]\n"]


def test_a_torn_line_of_the_file_is_ended_and_says_so():
    path = folder() + "/x.log"
    with open(path, "w") as f:
        f.write("whole\nto")
    log = AioStream(100)
    log.write("next\n")
    File(path, log=log).flush()
    assert content(path) == b"whole\nto[cut]\nnext\n"


def test_what_the_log_could_not_keep_is_told_in_the_file():
    path = folder() + "/x.log"
    log = AioStream(50)
    sink = File(path, log=log)
    log.write("first\n")
    sink.flush()
    for i in range(20):
        log.write("line %03d\n" % i)
    sink.flush()
    kept = "".join(["line %03d\n" % i for i in range(15, 20)])
    assert content(path).decode() == "first\n[missed 135 bytes]\n" + kept


def test_a_file_keeps_only_the_lines_that_fit():
    path = folder() + "/x.log"
    log = AioStream(500)
    sink = File(path, log=log, level="WARNING", task="pump", grep=["*a", "*b"])
    for level in ("INFO", "ERROR"):
        for task in ("pump", "fan"):
            log.write("[%s] [%s] a\n[%s] [%s] c\n" % ((level, task) * 2))
    sink.flush()
    assert content(path) == b"[ERROR] [pump] a\n"


def test_a_removed_file_is_made_anew():
    path = mounted(Flash())
    log = AioStream(100)
    sink = File(path, log=log)
    for text in (b"one\n", b"two\n"):
        log.write(text)
        sink.flush()
        assert content(path) == text
        os.remove(path)


def test_bytes_that_are_no_text_are_kept_as_they_are():
    path = folder() + "/x.log"
    log = AioStream(500)
    log.write(b"a\xff\n" * 100)
    File(path, size=256, count=2, log=log).flush()
    assert contents(path, 2) == [b"a\xff\n" * 85, b"a\xff\n" * 15], contents(path, 2)


def test_a_full_flash_costs_the_oldest_files_and_no_line_that_is_new():
    flash = Flash(blocks=20)
    path = mounted(flash)
    with open("/flash/other", "wb") as f:
        for _ in range(7):
            f.write(bytes(BLOCK))
    log = AioStream(400)
    sink = File(path, size=1500, count=9, log=log)
    failed = 0
    for i in range(300):
        log.write("line %03d %s\n" % (i, "x" * 40))
        for _ in range(9):
            try:
                sink.flush()
                break
            except OSError as e:
                assert e.errno == 28, e
                failed += 1
        else:
            raise AssertionError(contents(path, 9))
        numbers = [int(line[5:8]) for line in lines_of(path, 9)]
        assert numbers == list(range(numbers[0], i + 1)), numbers
    assert failed
    assert len(content("/flash/other")) == 7 * BLOCK


def test_a_power_cut_at_any_operation_leaves_whole_lines():
    flash = Flash()
    path = mounted(flash)
    log = AioStream(300)
    sink = File(path, size=SIZE, count=3, log=log)
    image = bytearray(flash.data)
    flash.done = []
    lines = []
    flushed = []  # (operations until its end, lines until then)
    for i in range(110):
        lines.append("line %03d %s" % (i, "x" * (i * 5 % 50)))
        log.write(lines[-1] + "\n")
        if i % 3 == 2:
            sink.flush()
            flushed.append((len(flash.done), i + 1))
    vfs.umount("/flash")
    operations = flash.done
    assert len(operations) > 200
    least = most = 0
    for n, (at, b) in enumerate(operations):
        while flushed and n >= flushed[0][0]:
            least = flushed.pop(0)[1]
        most = flushed[0][1]
        half = len(b) // 2
        # The operation was not begun; it was cut in the middle; it left something else.
        for torn in (b"", b[:half], b[:half] + b"\x00" * (len(b) - half)):
            check_after_cut(image, at, torn, lines, least, most)
        image[at : at + len(b)] = b


# Both what is there after the cut, and how a new sink goes on from that.
def check_after_cut(image, at, torn, lines, least, most):
    flash = Flash()
    flash.data[:] = image
    flash.data[at : at + len(torn)] = torn
    path = mounted(flash, new=False)
    files = contents(path, 3)
    assert len(files) <= 3, files
    for text in files:
        assert len(text) <= SIZE and (not text or text.endswith(b"\n")), text
    found = lines_of(path, 3)
    end = len(found) and int(found[-1][5:8]) + 1
    assert least <= end <= most, (found, least, most)
    assert found == lines[end - len(found) : end], found
    # No more than the oldest file is gone.
    assert sum(map(len, files)) > SIZE or len(found) == end, files
    log = AioStream(600)
    log.write("".join(["new %d %s\n" % (i, "x" * 40) for i in range(8)]))
    File(path, size=SIZE, count=3, log=log).flush()
    files = contents(path, 3)
    assert len(files) <= 3 and max(map(len, files)) <= SIZE, files
    assert lines_of(path, 3)[-8:] == ["new %d %s" % (i, "x" * 40) for i in range(8)]
    vfs.umount("/flash")


def test_a_cut_on_a_file_system_without_a_journal_is_mended():
    flash = Flash(blocks=64)
    path = mounted(flash, kind=vfs.VfsFat)
    log = AioStream(300)
    sink = File(path, size=256, count=3, log=log)
    for i in range(30):
        log.write("line %02d %s\n" % (i, "x" * 20))
        sink.flush()
    assert max(map(len, contents(path, 3))) <= 256 and len(contents(path, 3)) == 3
    numbers = [int(line[5:7]) for line in lines_of(path, 3)]
    assert numbers == list(range(numbers[0], 30)), numbers
    with open(path, "ab") as f:
        f.write(b"to")
    log.write("next\n")
    File(path, size=256, count=3, log=log, grep="next").flush()
    assert lines_of(path, 3)[-2:] == ["to[cut]", "next"]


def test_a_line_torn_by_a_full_flash_is_ended_and_written_again():
    flash = Flash(blocks=64)
    path = mounted(flash, kind=vfs.VfsFat)
    free = os.statvfs("/flash")[3] * BLOCK
    with open("/flash/other", "wb") as f:
        f.write(bytes(free - BLOCK))
    log = AioStream(1000)
    lines = ["line %02d %s" % (i, "x" * 20) for i in range(30)]
    log.write("\n".join(lines) + "\n")
    sink = File(path, log=log)
    try:
        sink.flush()
    except OSError as e:
        assert e.errno == 28, e
    else:
        raise AssertionError
    os.remove("/flash/other")
    sink.flush()
    found = lines_of(path, 1)
    assert found[-30:] == lines
    torn = found[:-30]
    assert torn[:-1] == lines[: len(torn) - 1]
    assert torn[-1].endswith("[cut]") and lines[len(torn) - 1].startswith(torn[-1][:-5]), torn


def test_each_write_to_the_flash_costs_few_blocks():
    flash = Flash()
    path = mounted(flash)
    log = AioStream(300)
    sink = File(path, size=4096, count=3, log=log)
    flash.erased = 0
    for i in range(60):
        log.write("line %03d %s\n" % (i, "x" * 40))
        sink.flush()
    assert flash.erased <= 2 * 60, flash.erased


# -- the task --------------------------------------------------------------------------------


class Kept(Sink):
    """A sink that keeps what it gets, or fails."""

    wait = 0
    fails = 0

    def __init__(self, **which):
        super().__init__(**which)
        self.got = b""
        self.flushes = 0

    def write(self, b):
        if self.fails:
            self.fails -= 1
            raise OSError(113)
        assert bytes(b).endswith(b"\n")
        self.got += b
        return len(b)

    def commit(self):
        self.flushes += 1


async def test_a_task_passes_on_what_is_kept_and_what_comes():
    log = AioStream(300)
    log.write("before\n")
    sink = Kept(log=log)
    aioctl.add(sink.run, name="sink")
    await turns()
    assert sink.got == b"before\n"
    for text in (b"a\n", b"b\nhal", b"f\n"):
        log.write(text)
        await asyncio.sleep_ms(20)
    assert sink.got == b"before\na\nb\nhalf\n"
    log.write("last\n")  # while it rests
    aioctl.stop("sink")
    await turns()
    assert aioctl.state("sink") == "stopped"
    assert sink.got.endswith(b"last\n")


async def test_a_sink_sleeps_while_nothing_is_written():
    log = AioStream(300)
    sink = Kept(log=log)
    task = asyncio.create_task(sink.run())
    await asyncio.sleep_ms(50)
    n = sink.flushes
    assert n == 1
    log.write("a\n")
    await asyncio.sleep_ms(50)
    assert sink.flushes == n + 1
    task.cancel()


async def test_a_sink_that_fails_can_be_stopped():
    log = AioStream(300)
    sink = Kept(log=log)
    sink.fails = 2
    log.write("a\n")
    aioctl.add(sink.run, name="sink")
    await turns()
    aioctl.stop("sink")
    await turns()
    assert aioctl.state("sink") == "stopped" and not sink.fails


async def test_an_error_is_told_once_and_tried_again():
    log = AioStream(300)
    sink = Kept(log=log)
    sink.fails = 2
    log.write("a\n")
    pauses = []

    async def sleep(s):
        pauses.append(s)
        log.write("b %d\n" % len(pauses))
        await asyncio.sleep_ms(0)

    import aiosink

    aiosink.sleep = sleep
    aioctl.add(sink.run, name="sink")
    await turns(10)
    told = b"[WARNING] [Kept] OSError: [Errno 113] EHOSTUNREACH\n"
    assert sink.got.startswith(b"a\n" + told + b"b 1\nb 2\n"), sink.got
    assert pauses[:2] == [1, 2], pauses
    assert sink.got.count(b"WARNING") == 1 and aioctl.state("sink") == "running"


def test_lines_that_could_not_be_stored_are_passed_on_again():
    class Full(Kept):
        def commit(self):
            super().commit()
            if self.flushes == 1:
                raise OSError(28)

    log = AioStream(100)
    sink = Full(log=log)
    log.write("a\n")
    try:
        sink.flush()
    except OSError:
        pass
    else:
        raise AssertionError
    log.write("b\n")
    sink.flush()
    assert sink.got == b"a\na\nb\n"


async def test_files_are_written_as_often_as_allowed():
    log = AioStream(300)
    path = folder() + "/x.log"
    flushes = []

    class Counted(File):
        def commit(self):
            flushes.append(time.ticks_ms())
            super().commit()

    sink = Counted(path, every=0.05, log=log)
    sink.wait = 0.001
    task = asyncio.create_task(sink.run())
    for i in range(200):
        log.write("line %d\n" % i)
        await asyncio.sleep_ms(4)
    task.cancel()
    await turns()
    assert content(path).decode() == "".join(["line %d\n" % i for i in range(200)])
    # The first, ten at once, then one each 50 ms, and that of the end.
    gone = time.ticks_diff(flushes[-1], flushes[0])
    assert len(flushes) <= 1 + 10 + gone // 50 + 1 + 1, (len(flushes), gone)


async def test_a_stream_gets_the_lines():
    log = AioStream(300)
    log.write(b"one\n\xff\ntwo\n")
    out = io.BytesIO()
    Output(out, log=log).flush()
    assert out.getvalue() == b"one\n\xff\ntwo\n"
    assert printed(Output(log=log, grep="o").flush) == "one\ntwo\n"


def test_the_log_of_a_sink_is_the_one_of_the_program_unless_told():
    from aiolog import streamlog

    streamlog.write("a\n")
    sink = Kept()
    sink.flush()
    assert sink.got == b"a\n"


def test_a_flush_leaves_no_heap():
    log = AioStream(2000)
    sink = File(folder() + "/x.log", size=5000, count=2, log=log)

    def run():
        for i in range(40):
            log.write("line %d %s\n" % (i, "x" * 50))
            sink.flush()
        gc.collect()
        return gc.mem_alloc()

    run()
    used = [run(), 0, 0, 0]
    for i in 1, 2, 3:
        used[i] = run()
    # What is kept for each flush grows in every round; a stale word may hold some in one of them.
    assert min(used[i] - used[i - 1] for i in (1, 2, 3)) < 100, used


def test_bad_arguments_are_refused():
    for kind, words, f, bad in (
        (TypeError, ("path", "5"), File, {"path": 5}),
        (ValueError, ("size", "int >= 256", "100"), File, {"path": "x", "size": 100}),
        (ValueError, ("count", "int >= 1", "0"), File, {"path": "x", "count": 0}),
        (ValueError, ("every", "-1"), File, {"path": "x", "every": -1}),
        (ValueError, ("level", "LOUD"), File, {"path": "x", "level": "LOUD"}),
        (TypeError, ("grep",), Output, {"grep": 5}),
    ):
        try:
            f(**bad)
        except kind as e:
            for word in words:
                assert word in str(e), e
        else:
            raise AssertionError(bad)
