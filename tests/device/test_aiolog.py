"""The log ring: what is kept, what is shown, what a follower sees."""

import asyncio
import gc
import io
import random
import sys
import time

import micropython

import aiotail
from aiolog import AioStream, streamlog
from support import printed, turns

HEAP = "1M"


# What `cat` must show of `data`, bytes, in a log of `size` bytes.
def shown(data, size):
    kept = (b"\n" + data)[-size - 1 :]
    first = kept.find(b"\n")
    last = kept.rfind(b"\n")
    if first == last:
        if not 0 < last == len(kept) - 1:
            return ""
        start = 0  # one line, longer than the log
        while kept[start] & 0xC0 == 0x80:
            start += 1
        return "[cut] " + kept[start:].decode()
    lines = kept[first + 1 : last].decode().split("\n")
    return "".join(line + "\n" for line in lines if line)


def filled(size, n, text="line %03d\n"):
    log = AioStream(size)
    for i in range(n):
        log.write(text % i)
    return log


# -- write -----------------------------------------------------------------------------------


def test_write_returns_the_bytes_written_as_the_streams_of_micropython_do():
    """Defect 41: it returned None."""
    log = AioStream(100)
    texts = ("", "a\n", "h\u00e9llo \u20ac\n", b"bytes\n", bytearray(b"ab\n"), memoryview(b"c\n"))
    for s in texts:
        assert log.write(s) == io.BytesIO().write(s), s


def test_write_refuses_what_is_no_text_and_keeps_the_log():
    log = filled(40, 2)
    for bad in (None, 5, ["a\n"]):
        try:
            log.write(bad)
        except TypeError:
            pass
        else:
            raise AssertionError(bad)
    log.write("more\n")
    assert printed(log.cat) == "line 000\nline 001\nmore\n"


def test_the_size_is_checked():
    for bad in (0, -1, 2.5, "100", None):
        try:
            AioStream(bad)
        except ValueError as e:
            assert "alloc_size" in str(e) and "int > 0" in str(e) and repr(bad) in str(e), e
        else:
            raise AssertionError(bad)


def test_the_size_is_in_bytes_with_any_text():
    """Defect 8: counted in characters, it outgrew its size and cat() raised UnicodeError."""
    log = AioStream(64)
    line = "\u20ac" * 7 + "\n"  # 22 bytes
    for _ in range(10):
        log.write(line)
    assert printed(log.cat) == line * 2
    # and whatever lies across the end of the ring
    for shift in range(9):
        log.write("x" * shift + "\n")
        log.write("\u00e4\U0001f600\u20ac\n")
        assert printed(log.cat).endswith("\n\u00e4\U0001f600\u20ac\n")


def test_print_writes_to_it():
    """Defect 9: print(file=) crashed the interpreter."""
    print("one", 2, 3.5, None, sep="-", file=streamlog)
    print("h\u00e9", end="!\n", file=streamlog)
    sys.print_exception(ValueError("broken"), streamlog)
    assert printed(streamlog.cat) == "one-2-3.5-None\nh\u00e9!\nValueError: broken\n"


def test_a_line_may_come_in_any_pieces():
    """Defect 10: only the last piece was kept, and it came back before each later line."""
    log = AioStream(100)
    for piece in ("ab", "cd", "", "\n", "e", "f\ngh", "\nlast\n"):
        log.write(piece)
    assert printed(log.cat) == "abcd\nef\ngh\nlast\n"


def test_an_unfinished_line_is_not_shown_yet():
    log = filled(100, 1)
    log.write("half")
    assert printed(log.cat) == "line 000\n"
    log.write(" and half\n")
    assert printed(log.cat) == "line 000\nhalf and half\n"


def test_a_line_longer_than_the_log_is_cut_and_says_so():
    """Defect 31: the buffer grew for good."""
    log = filled(64, 3)
    before = gc.mem_alloc()
    text = "a" * 100 + "\u20ac" * 30 + "\n"
    log.write(text)
    # 64 bytes and the one that tells a whole line from a part: 21 characters and a newline
    assert printed(log.cat) == "[cut] " + "\u20ac" * 21 + "\n"
    for _ in range(50):
        log.write(text)
        log.write("next\n")
    assert printed(log.cat) == "next\n"
    text = None
    gc.collect()
    assert gc.mem_alloc() - before < 500


