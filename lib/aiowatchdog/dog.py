"""Feeds the hardware watchdog, and sees in whose step the loop stands still."""

import sys
from asyncio import core
from time import ticks_add, ticks_diff, ticks_ms

import aioctl
from aiocontrol import stuck
from aiosupervisor.flush import flush
from aiosupervisor.limits import Limited, deadlines
from aiosupervisor.report import err_text
from aiowatchdog import count, keep, port, steps

dog = None  # the `Dog` that is open


class Dog:
    """Feeds `wdt` each quarter of its timeout; `start` makes it.

    ms: the timeout. hung: the record because of which it is not fed, or None. A timer that
    every meal puts off looks when one is late; so it costs no wake-up.
    """

    def __init__(self, wdt, ms, timer, own):
        self.wdt = wdt
        self.ms = ms
        self.hung = None
        self.own = own  # is it the hardware's?
        self._timer = timer
        self._callback = self._look  # made once
        self._every = ms // 4
        self._late = min(250, ms // 16)  # ms after which a meal is late
        self._due = 0  # ticks at which the next one is to come
        self._who = None  # the name of whom the loop stood still for, when it was late
        self._noted = False
        self._still = False  # is it paused?
        self._spare = bytearray(64)  # given back where there is no memory to note a name
        self._t = self._queue = None  # its place in the queue of deadlines
        self._far = 0

    def open(self):
        """Feed it from now on, in this loop of asyncio."""
        self._queue = deadlines()
        self._queue.insert(self, self._every)
        self._feed()

    def close(self):
        """Feed it no more."""
        self._still = True
        self._timer.deinit()
        if self._t and self._queue is deadlines():
            self._queue.withdraw(self)
        self._t = None

    def pause(self):
        """Let it stand still if the port can; return whether it does. See `aiowatchdog.pause`."""
        self.close()
        self._give()
        return self.own and not self.hung and port.run(False)

    def resume(self):
        """Go on after `pause`."""
        if self._still:
            self._still = False
            self._who = None
            self.open()
            if self.own:
                port.run(True)

    def fire(self, sched, late):
        """The loop turns: feed it."""
        sched.put(self, self._every)
        try:
            self._feed()
            if self._who is not None:
                steps.seen(late, self._who)
        except MemoryError:
            self._give()
        self._who = None

    def _feed(self):
        rec = _hung()
        if rec is not self.hung:
            self.hung = rec
            self._noted = self._noted and not rec
        if rec:
            self._timer.deinit()  # that it is not fed is nobody's block
            if not self._noted:
                self._tell(rec)
            return
        if self._noted:
            self._noted = False
            keep.clear()
        self._give()
        self._due = ticks_add(ticks_ms(), self._every)
        self._look_in(self._every + self._late)

    def _give(self):
        try:
            if not self.hung:
                self.wdt.feed()
        except Exception as e:  # noqa: BLE001 - a guard: reports
            print("aiowatchdog: feed failed: " + err_text(e))

    def _look_in(self, ms):
        try:
            self._timer.init(mode=self._timer.ONE_SHOT, period=ms, callback=self._callback)
        except OSError as e:  # there are so many, and all in use
            print("aiowatchdog: timer failed: " + err_text(e))

    def _look(self, _):
        # From the timer, in the midst of a step, unless it was fed or paused meanwhile.
        late = ticks_diff(ticks_ms(), self._due)
        if self._still or late < self._late:
            return
        try:
            t = steps.current()
            # A call that lets no timer in may be over by now, and its step as well.
            self._who = steps.name_of(t or core.cur_task)
            left = self.ms // 2 - self._every - late
            if left > 0:
                self._look_in(left)
            elif not self._noted:
                self._note(late, steps.name_of(t))
        except MemoryError:
            if self._spare:
                self._spare = None
                self._look_in(1)

    def _note(self, late, name):
        keep.write(keep.BLOCKED, self.ms - self._every, name)
        self._noted = True
        print("aiowatchdog: for %d ms the loop is blocked by %s" % (late, name or "no task"))

    def _tell(self, rec):
        # The loop turns, but the board is to be reset: what can be written is written now.
        keep.write(keep.STUCK, 0, rec.name)
        self._noted = True
        print("aiowatchdog: %s does not end: the board will reset" % rec.name)
        flush()
        keep.write(keep.STUCK, 0, rec.name)  # something else may have been written there


def _hung():
    # The first watched task that gave no sign of life in time and does not end, or None.
    g = aioctl.group()
    for r in g.order if g else ():
        if isinstance(r, Limited) and r.watchdog is not None and r._why and stuck(r):
            if r.on_giveup != "ignore":
                return r
    return None


def start(timeout=8, wdt=None, timer=None):
    """Open the watchdog: it resets the board unless it is fed, which this does from now on.

    timeout: seconds, at most 8.388 on RP2040, at least 1 on ESP32. wdt: an object with feed() in
    place of machine.WDT. timer: the number of a machine.Timer, or an object like one. Returns
    the `Dog`. ValueError or TypeError name what is wrong; then nothing is opened.
    """
    global dog
    ms = port.timeout_ms(timeout, sys.platform if wdt is None else "")
    if wdt is not None and not hasattr(wdt, "feed"):
        raise TypeError("wdt: expected an object with feed(), got %r" % (wdt,))
    timer = port.timer(timer, -1, 3, 1, 0)
    new = Dog(wdt or port.wdt(ms), ms, timer, wdt is None)
    if dog:
        dog.close()
    dog = new
    new.open()
    count.begin()
    return new


def stop():
    """Close the watchdog; False if there is none, or nothing can stop it: then it is fed on."""
    global dog
    if not dog:
        return False
    if dog.own and not dog.pause():
        dog.resume()
        return False
    dog.close()
    dog = None
    return True


def pause():
    """Feed it and let it stand still; False if it runs on, and bites when its timeout is over.

    For what takes long in one step. On RP2040 it stands still until `resume`; on ESP32 nothing
    can stop it.
    """
    return dog is not None and dog.pause()


def resume():
    """Go on after `pause`."""
    if dog:
        dog.resume()


def lightsleep(*ms):
    """Call machine.lightsleep(*ms), with the watchdog paused."""
    pause()
    try:
        return port.machine().lightsleep(*ms)
    finally:
        resume()
