"""The hardware watchdog: fed while all is well, and who is named when it is not."""

import asyncio
import gc
import sys
import time
from asyncio import core

import aiocrash
import aioctl
import aioschedule
import aiowatchdog
from aiosupervisor import limits
from aiowatchdog import dog, keep, port, steps
from support import FakeClock, folder, printed, turns

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
aioctl.color = False
RP2040 = 0x40058000


class Wdt:
    def __init__(self, timeout=None):
        self.timeout = timeout
        self.fed = 0

    def feed(self):
        self.fed += 1


class Timer:
    """A machine.Timer that fires when told to."""

    ONE_SHOT = 0
    PERIODIC = 1
    callback = None

    def init(self, mode, period, callback):
        self.mode = mode
        self.period = period
        self.callback = callback

    def deinit(self):
        self.callback = None

    def fire(self):
        callback = self.callback
        if self.mode == self.ONE_SHOT:
            self.callback = None
        callback(self)


class Mem(dict):
    """What machine.mem32 is, all zeros at power-on."""

    def __getitem__(self, at):
        return self.get(at, 0)


wdt = Wdt()
timer = Timer()
said = []  # what was printed when the timer looked


def setup():
    # The ticks follow the clock; nothing is kept in a real register.
    dog.ticks_ms = clock.ticks
    keep.use(keep.Registers(Mem(), RP2040))


def start(timeout=8):
    return aiowatchdog.start(timeout, wdt, timer)


async def go(seconds, step=0.5):
    """Let so many seconds pass, as they would in an idle loop."""
    while seconds > 0:
        clock.advance(step)
        limits.deadlines().wake()
        await turns()
        seconds -= step


def kept():
    """What the next start would find."""
    return keep.unpack(keep.place.get())


def restart():
    """What a reset leaves: the place, but not what was read from it."""
    keep.use(keep.place)


async def forever():
    await asyncio.Event().wait()


async def stubborn():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass


async def hog(seconds):
    # Blocks the loop, until the timer looks.
    clock.advance(seconds)
    said.append(printed(timer.fire))


async def turn():
    """Let the deadlines see what time it is."""
    limits.deadlines().wake()
    await turns()


# Fed


async def test_it_is_fed_each_quarter_of_its_timeout_while_the_loop_turns():
    start()
    assert wdt.fed == 1
    await go(80)
    assert 40 <= wdt.fed <= 42, wdt.fed
    assert kept() is None and aiowatchdog.blocked() is None


async def test_a_meal_puts_off_the_look_so_that_nothing_is_seen_where_all_is_well():
    start()
    for _ in range(40):
        assert timer.mode == timer.ONE_SHOT and timer.period == 2250
        timer.callback(timer)  # as it would if it came just before it was put off
        await go(2)
    assert kept() is None and aiowatchdog.blocked() is None


async def test_a_closed_one_is_fed_no_more():
    assert not aiowatchdog.stop()
    start()
    assert aiowatchdog.stop() and dog.dog is None
    await go(20)
    assert wdt.fed == 1 and timer.callback is None


async def test_a_second_start_replaces_the_first():
    first = start()
    second = aiowatchdog.start(16, Wdt(), Timer())
    await go(16)
    assert wdt.fed == 1 and second.wdt.fed == 5 and dog.dog is second is not first


async def test_a_feed_that_fails_is_told_and_tried_again():
    class Broken(Wdt):
        def feed(self):
            Wdt.feed(self)
            raise OSError(5)

    broken = Broken()
    assert "feed failed: OSError" in printed(aiowatchdog.start, 8, broken, timer)
    await go(8)
    assert broken.fed == 5


async def test_without_a_timer_left_it_is_fed_all_the_same():
    class Full(Timer):
        def init(self, mode, period, callback):
            raise OSError(12)

    assert "timer failed: OSError" in printed(aiowatchdog.start, 8, wdt, Full())
    await go(8)
    assert wdt.fed == 5