def test_the_buffer_holds_what_it_says():
    """Defect 33: after the wrap the first line was dropped, and a part of it lay idle."""
    assert printed(filled(36, 9).cat) == "line 005\nline 006\nline 007\nline 008\n"
    assert printed(filled(35, 9).cat) == "line 006\nline 007\nline 008\n"
    assert printed(filled(9, 9).cat) == "line 008\n"


def test_any_text_in_any_pieces_against_a_model():
    letters = "abc\u00e9\u20ac\U0001f600 \n\n"
    for size in (1, 2, 7, 64, 511, 512, 600, 2000):
        random.seed(size)
        log = AioStream(size)
        data = b""
        for _ in range(40):
            most = random.choice((4, 40, 2 * size))
            text = "".join([random.choice(letters) for _ in range(random.randrange(most))])
            if random.random() < 0.5:
                text += "\n"
            coded = text.encode()
            if random.random() < 0.5:
                log.write(text)
            else:
                i = 0
                while i < len(coded):  # in the middle of a character, too
                    k = i + random.randrange(1, 50)
                    log.write(coded[i:k])
                    i = k
            data = (data + coded)[-size - 1 :] if len(data) + len(coded) > size else data + coded
            assert printed(log.cat) == shown(data, size), (size, text)


def test_a_write_allocates_nothing():
    lines = ("x" * 59 + "\n", "\u20ac" * 20 + "\n", b"bytes\n", "")
    turns = range(2500)
    gc.collect()
    gc.disable()
    before = after = gc.mem_alloc()
    for _ in turns:
        for line in lines:
            streamlog.write(line)
    after = gc.mem_alloc()
    assert after == before, after - before


def test_places_start_over_after_many_bytes():
    log = AioStream(60000)
    block = "x" * 9999 + "\n"
    for _ in range(110000):  # beyond 2 ** 30, where the ints of a 32-bit board get long
        log.write(block)
    gc.collect()
    before = after = gc.mem_alloc()
    log.write(block)
    after = gc.mem_alloc()
    assert after == before
    for i in range(3):
        log.write("line %d\n" % i)
    assert printed(log.cat, "line*") == "line 0\nline 1\nline 2\n"


# -- cat -------------------------------------------------------------------------------------


def test_cat_leaves_out_blank_lines_and_can_be_repeated():
    log = AioStream(100)
    log.write("\n\none\n\ntwo\n\n")
    assert printed(log.cat) == "one\ntwo\n" == printed(log.cat)
    assert printed(log.cat, "*") == "one\ntwo\n"
    assert printed(AioStream(10).cat) == ""


def test_grep_takes_a_substring_a_pattern_or_a_list():
    log = AioStream(500)
    lines = ("a [x] one", "b.c two", "bxc two", "a (y] three", "[x", "back\\slash", "tw")
    for line in lines:
        log.write(line + "\n")
    expected = (
        ("", lines),
        ([], lines),
        (None, lines),
        ("*", lines),
        ("**", lines),
        ("two", ("b.c two", "bxc two")),
        ("b.c", ("b.c two",)),
        ("b.c*", ("b.c two",)),
        ("*one", ("a [x] one",)),
        ("tw*", ("tw",)),
        ("*tw", ("tw",)),
        ("t*w", ("tw",)),
        ("tw*w", ()),
        ("*[x*", ("a [x] one", "[x")),
        ("*[x]*", ("a [x] one",)),
        ("*\\[x\\]*", ("a [x] one",)),
        ("*k\\s*", ("back\\slash",)),
        ("*(y*e*e", ("a (y] three",)),
        ("a*o*e", ("a [x] one",)),
        ("a*e*o", ()),
        (["one", "b*"], ("a [x] one", "b.c two", "bxc two", "back\\slash")),
        (("three", "[x]"), ("a [x] one", "a (y] three")),
        (["none"], ()),
    )
    for grep, found in expected:
        assert printed(log.cat, grep) == "".join([x + "\n" for x in found]), grep


