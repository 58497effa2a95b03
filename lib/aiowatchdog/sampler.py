"""Looks from a timer or a thread whose step the loop is in; nothing of it is in a step's way."""

from array import array
from asyncio import core
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

import aioctl
from aiowatchdog import count, port, steps

_ROWS = const(48)  # tasks that are told apart; the others count together
_DAY = const(86400000)  # ms

sampler = None  # the last `Sampler`


class Sampler:
    """Samples for `total` ms, every `period` ms; `sample` makes it. Its memory is fixed.

    ms, count: sampled so far. idle: ms in no step. rows: the records seen. spent, longest: ms in
    steps, and in the longest step, of each row; the last are those of all that has no row.
    """

    def __init__(self, total, period, timer):
        self.total = total
        self.period = period
        self.ms = self.count = self.idle = 0
        self.rows = [None] * _ROWS
        self.spent = array("i", [0] * (_ROWS + 1))
        self.longest = array("i", [0] * (_ROWS + 1))
        self.on = True
        self._timer = timer
        self._task = None  # in whose step the last sample was
        self._key = self._began = 0  # of that step: when it was due, when it began, in ticks
        self._last = ticks_ms()
        self._prompt = not hasattr(timer, "is_thread")  # does it look in time, even if we wait?
        timer.init(mode=timer.PERIODIC, period=period, callback=self._look)

    def stop(self):
        """Take no more samples."""
        self.on = False
        self._timer.deinit()
        self._task = None

    def row(self, rec):
        """Return the row of a record, a new one if there is room, else the last."""
        if isinstance(rec, aioctl.Taskctl):
            rows = self.rows
            for i in range(_ROWS):
                if rows[i] is rec:
                    return i
                if rows[i] is None:
                    rows[i] = rec  # pyright: ignore - no longer None
                    return i
        return _ROWS

    def _look(self, _):
        if not self.on:
            return
        now = ticks_ms()
        ms = ticks_diff(now, self._last)
        self._last = now
        self.ms += ms
        self.count += 1
        t = steps.current()
        if t:
            self._in_step(t, now, ms)
        else:
            self._task = None
            if ms > 2 * self.period and self._prompt and core.cur_task:
                # A call that let no timer in; its step is over already.
                i = self.row(core.cur_task.coro)
                self.spent[i] += ms
                self._longest(core.cur_task, i, ms - self.period)
            else:
                self.idle += ms
        if self.ms >= self.total:
            self.stop()

    def _in_step(self, t, now, ms):
        i = self.row(t.coro)
        self.spent[i] += ms
        key = t.ph_key  # another one in each step
        if t is not self._task or key != self._key:
            self._task = t
            self._key = key
            # What takes long in one call lets no timer in before it is over.
            late = min(ms - self.period, ticks_diff(now, key))
            self._began = ticks_add(now, -late) if late > 0 else now
        self._longest(t, i, ticks_diff(now, self._began))

    def _longest(self, t, i, ms):
        if ms > self.longest[i]:
            self.longest[i] = ms
            if ms > self.period:
                try:
                    steps.seen(ms, steps.name_of(t))
                except MemoryError:
                    pass


def sample(seconds=10, hz=50, timer=None):
    """Look about `hz` times a second whose step the loop is in, for so long; replaces what runs.

    timer: as for `start`. Returns the `Sampler`; `aioctl.top()` shows what it found.
    """
    global sampler
    total = sampling_ms(seconds)
    if isinstance(hz, bool) or not isinstance(hz, int) or not 1 <= hz <= 500:
        raise ValueError("hz: expected a whole number from 1 to 500, got %r" % (hz,))
    period = 1000 // hz
    while period % 2 == 0 or period % 5 == 0:
        period += 1  # else it would keep step with tasks that sleep 10 ms, 1 s and the like
    timer = port.timer(timer, -1, 2, 0)
    count.begin()
    stop_sampling()
    sampler = Sampler(total, period, timer)
    return sampler


def sampling_ms(seconds):
    """Return the duration of a sampling, given in seconds, as ms."""
    from aioschedule import seconds_ms

    ms = seconds_ms("seconds", seconds, 0.1)
    if ms > _DAY:
        raise ValueError("seconds: expected 0.1 to 86400, got %r" % (seconds,))
    return ms


def stop_sampling():
    """Take no more samples; what was found stays."""
    if sampler and sampler.on:
        sampler.stop()