async def test_feeding_allocates_nothing():
    start()
    queue = limits.deadlines()
    for n in (10, 1000):
        fed = wdt.fed
        gc.collect()
        before = gc.mem_alloc()
        for _ in range(n):
            clock.advance_ms(2000)
            queue.run_pending()
        used = gc.mem_alloc() - before
        assert wdt.fed == fed + n
    assert used <= 200, used


# Blocked


async def test_a_task_that_blocks_the_loop_is_named():
    start()
    aioctl.add(hog, 4.1)
    await turns()
    assert said == ["aiowatchdog: for 2100 ms the loop is blocked by hog\n"], said
    assert kept() == (keep.BLOCKED, 60, "hog", False)
    restart()
    assert keep.report() == ("hog", "blocked the loop for 6.0 s or more", False)


async def test_once_the_loop_turns_nothing_is_kept_and_the_block_is_known():
    start()
    aioctl.add(hog, 5)
    await turns()
    assert kept()[2] == "hog"
    await turn()
    assert kept() is None
    assert aiowatchdog.blocked() == {"task": "hog", "ms": 3000, "at": clock.start + 5}
    assert wdt.fed == 2


async def test_a_short_block_is_known_but_not_kept():
    start()
    aioctl.add(hog, 2.3, name="a")
    await turns()
    assert kept() is None and timer.period == 1700, "it looks once more"
    await turn()
    assert aiowatchdog.blocked()["task"] == "a" and kept() is None and said == [""]
    aioctl.add(hog, 2.26, name="shorter")
    await turns()
    await turn()
    assert (aiowatchdog.blocked()["task"], aiowatchdog.blocked()["ms"]) == ("a", 300)
    aioctl.add(hog, 2.4, name="longer")
    await turns()
    await turn()
    assert (aiowatchdog.blocked()["task"], aiowatchdog.blocked()["ms"]) == ("longer", 400)


async def test_a_block_by_what_has_no_record_is_named_by_its_coroutine():
    async def anonymous():
        await hog(5)

    start()
    asyncio.create_task(anonymous())
    await turns()
    await go(2)
    assert aiowatchdog.blocked()["task"] == "anonymous"


async def test_where_no_task_runs_none_is_named():
    start()
    aioctl.add(forever)
    await turns()
    core.cur_task, old = aioctl.group().tasks["forever"].task, core.cur_task
    clock.advance(5)
    text = printed(timer.fire)
    core.cur_task = old
    assert "by no task" in text and kept() == (keep.BLOCKED, 60, "", False)
    restart()
    assert keep.report()[0] == "what is no task"


async def test_without_memory_for_the_name_its_reserve_is_used():
    start()
    real = steps.name_of
    calls = []

    def full(t):
        calls.append(t)
        if len(calls) == 1:
            raise MemoryError
        return real(t)

    async def eater():
        clock.advance(5)
        timer.fire()
        assert timer.period == 1
        timer.fire()

    steps.name_of = full
    aioctl.add(eater)
    await turns()
    steps.name_of = real
    assert kept()[2] == "eater"


async def test_a_task_that_waits_is_not_in_a_step():
    async def sleeps():
        await asyncio.sleep(100)

    async def joins(t):
        await t

    event = asyncio.Event()
    t = asyncio.create_task(event.wait())
    recs = [aioctl.add(sleeps), aioctl.add(forever), aioctl.add(joins, t)]
    await turns()
    now, seen = core.cur_task, []
    for r in recs:
        core.cur_task = r.task
        seen.append(steps.current())
    core.cur_task = None
    seen.append(steps.current())
    core.cur_task = now
    assert seen == [None] * 4, seen
    aioctl.stop()
    event.set()
    await turns()
    core.cur_task = recs[0].task
    seen = steps.current()
    core.cur_task = now
    assert seen is None, "it has ended"
    # Where an exception ended the loop, asyncio does not know that its task has ended.
    t = core.Task(recs[0])
    core._task_queue.push(t, time.ticks_add(time.ticks_ms(), -5))
    core._task_queue.remove(t)
    core.cur_task = t
    seen = steps.current()
    core.cur_task = now
    assert seen is None