def test_cat_prints_to_another_stream():
    log = AioStream(100)
    log.write(b"one\ntwo\n\xff\n")
    out = io.BytesIO()
    assert printed(log.cat, "*", file=out) == ""
    assert out.getvalue() == b"one\ntwo\n\xff\n", out.getvalue()
    log = filled(100, 2)
    out = io.StringIO()
    assert printed(log.cat, "*1", file=out) == ""
    assert out.getvalue() == "line 001\n"


def test_grep_refuses_what_is_no_pattern():
    for bad in (5, b"x", ["a", None]):
        try:
            streamlog.cat(bad)
        except TypeError as e:
            assert "grep" in str(e) and "str or list of str" in str(e), e
        else:
            raise AssertionError(bad)


def test_cat_makes_little_garbage():
    """Defect 34: the pattern was compiled for each line, 16 KB for a log of 2 KB."""
    line = "2026-01-01 12:00:00 [unix] [INFO] hello %03d\n"
    for i in range(60):
        streamlog.write(line % i)
    streamlog.cat("*no*")
    gc.collect()
    before = gc.mem_alloc()
    streamlog.cat("*\\[unix\\]*none*")
    assert gc.mem_alloc() - before < 2500
    before = gc.mem_alloc()
    streamlog.cat("*\\[unix\\]*hello*")
    assert gc.mem_alloc() - before < 6000


def test_cat_shows_bytes_that_are_no_text():
    log = AioStream(50)
    log.write(b"one\n\xff\n\ntwo\n")
    assert printed(log.cat) == "two\n"  # the others go to the terminal as they are


def test_an_interrupted_cat_leaves_the_log_in_order():
    import builtins

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    log = filled(1000, 200)
    real = builtins.print
    builtins.print = interrupt
    try:
        log.cat()
    except KeyboardInterrupt:
        pass
    finally:
        builtins.print = real
    log.write("after\n")
    text = printed(log.cat)
    assert text == "".join(["line %03d\n" % i for i in range(90, 200)]) + "after\n", text


class Exhausting:
    """A ring of bytes that leaves no memory behind when it was read."""

    def __init__(self, ring):
        self.seek = ring.seek
        self.write = ring.write
        self.real = ring.readinto

    def readinto(self, *args):
        n = self.real(*args)
        micropython.heap_lock()
        return n


def test_a_cat_for_which_the_memory_does_not_suffice_leaves_the_log_in_order():
    log = filled(90, 200)
    ring = log._buf[2]
    log._buf[2] = Exhausting(ring)
    failed = False
    try:
        log.cat()
    except MemoryError:
        failed = True
    finally:
        while micropython.heap_unlock():
            pass
    log._buf[2] = ring
    log.write("after\n")
    assert failed
    text = printed(log.cat)
    assert text == "".join(["line %03d\n" % i for i in range(191, 200)]) + "after\n", text


# -- follow ----------------------------------------------------------------------------------


# Run followers, one for each (grep, wait), while `steps()` runs; return what was printed.
def followed(log, steps, *followers):
    async def main():
        tasks = [asyncio.create_task(log.follow(g, wait=w)) for g, w in followers]
        await asyncio.sleep_ms(10)
        await steps()
        await asyncio.sleep_ms(60)
        for task in tasks:
            assert not task.done()
            task.cancel()
        await turns()
        for task in tasks:
            assert task.done()

    return printed(asyncio.run, main())


def test_follow_prints_what_is_new():
    log = filled(60, 9)

    async def steps():
        for i in range(20):
            log.write("new %d\n\n" % i)
            await asyncio.sleep_ms(3)

    assert followed(log, steps, ("", 0)) == "".join(["new %d\n" % i for i in range(20)])


def test_follow_begins_with_a_whole_line():
    log = filled(60, 9)
    log.write("begun ")

    async def steps():
        await asyncio.sleep_ms(10)
        log.write("before\n")

    assert followed(log, steps, ("", 0.02)) == "begun before\n"


