"""What the device tests share: a clock that stands still, and the text that a call prints."""

import asyncio
import builtins
import io
import os
import sys


class FakeClock:
    """An `aioctl.Clock` that only moves when told to, and tells it only to who asks.

    start: epoch seconds of the wall clock. drift: how far the wall clock was set since, seconds.
    ms: of the clock and of the wall clock at the beginning.
    """

    def __init__(self, start=1700000000, ms=0):
        self.s = self._s = 0
        self.ms = self._ms = ms
        self.start = start
        self.drift = 0

    def advance(self, seconds):
        self.advance_ms(int(seconds * 1000 + 0.5))

    def advance_ms(self, ms):
        """Takes no memory."""
        ms += self._ms
        self._s += ms // 1000
        self._ms = ms % 1000

    def ticks(self):
        return self._s * 1000 + self._ms

    def now(self):
        self.s = self._s
        self.ms = self._ms
        return self.s

    def wall(self):
        self.wall_s = self.start + self.drift + self._s
        self.wall_ms = self._ms
        return self.wall_s


def folder():
    """Path of a folder for the test's files, empty before it."""
    return os.getenv("TEST_TMP") if hasattr(os, "getenv") else "/tmp"


async def turns(n=5):
    """Let the loop go round n times."""
    for _ in range(n):
        await asyncio.sleep_ms(0)


class Random:
    """Marsaglia's xorshift, in 28 bits: the same on every port."""

    def __init__(self, seed):
        self.x = seed

    def below(self, n):
        x = self.x
        x ^= x << 13 & 0xFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFF
        self.x = x
        return x % n

    def of(self, choices):
        return choices[self.below(len(choices))]


class Screen(io.IOBase):
    """A stream that keeps what is written to it: `print(..., file=screen)`, `str(screen)`."""

    def __init__(self):
        self._b = bytearray()

    def write(self, b):
        self._b.extend(b.encode() if isinstance(b, str) else b)
        return len(b)

    def __str__(self):
        return bytes(self._b).decode()


def printed(f, *args, **kwargs):
    """Return what f(...) prints."""
    screen, real = _lead_away()
    try:
        f(*args, **kwargs)
    finally:
        builtins.print = real
    return str(screen)


async def printed_by(coro):
    """Return what `coro` returns, and what is printed until then."""
    screen, real = _lead_away()
    try:
        return await coro, str(screen)
    finally:
        builtins.print = real


def _lead_away():
    screen = Screen()
    real = builtins.print

    def fake(*a, **k):
        if k.get("file") in (None, sys.stdout):
            k["file"] = screen
        real(*a, **k)

    builtins.print = fake
    return screen, real