# Watched tasks


async def test_a_watched_task_that_ends_when_cancelled_does_not_keep_it_hungry():
    start()
    aioctl.add(aioschedule.watcher_loop)
    rec = aioctl.add(forever, watchdog=5, backoff=(0, 0))
    await go(60)
    assert wdt.fed >= 29 and rec.starts > 5 and dog.dog.hung is None


async def test_one_that_does_not_end_starves_it_and_is_named():
    aiocrash.start(folder() + "/crashes.txt")
    opened = start()
    rec = aioctl.add(stubborn, watchdog=5, shutdown=2, name="uplink")
    await go(6.5)
    assert opened.hung is None
    await go(4)
    fed = wdt.fed
    assert opened.hung is rec and kept() == (keep.STUCK, 0, "uplink", False)
    await go(20)
    assert wdt.fed == fed, "hungry"
    assert timer.callback is None and aiowatchdog.blocked() is None
    e = aiocrash.history.entries[-1]
    assert e["name"] == "uplink" and "no sign of life for 5 s; it did not end" in e["error"], e
    # It is in the file already, and the next boot does not note it once more.
    restart()
    history = aiocrash.start(folder() + "/crashes.txt")
    assert [e["name"] for e in history.entries] == ["uplink"] and history.entries[0]["up"] == 8
    text = printed(aioctl.boot_report)
    assert "because: uplink missed its deadline and did not end\n" in text, text


async def test_when_it_ends_after_all_the_watchdog_is_fed_again():
    async def slow():
        while not release:
            try:
                await asyncio.sleep_ms(1)
            except asyncio.CancelledError:
                pass

    release = []
    opened = start()
    aioctl.add(slow, watchdog=5, shutdown=2)
    await go(12)
    assert opened.hung and kept()
    fed = wdt.fed
    release.append(1)
    await asyncio.sleep_ms(10)
    await go(4)
    assert opened.hung is None and kept() is None and wdt.fed > fed


async def test_whose_policy_ignores_it_or_has_no_watchdog_starves_nothing():
    start()
    aioctl.add(stubborn, watchdog=5, shutdown=1, on_giveup="ignore", name="ignored")
    aioctl.add(stubborn, timeout=5, shutdown=1, name="unwatched")
    aioctl.add(stubborn, watchdog=5, shutdown=None, name="patient")
    aioctl.add(stubborn, watchdog=1000, name="stopped")
    await turns()
    aioctl.stop("stopped")
    await go(40)
    assert dog.dog.hung is None and wdt.fed >= 20


# What is refused


def test_the_limits_of_the_ports():
    for platform, s, ms in (
        ("rp2", 8.388, 8388),
        ("rp2", 0.1, 100),
        ("esp32", 1, 1000),
        ("esp32", 3600, 3600000),
        ("linux", 0.1, 100),
    ):
        assert port.timeout_ms(s, platform) == ms
    for platform, s, text in (
        ("rp2", 9, "timeout: expected 0.1 to 8.388 s on rp2, got 9"),
        ("rp2", 0, "timeout: expected 0.1 to 8.388 s on rp2, got 0"),
        ("esp32", 0.5, "timeout: expected 1.0 to 520093 s on esp32, got 0.5"),
        ("linux", 10**6, "timeout: expected 0.1 to 520093 s on linux, got 1000000"),
        ("linux", -1, "timeout: expected 0.1 to 520093 s on linux, got -1"),
        ("linux", True, "timeout: expected seconds, got True"),
        ("linux", "8", "timeout: expected seconds, got '8'"),
        ("linux", None, "timeout: expected seconds, got None"),
    ):
        try:
            port.timeout_ms(s, platform)
        except (TypeError, ValueError) as e:
            assert str(e) == text, e
        else:
            raise AssertionError(s)