def test_follow_filters_with_a_list_too():
    """Defect 32: a list raised TypeError."""
    log = AioStream(100)

    async def steps():
        log.write("red one\ngreen two\nblue one\n")

    assert followed(log, steps, (["*one", "green"], 0)) == "red one\ngreen two\nblue one\n"
    assert followed(log, steps, ("*two", 0)) == "green two\n"


def test_followers_have_their_own_places():
    log = AioStream(200)

    async def steps():
        for i in range(4):
            log.write("a %d\nb %d\n" % (i, i))
            log.cat("none")
            await asyncio.sleep_ms(30)

    text = followed(log, steps, ("a", 0), ("b", 0.01), ("3", 0.04))
    lines = text.split("\n")
    assert [x for x in lines if "a" in x and "3" not in x] == ["a 0", "a 1", "a 2"]
    assert [x for x in lines if "b" in x and "3" not in x] == ["b 0", "b 1", "b 2"]
    assert lines.count("a 3") == 2 and lines.count("b 3") == 2


def test_a_follower_that_is_overtaken_says_how_much_it_missed():
    """Defect 32: it went on in the middle of a line, without a word."""
    for start in (0, 1, 50):  # empty, begun and wrapped
        log = filled(64, start)

        async def steps(log=log):
            for i in range(100):
                log.write("line %03d\n" % i)

        text = followed(log, steps, ("line", 0))
        kept = "".join(["line %03d\n" % i for i in range(93, 100)])
        assert text == "[missed 837 bytes]\n" + kept, text


def test_a_follower_sees_a_line_longer_than_the_log_once():
    log = filled(30, 5)

    async def steps():
        log.write("x" * 99 + "\n")
        await asyncio.sleep_ms(30)
        log.write("ok\n")

    assert followed(log, steps, ("", 0)) == "[missed 69 bytes]\n[cut] " + "x" * 30 + "\nok\n"


def test_a_follower_goes_on_over_the_place_where_counting_starts_anew():
    log = AioStream(4000)
    block = "x" * 9999 + "\n"
    for _ in range(26840):  # 35456 bytes before 2 ** 28
        log.write(block)
    numbers = range(230)

    async def steps():
        for i in numbers:
            log.write("%d%s\n" % (i, "x" * 200))
            await turns(2)

    lines = followed(log, steps, ("*0xx*", 0), ("*5xx*", 0)).split("\n")[:-1]
    assert [int(x[:-200]) for x in lines] == list(range(0, 230, 5)), lines


def test_a_follower_sleeps_while_nothing_is_written():
    """Defect 32: it woke 20 times a second."""
    waits = [0]

    async def steps():
        queue = asyncio.core._io_queue
        real = queue.wait_io_event

        def count(ms):
            waits[0] += ms != 0
            real(ms)

        queue.wait_io_event = count
        await asyncio.sleep_ms(300)
        idle = waits[0]
        for i in range(50):
            streamlog.write("burst %d\n" % i)
        await asyncio.sleep_ms(200)
        queue.wait_io_event = real
        assert idle <= 2, idle
        # a few for the two pauses and the sleep above; one more as a timer may be early
        assert waits[0] - idle <= 6, waits

    text = followed(streamlog, steps, ("", 0.05), ("9", 0.05))
    assert text.count("burst") == 55, text


def test_a_follower_prints_a_burst_at_once():
    import builtins

    log = AioStream(500)
    times = [0]
    real = builtins.print

    def count(*args, **kwargs):
        times[0] += 1

    async def steps():
        builtins.print = count
        try:
            for i in range(10):
                log.write("line %d\n" % i)
                await asyncio.sleep_ms(5)
            await asyncio.sleep_ms(300)
        finally:
            builtins.print = real
        assert 1 <= times[0] <= 2, times

    followed(log, steps, ("", 0.2))


def test_a_follower_ends_when_interrupted():
    log = AioStream(100)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    async def main():
        import builtins

        task = asyncio.create_task(log.follow(wait=0))
        await asyncio.sleep_ms(5)
        real = builtins.print
        builtins.print = interrupt
        log.write("line\n")
        try:
            await asyncio.sleep_ms(10)
        finally:
            builtins.print = real
        assert task.done()

    asyncio.run(main())


