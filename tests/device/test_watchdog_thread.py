"""Where there is no machine.Timer a thread looks: the unix port, in real time."""

import _thread
import asyncio
import time

import aioctl
import aiowatchdog
from aiowatchdog import keep, port, sampler
from support import printed

aioctl.color = False
LONG = 10000  # ms; nothing here takes that long, unless it fails


class Wdt:
    fed = 0

    def feed(self):
        self.fed += 1


def wait_for(condition):
    end = time.ticks_add(time.ticks_ms(), LONG)
    while not condition():
        assert time.ticks_diff(end, time.ticks_ms()) > 0
        time.sleep_ms(1)


class Place:
    """Where a name is kept: in RAM."""

    data = b""

    def get(self):
        return self.data

    def put(self, data):
        self.data = bytes(data)


def test_a_timer_fires_once_or_again_and_again_until_it_is_stopped():
    calls = []
    t = port.timer(None, -1)
    t.init(mode=t.ONE_SHOT, period=1, callback=calls.append)
    wait_for(lambda: calls == [t])
    t.init(mode=t.PERIODIC, period=1, callback=calls.append)
    wait_for(lambda: len(calls) > 20)
    t.deinit()
    time.sleep_ms(20)
    n = len(calls)
    time.sleep_ms(20)
    assert len(calls) == n
    t.init(mode=t.ONE_SHOT, period=1, callback=calls.append)
    wait_for(lambda: len(calls) == n + 1)


def test_a_timer_can_be_put_off_for_ever():
    calls = []
    t = port.timer(None, -1)
    for _ in range(20):
        t.init(mode=t.ONE_SHOT, period=LONG, callback=calls.append)
        time.sleep_ms(1)
    assert calls == []
    t.init(mode=t.ONE_SHOT, period=1, callback=calls.append)
    t.deinit()


def test_a_timer_that_is_stopped_as_its_time_comes_stays_off():
    from aiowatchdog import thread

    real = thread.ticks_diff
    stops = []

    def meddling(a, b):
        if not stops:
            stops.append(None)
            _thread.start_new_thread(stop, ())
            time.sleep_ms(20)
        return real(a, b)

    def stop():
        t.deinit()
        stops.append(None)

    calls = []
    t = port.timer(None, -1)
    thread.ticks_diff = meddling
    try:
        t.init(mode=t.PERIODIC, period=1, callback=calls.append)
        wait_for(lambda: len(stops) == 2)
    finally:
        thread.ticks_diff = real
    time.sleep_ms(20)
    n = len(calls)
    time.sleep_ms(20)
    assert len(calls) == n
    t.init(mode=t.ONE_SHOT, period=1, callback=calls.append)
    wait_for(lambda: len(calls) == n + 1)


def test_a_program_ends_although_a_timer_is_on():
    t = port.timer(None, -1)
    t.init(mode=t.ONE_SHOT, period=100 * LONG, callback=print)


async def test_who_blocks_the_loop_is_named_while_it_does():
    place = Place()
    keep.use(place)
    wdt = Wdt()
    texts = []

    async def hog():
        await asyncio.sleep_ms(1)
        wait_for(lambda: place.data)
        texts.append(keep.unpack(place.data))

    rec = aioctl.add(hog)
    aiowatchdog.start(2, wdt)
    while rec.live():
        await asyncio.sleep_ms(10)
    fed = wdt.fed
    while wdt.fed < fed + 2:
        await asyncio.sleep_ms(10)
    assert texts == [(keep.BLOCKED, 15, "hog", False)], texts
    assert aiowatchdog.blocked()["task"] == "hog" and place.data == b""
    assert aiowatchdog.stop()


async def test_the_busiest_task_is_the_first_in_the_table():
    async def hog():
        while sampler.sampler.count < 30:
            pass

    async def idle():
        await asyncio.sleep(LONG)

    aioctl.add(idle)
    rec = aioctl.add(hog)
    aiowatchdog.sample(60, 500)
    while rec.live():
        await asyncio.sleep_ms(1)
    aiowatchdog.stop_sampling()
    row = aioctl.top_info()["tasks"][0]
    assert row["name"] == "hog" and row["share"] > 0 and row["longest"] > 0, row
    assert printed(aioctl.top).split("\n")[1].startswith("hog ")