def test_what_makes_no_sense_opens_nothing():
    class NoTimer:
        Timer = None

        def WDT(self, timeout):
            raise AssertionError("opened")

    sys.modules["machine"] = NoTimer()
    for words, text in (
        ({"wdt": 5, "timer": timer}, "wdt: expected an object with feed(), got 5"),
        ({"timer": "x"}, "timer: expected the number of a machine.Timer, got 'x'"),
        ({"timer": True}, "timer: expected the number of a machine.Timer, got True"),
    ):
        try:
            aiowatchdog.start(**words)
        except (TypeError, ValueError) as e:
            assert str(e) == text, e
        else:
            raise AssertionError(words)
    assert dog.dog is None


def test_a_port_without_a_watchdog_or_with_other_limits_says_so():
    class Machine:
        pass

    sys.modules["machine"] = Machine()
    for text in (
        "wdt: this port has no machine.WDT",
        "timeout: this port takes no 8000 ms: fixed",
    ):
        try:
            aiowatchdog.start(timer=timer)
        except ValueError as e:
            assert str(e).startswith(text), e
        else:
            raise AssertionError(text)

        def WDT(self, timeout):
            raise ValueError("fixed")

        Machine.WDT = WDT
    assert dog.dog is None


def test_a_timer_that_the_port_has_is_taken():
    class Machine:
        def Timer(self, n):
            if n not in (0, 1):
                raise ValueError("invalid Timer number")
            return n

    sys.modules["machine"] = Machine()
    assert port.timer(None, -1, 3, 1, 0) == 1 and port.timer(0, 1) == 0
    try:
        port.timer(7, -1)
    except ValueError as e:
        assert str(e) == "timer: expected the number of a machine.Timer, got 7"
    else:
        raise AssertionError


# Standing still


class Board:
    """An RP2040: its WDT, the registers, and what it was asked to do."""

    def __init__(self):
        self.did = did = []

        class Memory(Mem):
            def __setitem__(self, at, value):
                did.append((hex(at), value))

        self.mem32 = Memory()

    def WDT(self, timeout):
        self.wdt = Wdt(timeout)
        return self.wdt

    def lightsleep(self, *ms):
        self.did.append(("sleep", ms))
        clock.advance(60)
        return 5


def on_a_pico():
    board = sys.modules["machine"] = Board()
    port.base = lambda: RP2040
    return board


STOPS = ("0x4005b000", 1 << 30)
RUNS = ("0x4005a000", 1 << 30)


async def test_it_stands_still_while_the_board_sleeps():
    board = on_a_pico()
    aiowatchdog.start(timer=timer)
    assert board.wdt.timeout == 8000
    assert aiowatchdog.lightsleep(60000) == 5
    assert board.did == [STOPS, ("sleep", (60000,)), RUNS], board.did
    assert board.wdt.fed == 3
    await go(8)
    assert board.wdt.fed == 7 and aiowatchdog.blocked() is None, "the sleep was no block"


async def test_it_can_stand_still_for_what_takes_long_and_be_closed():
    board = on_a_pico()
    aiowatchdog.start(timer=timer)
    assert aiowatchdog.pause() is True and timer.callback is None
    await go(20)
    assert board.wdt.fed == 2
    aiowatchdog.resume()
    aiowatchdog.resume()
    await go(8)
    assert board.wdt.fed == 7
    assert aiowatchdog.stop() is True and board.did == [STOPS, RUNS, STOPS]


async def test_a_step_in_which_it_was_paused_is_no_block():
    on_a_pico()
    aiowatchdog.start(timer=timer)
    clock.advance(2.3)
    timer.fire()
    look = timer.callback
    aiowatchdog.pause()
    clock.advance(60)
    look(timer)  # it was on its way
    assert kept() is None
    aiowatchdog.resume()
    await go(8)
    assert kept() is None and aiowatchdog.blocked() is None