# -- level, since, last, task ----------------------------------------------------------------


# A log of lines "TIME [LEVEL] [task] text", as many s ago as told; a traceback behind "oh".
def recorded(*records):
    log = AioStream(4000)
    for ago, level, task, text in records:
        t = time.localtime(int(time.time()) - ago)
        log.write("%d-%02d-%02d %02d:%02d:%02d" % tuple(t[:6]))
        log.write(" [%s] [%s] %s\n" % (level, task, text))
        if text == "oh":
            log.write('Traceback (most recent call last):\n  File "x.py", line 1, in f\n')
            log.write("OSError: [Errno 5] EIO\n")
    return log


RECORDS = (
    (400, "DEBUG", "pump", "a"),
    (300, "ERROR", "sensor_1", "oh"),
    (200, "INFO", "sensor_2", "INFORM: no ERROR"),
    (100, "WARNING", "pump", "b"),
    (50, "CRITICAL", "sensor_1", "INFO c"),
)


# The texts of the records shown; "T" for each whole traceback.
def texts(log, *args, **which):
    text = printed(log.cat, *args, **which)
    text = text.replace('Traceback (most recent call last):\n  File "x.py", line 1, in f\n', "] ")
    text = text.replace("] OSError: [Errno 5] EIO\n", "] T\n")
    return [line.split("] ")[-1] for line in text.split("\n")[:-1]]


def test_lines_are_chosen_by_level_age_number_and_task():
    log = recorded(*RECORDS)
    info = "INFORM: no ERROR"
    last = "INFO c"
    for which, expected in (
        ({}, ["a", "oh", "T", info, "b", last]),
        ({"level": "INFO"}, ["oh", "T", info, "b", last]),
        ({"level": "warning"}, ["oh", "T", "b", last]),
        ({"level": 31}, ["oh", "T", last]),
        ({"since": 250}, [info, "b", last]),
        ({"since": 1000.5}, ["a", "oh", "T", info, "b", last]),
        ({"since": 0}, []),
        ({"since": float("inf")}, ["a", "oh", "T", info, "b", last]),
        ({"since": 1e30}, ["a", "oh", "T", info, "b", last]),
        ({"last": 0}, []),
        ({"last": 2}, ["b", last]),
        ({"last": 99}, ["a", "oh", "T", info, "b", last]),
        ({"task": "pump"}, ["a", "b"]),
        ({"task": "sensor*"}, ["oh", "T", info, last]),
        ({"task": "*_1"}, ["oh", "T", last]),
        ({"task": "*1*"}, ["oh", "T", last]),
        ({"task": "pum"}, []),
        ({"task": ["pump", "*2"]}, ["a", info, "b"]),
        ({"task": "sensor_1", "last": 1}, [last]),
        ({"task": "sensor*", "level": "error", "since": 350}, ["oh", "T", last]),
        ({"grep": ["*r", "b", "*ERROR"], "last": 2}, [info, "b"]),
        ({"grep": "none", "last": 2}, []),
    ):
        assert texts(log, **which) == expected, (which, texts(log, **which))
    assert printed(log.cat, last=4).startswith("OSError: [Errno 5] EIO\n")
    log.write("[INFO] [pump] d\n")
    text = printed(log.cat, last=3, task="sensor_1", level="error", since=1000)
    assert text.startswith('  File "x.py", line 1, in f\nOSError: [Errno 5] EIO\n'), text


def test_a_line_without_a_level_is_of_info_and_without_a_time_of_the_one_before():
    log = recorded((0, "ERROR", "x", "new"))
    log.write("plain\nERRORS ERROR_ XERROR\nCRITICAL:root:basic\n")
    assert texts(log, level="INFO")[1:] == ["plain", "ERRORS ERROR_ XERROR", "CRITICAL:root:basic"]
    assert texts(log, level="ERROR")[1:] == ["CRITICAL:root:basic"]
    assert len(texts(log, since=60)) == 4
    old = recorded((500, "ERROR", "x", "old"))
    old.write("plain\n")
    assert texts(old, since=60) == []


