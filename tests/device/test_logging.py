"""The subset of CPython's logging."""

import asyncio
import gc
import io
import logging
import sys
import time

import micropython

from aiolog import AioStream, streamlog
from support import folder, printed, turns

HEAP = "1M"

SEED_FORMAT = "%(asctime)s [%(name)s] [%(levelname)s] %(message)s"


class Lines:
    """A stream of the kind that keeps the very strings it gets."""

    def __init__(self):
        self.got = []

    def write(self, s):
        assert isinstance(s, str)
        self.got.append(s)


class Records(logging.Handler):
    """A handler that notes what it was given."""

    def __init__(self, level=logging.NOTSET):
        super().__init__(level)
        self.got = []

    def emit(self, record):
        self.got.append((record.name, record.levelno, record.getMessage()))


# A root logger that writes `fmt` to the Lines that this returns.
def configured(fmt="%(levelname)s:%(name)s:%(message)s", **kw):
    out = Lines()
    logging.basicConfig(format=fmt, stream=out, force=True, **kw)
    return out


def raises(kind, words, f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except kind as e:
        for word in words:
            assert word in str(e), e
    else:
        raise AssertionError("no " + kind.__name__)


def test_the_call_of_the_seed_example():
    logging.basicConfig(
        level=logging.INFO,
        format=SEED_FORMAT,
        datefmt="%Y-%m-%d %H:%M:%S",
        stream=streamlog,
    )
    log = logging.getLogger(sys.platform)
    before = time.time()
    log.info("[test] start: hello")
    after = time.time()
    log.debug("not this")
    text = printed(streamlog.cat)
    times = ["%04d-%02d-%02d %02d:%02d:%02d" % time.localtime(int(t))[:6] for t in (before, after)]
    rest = " [%s] [INFO] [test] start: hello\n" % sys.platform
    assert text in (times[0] + rest, times[1] + rest), text


def test_each_level_has_its_method_and_its_name():
    out = configured(level="DEBUG")
    log = logging.getLogger("x")
    log.debug("a")
    log.info("b %d", 1)
    log.warning("c %s %s", 1, 2)
    log.error("d %(k)s", {"k": 3})
    log.critical("e 100%")
    log.log(35, "f")
    logging.addLevelName(35, "NOTICE")
    log.log(35, "g")
    assert out.got == [
        "DEBUG:x:a\n",
        "INFO:x:b 1\n",
        "WARNING:x:c 1 2\n",
        "ERROR:x:d 3\n",
        "CRITICAL:x:e 100%\n",
        "Level 35:x:f\n",
        "NOTICE:x:g\n",
    ], out.got
    assert logging.getLevelName(35) == "NOTICE" and logging.getLevelName("NOTICE") == 35
    assert logging.getLevelName(11) == "Level 11"
    raises(TypeError, ("level", "int", "'INFO'"), log.log, "INFO", "x")


def test_a_message_may_be_any_object():
    out = configured("%(message)s")
    logging.getLogger("x").error(ValueError("broken"))
    logging.getLogger("x").error(None)
    assert out.got == ["broken\n", "None\n"]


def test_the_functions_of_the_module_log_to_the_root():
    out = configured(level=logging.DEBUG)
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(logging, name)("m %d", 1)
    logging.log(logging.INFO, "n")
    try:
        raise KeyError("k")
    except KeyError as e:
        logging.exception("o", exc_info=e)
    assert [s.split("\n")[0] for s in out.got] == [
        "DEBUG:root:m 1",
        "INFO:root:m 1",
        "WARNING:root:m 1",
        "ERROR:root:m 1",
        "CRITICAL:root:m 1",
        "INFO:root:n",
        "ERROR:root:o",
    ]
    assert "KeyError: k\n" in out.got[-1]


def test_a_level_that_is_off_costs_no_heap_and_formats_nothing():
    class Never:
        def __str__(self):
            raise AssertionError

    out = configured(level=logging.INFO)
    log = logging.getLogger("a.b")
    log.debug("x %s", Never())
    turns = range(100)
    gc.collect()
    before = after = gc.mem_alloc()
    for _ in turns:
        log.debug("x")
    after = gc.mem_alloc()
    assert after == before and out.got == []


def test_levels_are_inherited_by_dots():
    root = logging.getLogger()
    assert root is logging.root is logging.getLogger("root") and root.level == logging.WARNING
    abc = logging.getLogger("a.b.c")
    a = logging.getLogger("a")
    assert logging.getLogger("a.b.c") is abc
    assert abc.getEffectiveLevel() == logging.WARNING and a.parent is root
    assert abc.parent is a
    a.setLevel("DEBUG")
    assert abc.getEffectiveLevel() == logging.DEBUG
    ab = logging.getLogger("a.b")
    assert abc.parent is ab and ab.parent is a
    ab.setLevel(logging.ERROR)
    assert abc.isEnabledFor(logging.ERROR) and not abc.isEnabledFor(logging.WARNING)
    ab.setLevel(logging.NOTSET)
    a.setLevel(logging.NOTSET)
    root.setLevel(logging.CRITICAL)
    assert abc.getEffectiveLevel() == logging.CRITICAL
    other = logging.getLogger("ab")  # no child of "a"
    assert other.parent is root


def test_records_go_up_to_the_handlers_of_the_parents():
    configured()
    top = Records()
    logging.root.addHandler(top)
    a = logging.getLogger("a")
    ab = logging.getLogger("a.b")
    mid = Records(level=logging.ERROR)
    a.addHandler(mid)
    a.addHandler(mid)  # counts once
    ab.warning("one")
    ab.error("two")
    a.propagate = False
    ab.error("three")
    assert top.got == [("a.b", 30, "one"), ("a.b", 40, "two")], top.got
    assert mid.got == [("a.b", 40, "two"), ("a.b", 40, "three")], mid.got
    assert ab.hasHandlers()
    a.removeHandler(mid)
    a.removeHandler(mid)
    assert not ab.hasHandlers()
    a.propagate = True
    assert ab.hasHandlers()


def test_without_any_handler_warnings_go_to_stderr():
    seen = Lines()
    logging.lastResort.stream = seen
    log = logging.getLogger("x")
    log.setLevel(logging.DEBUG)
    log.info("no")
    log.warning("yes")
    assert seen.got == ["yes\n"]


def test_bad_levels_and_names_are_refused():
    log = logging.getLogger("x")
    for bad in ("LOUD", None, 1.5):
        raises(ValueError, ("level", "int or name", repr(bad)), log.setLevel, bad)
        raises(ValueError, ("level",), logging.Handler, bad)
    assert log.level == logging.NOTSET
    raises(TypeError, ("name", "str", "5"), logging.getLogger, 5)


# -- formats ---------------------------------------------------------------------------------


def test_formats_with_widths_and_every_field():
    out = configured("%(levelname)-8s|%(name)5s|%(levelno)03d|%(msg)r|100%%|%(message).3s|")
    logging.getLogger("x").error("a%s", "bcd")
    assert out.got == ["ERROR   |    x|040|'a%s'|100%|abc|\n"], out.got
    out = configured("%(created)d %(msecs)03d")
    logging.error("x")
    created, msecs = out.got[0].split()
    assert abs(int(created) - time.time()) < 5 and len(msecs) == 3 and 0 <= int(msecs) < 1000


def test_a_bad_format_is_refused():
    for bad in ("%(message", "%(message)", "%(message)5", "x %(name)!"):
        raises(ValueError, ("format", "%(field)s"), logging.Formatter, bad)


def test_dates():
    def at(second, datefmt):
        record = logging.LogRecord("x", 20, "m")
        record.created = second
        return logging.Formatter("%(asctime)s", datefmt).format(record)

    day = time.mktime((2024, 2, 29, 23, 5, 9, 0, 0, -1))  # a Thursday, the 60th day
    assert at(day, "%Y-%m-%d %H:%M:%S") == "2024-02-29 23:05:09"
    assert at(day, "%y/%j %a %d %b%%%H.%Q%") == "24/060 Thu 29 Feb%23.%Q%"
    assert at(day, "\u00e4 %M") == "\u00e4 05"
    for month in range(12):
        name = at(time.mktime((2023, month + 1, 1, 12, 0, 0, 0, 0, -1)), "%b")
        assert name == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[month]
    for i in range(7):
        name = at(time.mktime((2024, 1, 1 + i, 12, 0, 0, 0, 0, -1)), "%a")
        assert name == "Mon Tue Wed Thu Fri Sat Sun".split()[i]
    text = at(day, None)  # with milliseconds, as in CPython
    assert text.startswith("2024-02-29 23:05:09,") and len(text) == 23


def test_the_date_moves_on_with_the_clock():
    out = configured("%(asctime)s", datefmt="%H:%M:%S")
    end = time.ticks_add(time.ticks_ms(), 2200)
    late = 0
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        before = int(time.time())
        logging.error("x")
        shown = int(out.got.pop()[6:8])
        late += not before % 60 <= shown <= int(time.time()) % 60 and before % 60 < 57
        time.sleep_ms(7)
    assert late == 0, late


def test_a_formatter_and_a_handler_may_be_subclassed():
    class Shout(logging.Formatter):
        def format(self, record):
            return super().format(record).upper() + "!"

    class Year(logging.Formatter):
        def formatTime(self, record, datefmt=None):
            return "in 2024"

    class Framed(logging.StreamHandler):
        terminator = "\r\n"

        def format(self, record):
            return "<" + super().format(record) + ">"

    out = configured()
    handler = logging.root.handlers[0]
    handler.setFormatter(Shout("%(message)s"))
    logging.error("a")
    handler.setFormatter(Year("%(asctime)s %(message)s"))
    logging.error("b")
    framed = Framed(out)
    logging.root.addHandler(framed)
    logging.root.removeHandler(handler)
    logging.error("c")
    assert out.got == ["A!\n", "in 2024 b\n", "<c>\r\n"], out.got


# -- exceptions and failures -----------------------------------------------------------------


def test_exception_adds_the_traceback():
    out = configured("%(levelname)s %(message)s")

    def fail():
        raise ValueError("broken", 5)

    try:
        fail()
    except ValueError as e:
        error = e
        logging.getLogger("x").exception("at %s", "work")  # where sys.exc_info() exists
        logging.getLogger("x").exception("with %s", e)
    log = logging.getLogger("x")
    log.error("given", exc_info=error)
    log.error("as a tuple", exc_info=(ValueError, error, None))
    log.error("none", exc_info=True)
    assert [s.split("\n")[0] for s in out.got] == [
        "ERROR at work",
        "ERROR with " + str(error),
        "ERROR given",
        "ERROR as a tuple",
        "ERROR none",
    ], out.got
    for s in out.got[0 if hasattr(sys, "exc_info") else 1 : 4]:
        assert "\nTraceback" in s and " in fail\n" in s and "\nValueError: " in s, s
    assert out.got[4] == "ERROR none\n"


# What is written to stderr while f() runs.
def complaints(f):
    import builtins

    real = builtins.print
    said = []

    def fake(*args, **kw):
        said.append(" ".join([str(a) for a in args]))

    builtins.print = fake
    try:
        f()
    finally:
        builtins.print = real
    return said


def test_a_failing_stream_is_reported_once_and_contained():
    class Broken:
        fails = True

        def __init__(self):
            self.got = []

        def write(self, s):
            if self.fails:
                raise OSError(28)
            self.got.append(s)

    broken = Broken()
    good = Records()
    logging.basicConfig(handlers=[logging.StreamHandler(broken), good], format="%(message)s")

    def fail():
        for i in range(3):
            logging.error("m %d", i)

    said = complaints(fail)
    assert len(said) == 1 and "Logging error" in said[0], said
    assert len(good.got) == 3
    broken.fails = False
    logging.error("works")
    broken.fails = True
    assert len(complaints(fail)) == 1 and broken.got == ["works\n"]


def test_bad_arguments_are_contained():
    out = configured("%(message)s %(nothing)s")
    log = logging.getLogger("x")
    assert len(complaints(lambda: log.error("m"))) == 1  # no such field
    out = configured("%(message)s")
    assert len(complaints(lambda: log.error("%d", "x"))) == 1
    assert len(complaints(lambda: log.error("%x", "y"))) == 0  # still the same failure
    log.error("next")
    assert out.got == ["next\n"]


def test_a_handler_may_log():
    out = configured("%(message)s")

    class Echo(logging.Handler):
        def emit(self, record):
            if record.name == "x":
                logging.getLogger("echo").error("echo of " + record.getMessage())

    logging.root.handlers.insert(0, Echo())
    logging.getLogger("x").error("a%d", 1)
    assert out.got == ["echo of a1\n", "a1\n"], out.got


def test_a_handler_without_emit_is_told_of():
    class Deaf(logging.Handler):
        pass

    out = configured("%(message)s")
    logging.root.handlers.insert(0, Deaf())
    said = complaints(lambda: logging.getLogger("x").error("a"))
    assert out.got == ["a\n"] and len(said) == 1 and "Logging error" in said[0], said


def test_soft_interrupts_log_in_the_middle_of_a_record():
    interrupted(logging)


def test_soft_interrupts_on_a_port_without_threads():
    sys.modules["_thread"] = sys
    second = fresh()
    assert second is not logging
    interrupted(second)


def interrupted(logging):
    log = AioStream(20000)
    logging.basicConfig(format="%(asctime)s [%(name)s] %(message)s", datefmt="at", stream=log)

    def interrupt(wait):
        if wait:
            micropython.schedule(interrupt, wait - 1)
        else:
            soft.error("soft %s", "s" * 20)

    soft = logging.getLogger("soft")
    main = logging.getLogger("main")
    for wait in range(60):
        micropython.schedule(interrupt, wait)
        for _ in range(3):
            main.error("main %s", "m" * 30)
    lines = printed(log.cat).split("\n")[:-1]
    assert lines.count("at [soft] soft " + "s" * 20) == 60, lines
    assert lines.count("at [main] main " + "m" * 30) == 180, lines


def test_threads_log_at_once():
    import _thread

    log = AioStream(60000)
    logging.basicConfig(format="%(name)s %(message)s", stream=log)
    ended = []

    def run(name):
        logger = logging.getLogger(name)
        for i in range(200):
            logger.error("%s %d", name * 9, i)
        ended.append(name)

    for name in ("a", "b"):
        logging.getLogger(name)
        _thread.start_new_thread(run, (name,))
    run("c")
    while len(ended) < 3:
        time.sleep_ms(1)
    lines = printed(log.cat).split("\n")[:-1]
    expected = ["%s %s %d" % (n, n * 9, i) for n in "abc" for i in range(200)]
    assert sorted(lines) == sorted(expected)


# -- the task that logs ----------------------------------------------------------------------


async def test_a_line_carries_the_name_of_its_task():
    import aioctl

    out = configured("[%(taskName)s] %(message)s")
    log = logging.getLogger("x")

    class Pump:
        async def work(self):
            log.error("method")

    async def sensor(n):
        log.error("a %d", n)
        await asyncio.sleep_ms(5)
        log.error("b %d", n)

    async def fails():
        log.error("starts")
        raise ValueError("oh")

    def told(e):
        log.error("callback")

    aioctl.add(sensor, 1)
    aioctl.add(sensor, 2)
    aioctl.add(sensor, 3, name="third", _id="3rd")
    aioctl.add(Pump().work, name="pump")
    aioctl.add(fails, on_error=told)
    await asyncio.gather(*aioctl.tasks())
    assert sorted(out.got) == [
        "[3rd] a 3\n",
        "[3rd] b 3\n",
        "[fails] callback\n",
        "[fails] starts\n",
        "[pump] method\n",
        "[sensor@1] a 2\n",
        "[sensor@1] b 2\n",
        "[sensor] a 1\n",
        "[sensor] b 1\n",
    ], out.got


def test_a_line_of_no_task_of_the_registry_says_what_runs():
    out = configured("[%(taskName)-6s] %(message)s")

    async def plain():
        logging.error("in a task")
        await asyncio.wait_for(child(), 5)

    async def child():
        logging.error("in its child")

    async def main():
        await asyncio.create_task(plain())

    logging.error("before")
    asyncio.run(main())
    logging.error("after")
    assert out.got == [
        "[-     ] before\n",
        "[plain ] in a task\n",
        "[child ] in its child\n",
        "[-     ] after\n",
    ], out.got


async def test_a_line_of_a_thread_is_of_no_task():
    import _thread

    out = configured("[%(taskName)s] %(message)s")
    _thread.start_new_thread(logging.error, ("thread",))
    while not out.got:
        await asyncio.sleep_ms(1)
    assert out.got == ["[-] thread\n"]


async def test_status_and_log_find_the_lines_of_a_task():
    import aioctl

    logging.basicConfig(format="[%(levelname)s] [%(taskName)s] %(message)s", stream=streamlog)
    aioctl.set_log(streamlog)

    async def sensor(n):
        logging.error("read %d", n)
        if n == 2:
            raise OSError(5)

    aioctl.add(sensor, 1, name="sensor_1")
    aioctl.add(sensor, 2, name="sensor_2", _id="two")
    aioctl.add(sensor, 3, name="pump")
    await turns()
    one = "[ERROR] [sensor_1] read 1\n"
    two = "[ERROR] [two] read 2\n[ERROR] [two] OSError: [Errno 5] EIO\n"
    pump = "[ERROR] [pump] read 3\n"
    assert one in printed(aioctl.status, "sensor_1")
    assert pump not in printed(aioctl.status, "sensor_1")
    assert two in printed(aioctl.status, "sensor_2")
    for text in (one, two, pump):
        assert text in printed(aioctl.status)
    assert printed(aioctl.log, "sensor*") == one
    assert printed(aioctl.log, "two") == two
    assert printed(aioctl.log, ["p*", "*read 1"]) == one
    assert printed(aioctl.log, task="pump", last=1, level="ERROR", since=60) == ""
    assert printed(aioctl.log, task="pump", last=1, level="ERROR") == pump
    assert printed(aioctl.log) == one + two + pump


async def test_follow_shows_the_lines_of_tasks_until_interrupted():
    import builtins

    import aioctl

    log = AioStream(500)
    aioctl.set_log(log)
    log.write("[sensor_1] old\n")
    shown = []
    real = builtins.print
    builtins.print = lambda text, **kw: shown.append(text)
    try:
        task = asyncio.create_task(aioctl.follow("sensor*", 0))
        await turns()
        log.write("[sensor_1] a\n[pump] b\n[sensor_2] c\nsensors d\n")
        await asyncio.sleep_ms(20)
        task.cancel()
        await turns()
        shown.append(task.done())
    finally:
        builtins.print = real
    assert shown == ["[sensor_1] a\n", "[sensor_2] c\nsensors d\n", True], shown


# -- what is loaded ---------------------------------------------------------------------------


# The module as a program gets it that has just started.
def fresh():
    for name in list(sys.modules):
        if name.split(".")[0] == "logging":
            del sys.modules[name]
    return __import__("logging")


def loaded():
    return sorted(name for name in sys.modules if name.split(".")[0] == "logging")


def test_only_what_each_record_needs_is_kept():
    logging = fresh()
    log = AioStream(500)
    logging.basicConfig(format=SEED_FORMAT, datefmt="%Y-%m-%d %H:%M:%S", stream=log, level="INFO")
    for name in ("x", "a.b"):
        logging.getLogger(name).info("m %d", 1)
        logging.getLogger(name).debug("no")
    assert printed(log.cat).count("[INFO] m 1\n") == 2
    assert loaded() == ["logging"], loaded()
    assert not hasattr(logging, "nothing") and loaded() == ["logging", "logging.more"]


def test_a_class_is_whole_whatever_is_asked_for_first():
    def subclass(logging):
        class Mine(logging.StreamHandler):
            def setLevel(self, level):
                super().setLevel(level)

        Mine(Lines()).setLevel("ERROR")

    def missing(logging):
        record = logging.LogRecord("x", 20, "m")
        for thing in (logging, logging.root, logging.root.handlers[0], record):
            raises(AttributeError, ("nothing",), getattr, thing, "nothing")

    for first in (
        lambda logging: logging.root.addHandler(None),
        lambda logging: logging.root.setLevel(10),
        lambda logging: logging.root.log(50, "m"),
        lambda logging: logging.root.handlers[0].setFormatter(None),
        lambda logging: logging.LogRecord("x", 20, "m").created,
        lambda logging: isinstance(logging.root.handlers[0], logging.StreamHandler) or 1 / 0,
        lambda logging: type(logging.root) is logging.Logger or 1 / 0,
        lambda logging: logging.error("m", exc_info=ValueError("v")),
        subclass,
        missing,
    ):
        logging = fresh()
        logging.basicConfig(stream=Lines())
        assert loaded() == ["logging"]
        first(logging)
        assert loaded() == ["logging", "logging.more"]
        for kind, names in (
            (logging.Handler, "setLevel setFormatter format handle flush close"),
            (logging.Logger, "setLevel getEffectiveLevel isEnabledFor hasHandlers exception"),
            (logging.LogRecord, "getMessage"),
        ):
            assert all(hasattr(kind, name) for name in names.split())


def test_all_names_come_with_a_star():
    logging = fresh()  # older versions of MicroPython do not read `__all__`
    assert all(hasattr(logging, name) for name in logging.__all__)
    for name in "INFO Handler FileHandler basicConfig getLogger lastResort error shutdown".split():
        assert name in logging.__all__, name


# -- basicConfig, files, heap ----------------------------------------------------------------


def test_basic_config_acts_once_unless_forced():
    first = configured()
    second = Lines()
    logging.basicConfig(stream=second, level=logging.DEBUG)
    logging.error("a")
    assert logging.root.level == logging.WARNING
    logging.basicConfig(stream=second, force=True)
    logging.error("b")
    assert first.got == ["ERROR:root:a\n"] and second.got == ["ERROR:root:b\n"]
    handlers = [logging.StreamHandler(first), Records()]
    handlers[0].setFormatter(logging.Formatter("own %(message)s"))
    logging.basicConfig(handlers=handlers, force=True, level="INFO")
    logging.info("c")
    assert first.got[-1] == "own c\n" and handlers[1].got == [("root", 20, "c")]


def test_basic_config_refuses_what_makes_no_sense():
    out = configured()
    for words, bad in (
        (("filename", "stream", "handlers"), {"filename": "x.log", "stream": out}),
        (("filename", "stream", "handlers"), {"handlers": [], "stream": out}),
        (("level", "LOUD"), {"level": "LOUD"}),
        (("format",), {"format": "%(x"}),
    ):
        raises(ValueError, words, logging.basicConfig, force=True, **bad)
    raises(TypeError, ("stream", "write()", "5"), logging.basicConfig, force=True, stream=5)
    logging.error("still")
    assert out.got == ["ERROR:root:still\n"]


def test_a_file_gets_whole_lines_at_once():
    path = folder() + "/x.log"
    with open(path, "w") as f:
        f.write("before\n")
    logging.basicConfig(filename=path, format="%(message)s")
    logging.error("h\u00e9llo")
    with open(path) as f:
        assert f.read() == "before\nh\u00e9llo\n"
    logging.shutdown()
    logging.basicConfig(filename=path, filemode="w", format="%(message)s", force=True)
    logging.error("new")
    with open(path) as f:
        assert f.read() == "new\n"
    logging.getLogger("x").addHandler(logging.FileHandler(path + "2"))
    logging.getLogger("x").error("twice")
    logging.shutdown()
    logging.shutdown()
    for name, text in ((path, "new\ntwice\n"), (path + "2", "twice\n")):
        with open(name) as f:
            assert f.read() == text


def test_a_stream_gets_new_strings_and_print_streams_too():
    class Kept(io.IOBase):
        def __init__(self):
            self.got = []

        def write(self, s):
            self.got.append(s)
            return len(s)

    kept = Kept()
    logging.basicConfig(stream=kept, format="%(message)s")
    logging.error("one")
    logging.error("two")
    assert kept.got == ["one\n", "two\n"]


def test_a_record_leaves_no_garbage():
    logging.basicConfig(
        level=logging.INFO, format=SEED_FORMAT, datefmt="%Y-%m-%d %H:%M:%S", stream=streamlog
    )
    log = logging.getLogger("unix.child")
    turns = range(500)

    def run():
        before = gc.mem_alloc()
        for _ in turns:
            log.info("a message of usual length")
        return gc.mem_alloc() - before

    run()
    gc.collect()
    # Once a second the text of the time is made anew.
    assert run() < 3000


def test_a_long_record_is_not_kept():
    logging.basicConfig(format="%(message)s", stream=streamlog)
    log = logging.getLogger("x")

    def emit(n):
        log.error("%s", "x" * n)

    def run(n):
        emit(n)
        gc.collect()
        return gc.mem_alloc()

    before = run(10)
    assert run(20000) - before < 500


def test_a_stream_is_flushed_after_each_record():
    class Flushed(Lines):
        def flush(self):
            self.got.append("flush")

    out = Flushed()
    logging.basicConfig(format="%(message)s", stream=out)
    logging.error("a")
    logging.error("b")
    assert out.got == ["a\n", "flush", "b\n", "flush"]