async def test_a_pause_is_no_way_out_for_a_task_that_does_not_end():
    board = on_a_pico()
    aiowatchdog.start(timer=timer)
    aioctl.add(stubborn, watchdog=5, shutdown=2)
    await go(12)
    fed = board.wdt.fed
    assert aiowatchdog.pause() is False and board.did == [] and board.wdt.fed == fed


async def test_where_nothing_can_stop_it_that_is_said_and_it_is_fed_on():
    board = on_a_pico()
    port.base = lambda: None
    assert not aiowatchdog.pause()
    aiowatchdog.start(timer=timer)
    assert aiowatchdog.pause() is False
    aiowatchdog.resume()
    assert aiowatchdog.stop() is False and dog.dog
    fed = board.wdt.fed
    await go(8)
    assert board.wdt.fed == fed + 4


# What is kept over the reset


def test_what_is_kept_is_found_once_and_only_if_it_is_whole():
    for what, ms, name in ((keep.BLOCKED, 6000, "hog"), (keep.STUCK, 0, ""), (0, 10**8, "é")):
        keep.write(what, ms, name)
        restart()
        assert keep.last == (what, min(ms // 100, 0x7FFF), name, False)
        restart()
        assert keep.last is None and keep.report() is None
    data = keep.pack(keep.BLOCKED, 6000, "hog")
    for i in range(16):
        broken = bytearray(data)
        broken[i] ^= 4
        assert keep.unpack(broken) is None
    assert keep.unpack(b"") is None and keep.unpack(bytes(16)) is None
    keep.write(keep.BLOCKED, 6000, "hog")
    keep.clear()
    assert kept() is None


def test_a_long_name_is_cut_and_completed_from_those_that_are_known():
    for name, known, shown in (
        ("watcher_loop", ["watcher_loop", "watcher_loops"], "watcher_loop"),
        ("temperature_1", ["temperature_...", "temperature_1", "x"], "temperature_1"),
        ("temperature_1", ["temperature_1", "temperature_2"], "temperature_..."),
        ("temperature_1", [], "temperature_..."),
        ("żółwżółwx", [], "żółwżó..."),
        ("xżółwżółw", ["xżółwżółw"], "xżółwżółw"),
        ("aaaaaaaaaa€", [], "aaaaaaaaaa..."),
        ("short", ["shorter"], "short"),
    ):
        keep.write(keep.STUCK, 0, name)
        restart()
        assert keep.report(known)[0] == shown, keep.report(known)


def test_without_a_place_nothing_is_kept():
    keep.use(None)
    assert keep.write(keep.STUCK, 0, "x") is False and keep.last is None
    keep.clear()


def test_behind_what_others_keep_in_the_memory_of_the_rtc():
    held = [b"mine"]

    def memory(*data):
        if not data:
            return held[0]
        held[0] = bytes(data[0])

    keep.use(keep.Behind(memory))
    keep.write(keep.BLOCKED, 6000, "a")
    keep.write(keep.BLOCKED, 6000, "hog")
    assert held[0] == b"mine" + keep.pack(keep.BLOCKED, 6000, "hog")
    restart()
    assert held[0] == b"mine" and keep.last[2] == "hog"
    keep.write(keep.STUCK, 0, "a")
    keep.clear()
    keep.clear()
    assert held[0] == b"mine"


def test_the_place_is_that_of_the_board():
    class Machine:
        mem32 = Mem()

    class Rtc(Machine):
        class RTC:
            def memory(self):
                return b""

    sys.modules["machine"] = Machine()
    port.base = lambda: RP2040
    assert isinstance(keep.find(), keep.Registers)
    port.base = lambda: None
    assert keep.find() is None
    sys.modules["machine"] = Rtc()
    assert isinstance(keep.find(), keep.Behind)