def test_a_time_is_found_wherever_it_stands_in_the_line():
    now = int(time.time())
    new, old = ["%d-%02d-%02dT%02d:%02d:%02d" % time.localtime(t)[:6] for t in (now, now - 99)]
    log = AioStream(400)
    log.write("[a-b] %s old\n[a-b] x-y %s,123 new\n1999-1-1 01-02-03\n" % (old, new))
    assert texts(log, since=60) == ["x-y %s,123 new" % new, "1999-1-1 01-02-03"]


def test_words_of_a_filter_that_make_no_sense_are_refused():
    for kind, words, bad in (
        (ValueError, ("level", "name of a level", "'LOUD'"), {"level": "LOUD"}),
        (ValueError, ("level", "2.5"), {"level": 2.5}),
        (ValueError, ("since", "seconds >= 0", "-1"), {"since": -1}),
        (ValueError, ("since", "'x'"), {"since": "x"}),
        (ValueError, ("since", "nan"), {"since": float("nan")}),
        (ValueError, ("last", "int >= 0", "-2"), {"last": -2}),
        (ValueError, ("last", "1.5"), {"last": 1.5}),
        (TypeError, ("task", "str or list of str", "5"), {"task": 5}),
        (TypeError, ("task", "None"), {"task": ["a", None]}),
        (TypeError, (), {"stage": 10}),
    ):
        try:
            streamlog.cat(**bad)
        except kind as e:
            for word in words:
                assert word in str(e), e
        else:
            raise AssertionError(bad)


def test_the_last_lines_of_a_log_longer_than_a_chunk():
    log = filled(5000, 700)
    for last in (1, 60, 300, 555, 556, 10000):
        kept = min(last, 555)
        expected = ["line %03d\n" % i for i in range(700 - kept, 700)]
        assert printed(log.cat, last=last) == "".join(expected), last
    log.write("x" * 6000 + "\n")
    assert printed(log.cat, last=1) == printed(log.cat) == "[cut] " + "x" * 5000 + "\n"


def test_patterns_against_a_model():
    random.seed(5)

    def model(p, s):
        if not p:
            return not s
        if p[0] == "*":
            return model(p[1:], s) or bool(s) and model(p, s[1:])
        return bool(s) and s[0] == p[0] and model(p[1:], s[1:])

    def some(letters, most):
        return "".join([random.choice(letters) for _ in range(random.randrange(1, most))])

    for _ in range(300):
        log = AioStream(200)
        lines = [some("aab\u20ac[", 7) for _ in range(6)]
        log.write("\n".join(lines) + "\n")
        p = some("aab\u20ac[**", 6)
        found = [s for s in lines if model(p, s) or "*" not in p and p in s]
        assert printed(log.cat, p) == "".join([s + "\n" for s in found]), (p, lines)


def test_a_follower_filters_too_and_may_look_back():
    log = recorded(*RECORDS)

    async def steps():
        log.write("[ERROR] [pump] d\n[INFO] [sensor_1] e\n")
        await asyncio.sleep_ms(20)
        log.write("[ERROR] [sensor_2] f\n")

    def run(**which):
        def follow(grep, wait):
            return AioStream.follow(log, wait=wait, **which)

        text = followed(Follower(follow), steps, ("", 0))
        return [line[line.rfind("] ") + 2 :] for line in text.split("\n")[:-1]]

    assert run(level="ERROR") == ["d", "f"]
    assert run(task="sensor*", last=2) == ["e", "f", "e", "f"]
    assert run(since=70, level="CRITICAL") == ["INFO c"]


class Follower:
    """Stands for a log whose followers are made by `follow`."""

    def __init__(self, follow):
        self.follow = follow


# -- readers in steps ------------------------------------------------------------------------


# What a reader shows of `data`, all bytes ever written behind a newline, that stands behind
# the newline at `place`, -1 where it begins; the place where it stands then.
def stepped(data, place, size):
    first = max(0, len(data) - size - 1)  # the oldest byte that is kept
    start = max(place, first)
    a = data.find(b"\n", start)
    e = data.rfind(b"\n", start)
    if a == e:
        if not first == start < e == len(data) - 1:  # else one line, longer than the log
            return "", place if place >= 0 else a
        a = start - 1
        while data[a + 1] & 0xC0 == 0x80:
            a += 1
        text = "[cut] " + data[a + 1 : e + 1].decode()
    else:
        text = data[a + 1 : e + 1].decode()
    text = "".join([line + "\n" for line in text.split("\n") if line])
    if 0 <= place != a:
        text = "[missed %d bytes]\n%s" % (a - place, text)
    return text, e


def test_readers_at_their_own_places_against_a_model():
    letters = "abc\u00e9\u20ac\U0001f600 \n\n"
    for size in (1, 7, 64, 600, 2000):
        random.seed(size)
        log = AioStream(size)
        data = b"\n"
        readers = [[-1, -1] for _ in range(3)]
        for _ in range(120):
            most = random.choice((4, 40, size // 2 + 1, 2 * size))
            text = "".join([random.choice(letters) for _ in range(random.randrange(most))])
            if random.random() < 0.1:
                text = "x" * (size + random.choice((-1, 0, 1))) + "\n"  # about as long as the log
            log.write(text)
            data += text.encode()
            reader = random.choice(readers)
            text = printed(keep_place, log, reader)
            expected, reader[1] = stepped(data, reader[1], size)
            assert text == expected, (size, text, expected)


def keep_place(log, reader):
    reader[0] = aiotail.since(log, reader[0])


async def test_who_waits_for_news_gets_them_at_once_or_none_in_time():
    log = filled(100, 1)
    end = await aiotail.news(log, -1, 60)
    assert await aiotail.news(log, end, 0.01) == end  # nothing new
    waiting = asyncio.create_task(aiotail.news(log, end, 60))
    await asyncio.sleep_ms(5)
    log.write("x")
    end = await waiting
    log.write("y\n")
    assert await aiotail.news(log, end, 60) != end  # written before it was asked for


# -- interrupts and threads ------------------------------------------------------------------


def test_soft_interrupts_write_in_the_middle_of_a_write():
    interrupted(AioStream(64))


def test_soft_interrupts_on_a_port_without_threads():
    sys.modules["_thread"] = sys
    del sys.modules["aiolog"]
    import aiolog

    assert aiolog.AioStream is not AioStream
    interrupted(aiolog.AioStream(64))


# A line that shows if a part of it is missing or another's.
def checked_line(name, number):
    return "%s %d \u00e9%s %d" % (name, number, name * (number % 11), number)


def interrupted(log):
    written = [0]

    # One callback runs at each place where the interpreter looks for them, so that over the
    # turns one comes at every place within write() and cat().
    def interrupt(left):
        text = checked_line("i", written[0]) + "\n"
        written[0] += 1
        assert log.write(text) == len(text) + 1
        if left:
            micropython.schedule(interrupt, left - 1)

    for turn in range(300):
        micropython.schedule(interrupt, turn % 9)
        log.write(checked_line("m", turn) + "\n")
        for line in printed(log.cat).split("\n")[:-1]:
            name, number, _, _ = line.split(" ")
            assert line == checked_line(name, int(number)), line
    assert written[0] == sum([turn % 9 + 1 for turn in range(300)])


def test_an_interrupt_may_print_in_the_middle_of_a_write():
    def interrupt(wait):
        if wait:  # until the next place where the interpreter looks for callbacks
            micropython.schedule(interrupt, wait - 1)
        else:
            print("\nsoft", "\u00e9", file=log)

    for wait in range(60):
        log = AioStream(4000)
        micropython.schedule(interrupt, wait)
        for _ in range(8):
            log.write("main\n")
        text = printed(log.cat)
        assert text.count("main\n") == 8, text
        assert text.count("soft \u00e9\n") == 1, text


def test_an_interrupt_wakes_a_follower():
    log = AioStream(100)

    async def steps():
        for i in range(30):
            micropython.schedule(log.write, "soft %d\n" % i)
            await asyncio.sleep_ms(1)

    assert followed(log, steps, ("", 0)) == "".join(["soft %d\n" % i for i in range(30)])


def test_no_write_of_an_interrupt_is_overlooked_by_a_follower():
    log = AioStream(500)

    # Comes at the n-th place from now where the interpreter looks for callbacks: over the
    # turns, at each place between the follower's last look and its sleep.
    def interrupt(n):
        if n:
            micropython.schedule(interrupt, n - 1)
        else:
            log.write("soft\n")

    def check():
        import builtins

        since = []
        real = builtins.print

        def keep(text, **kwargs):
            since.append(text)

        builtins.print = keep
        try:
            asyncio.run(main(since))
        finally:
            builtins.print = real

    async def main(since):
        task = asyncio.create_task(log.follow(wait=0))
        await turns()
        for n in range(300):
            log.write("main\n")
            micropython.schedule(interrupt, n)
            await turns(40)
            text = "".join(since)
            assert text.count("main\n") == 1 and text.count("soft\n") == 1, (n, text)
            since.clear()
        task.cancel()

    check()


def test_a_full_schedule_queue_does_not_stop_a_write():
    log = AioStream(400)

    async def steps():
        micropython.schedule(fill, 0)
        await asyncio.sleep_ms(5)
        log.write("later\n")

    def fill(_):
        try:
            while True:
                micropython.schedule(len, ())
        except RuntimeError:
            pass
        log.write("now\n")

    assert followed(log, steps, ("", 0)) == "now\nlater\n"


# Threads must have ended before the process does.
def run_threads(*functions):
    import _thread

    ended = [False] * len(functions)

    def body(i):
        try:
            functions[i]()
        finally:
            ended[i] = True

    for i in range(len(functions)):
        _thread.start_new_thread(body, (i,))
    return ended


def test_threads_write_at_once():
    log = AioStream(1000)
    turns = range(3000)

    def writer(name):
        def write():
            for i in turns:
                log.write("%s %04d %s\n" % (name, i, name))

        return write

    def whole(line):
        a, n, b = line.split(" ")
        return a == b and a in ("x", "yyy", "zz") and len(n) == 4

    ended = run_threads(writer("x"), writer("yyy"))
    own = writer("zz")
    own()
    while not all(ended):
        printed(log.cat)
        time.sleep_ms(1)
    lines = printed(log.cat).split("\n")[:-1]
    for line in lines:
        assert whole(line), line
    assert sum([len(line) + 1 for line in lines]) > 985


def test_no_line_of_a_thread_is_lost_or_doubled():
    log = AioStream(60000)
    turns = range(500)

    def writer(name):
        def write():
            for i in turns:
                log.write("%s %d\n" % (name, i))

        return write

    ended = run_threads(writer("a"), writer("b"), writer("c"))
    writer("main")()
    while not all(ended):
        time.sleep_ms(1)
    lines = printed(log.cat).split("\n")[:-1]
    for name in ("a", "b", "c", "main"):  # each in its own order
        own = [line for line in lines if line.startswith(name + " ")]
        assert own == ["%s %d" % (name, i) for i in turns], name
    assert len(lines) == 2000


def test_a_thread_writes_while_others_read():
    log = AioStream(1000)

    def write():
        for i in range(4000):
            log.write("line %04d\n" % i)

    ended = run_threads(write)
    while not all(ended):
        for line in printed(log.cat).split("\n"):
            assert len(line) in (0, 9) or line.startswith("[missed"), line
            assert not line or line.startswith("line ") or line.startswith("[missed"), line
    numbers = [int(line[5:]) for line in printed(log.cat).split("\n")[:-1]]
    assert numbers == list(range(3900, 4000)), numbers


def test_a_follower_sees_what_a_thread_wrote():
    log = AioStream(8000)

    def write():
        for i in range(300):
            log.write("line %d\n" % i)

    async def steps():
        ended = run_threads(write)
        while not all(ended):
            await asyncio.sleep_ms(1)

    assert followed(log, steps, ("", 0)) == "".join(["line %d\n" % i for i in range(300)])
