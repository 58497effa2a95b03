"""Records with limits: `timeout`, `watchdog`, `shutdown`, `on_giveup`, lists of exceptions.

One queue of deadlines, in which a record stands while it runs, and nothing that polls.
Source: systemd.service (RuntimeMaxSec=, WatchdogSec=, TimeoutStopSec=, RestartForceExitStatus=).
"""

import asyncio
from asyncio import core
from time import ticks_add, ticks_ms

from micropython import const

import aioctl
import aioschedule
from aiosupervisor.report import err_text

_DAYS = const(1000000000)  # ms, 11.5 days: moments are counted modulo this, a small int
_LATER = const(1000)  # ms until the next try, when there was no memory for the first

_queue = None  # of the deadlines in this loop of asyncio


class WatchdogError(Exception):
    """A task with a `watchdog` gave no sign of life for so long."""


def moment():
    """Return the time in ms, modulo 10**9."""
    clock = aioctl.clock
    return clock.now() % 1000000 * 1000 + clock.ms


def ago(t):
    """Return the ms since a `moment`."""
    return (moment() - t) % _DAYS


class Deadlines(aioschedule.Scheduler):
    """The queue of deadlines, driven by asyncio as if it were a coroutine; see `Limited.fire`."""

    def __init__(self):
        super().__init__()
        self.of = core._task_queue
        self._task = core.Task(self)  # pyright: ignore - drives send
        self.run_pending()  # what comes in later counts from now

    def send(self, _):
        """Take the step that asyncio wakes it for."""
        self._asleep = False
        ms = self.run_pending()
        if ms is not None:
            self._asleep = True
            core._task_queue.push(self._task, ticks_add(ticks_ms(), ms))  # pyright: ignore

    def wake(self):
        """Look at all deadlines in the next turn of the loop."""
        if self._asleep:
            core._task_queue.remove(self._task)
        self._asleep = True
        core._task_queue.push(self._task)

    def insert(self, entry, ms):
        """Let `entry` fire in `ms`."""
        self.put(entry, ms + self.since())
        if self._due.peek() is entry._t:
            self.wake()


def deadlines():
    """Return the queue of this loop of asyncio."""
    global _queue
    if not _queue or _queue.of is not core._task_queue:
        _queue = Deadlines()
    return _queue


class Limited(aioctl.Taskctl):
    """The record of a task that has limits.

    timeout: ms that a run may last; watchdog: ms between signs of life; shutdown: ms from a
    cancel until it is stuck; each may be None. on_giveup: what follows when it gave up, or is
    stuck. restart_on, no_restart_on: classes of exceptions that decide on its restart.
    """

    timeout = watchdog = ready = on_giveup = None
    shutdown = 5000  # as of OTP
    restart_on = no_restart_on = ()
    shield = False  # does `stop` let a run go on, for as long as `shutdown` says?
    sup = team = None  # the `Supervisor` that it is a child of; the one that it runs
    _bare = False  # that time is over
    _t = _why = None  # its place in the queue; the exception for which it is cancelled
    _far = 0  # see `aioschedule.Schedule`
    _began = _fed = _told_at = 0  # moments of its start, sign of life, cancellation
    _stopped = False  # was it told to stop by a verb, too?

    # asyncio asks for these at each step: here they are found at once.
    send = aioctl.Taskctl.send
    __enter__ = aioctl.Taskctl.__enter__
    __exit__ = aioctl.Taskctl.__exit__

    def __init__(self):
        # Each of these gets its place in memory now, so that its end needs none.
        self._asked = None
        self._far = 0
        self._begin()

    def _begin(self):
        self._t = self._why = None
        self._stopped = self._bare = False
        self._told_at = 0
        self._began = self._fed = moment()

    def _first(self):
        self._begin()
        ms = self._left()
        if ms is not None:
            deadlines().insert(self, ms)
        return aioctl.Taskctl._first(self)

    def _left(self):
        # ms until the next of its limits, or None.
        if self._asked is not None:
            ms = self.shutdown
            return None if ms is None else ms - ago(self._told_at)
        left = None
        if self.timeout is not None:
            left = self.timeout - ago(self._began)
        if self.watchdog is not None:
            ms = self.watchdog - ago(self._fed)
            if left is None or ms < left:
                left = ms
        return left

    def fire(self, sched, late):
        """Its deadline came, unless it gave a sign of life meanwhile."""
        ms = self._left()
        try:
            if ms is not None and ms <= 0:
                ms = self._over()
        except MemoryError:
            ms = _LATER
        if ms is None:
            self._t = None
        else:
            sched.put(self, ms)

    def _over(self):
        # A limit is exceeded. Returns the ms until the next, or None.
        if self._asked is not None:
            aioctl.cancel(self)  # once more
            if self.shield and not self._bare:  # no: for the first time
                self._bare = True
                self._told_at = moment()
                return self.shutdown
            aioctl.Taskctl.tell(self, "stuck: ", RuntimeError("it does not end when cancelled"))
            if self._why:
                self.give_up("stuck")
            return None
        self._why = self._exceeded()
        if not aioctl.cancel(self):
            return _LATER
        self._asked = aioctl.clock.s
        self._told_at = moment()
        return self.shutdown

    def _exceeded(self):
        # The exception that says which limit it is.
        ms = self.timeout
        if ms is not None and ms <= ago(self._began):
            return asyncio.TimeoutError("no end within %s s" % text(ms))
        return WatchdogError("no sign of life for %s s" % text(self.watchdog))

    def told(self):
        """A verb has cancelled it."""
        again = self._stopped
        self._stopped = True
        if not again and not self._why and self._c and self._t1 is None:
            self._told_at = moment()
            if self._t:
                deadlines().withdraw(self)
            if self.shutdown is not None:
                deadlines().insert(self, self.shutdown)

    def _end(self, e):
        if self._t:
            deadlines().withdraw(self)
        why = self._why
        if why and (self._t1 is None or not self._c):
            if isinstance(e, asyncio.CancelledError):
                self._where(e)
            if isinstance(e, (asyncio.CancelledError, StopIteration)):
                e = why
        c = aioctl.Taskctl._end(self, e)
        if self.state == "error" and isinstance(self._why, asyncio.TimeoutError):
            self.state = "timeout"  # while a callback runs
        return c

    def _where(self, e):
        # The traceback of the cancellation says what it waited for: keep that as its own.
        try:
            text = aioctl.trace(e).rstrip("\n").rpartition("\n")[0]
            self._tb = (self._why, "%s\n%s\n" % (text, err_text(self._why)))
        except MemoryError:
            pass

    def _after(self, e):
        why = self._why
        if why:
            self._why = None
            if not self._stopped:
                self._asked = None  # no verb did: its policy decides
            if self.state == "error" and isinstance(why, asyncio.TimeoutError):
                self.state = "timeout"
                if self._ev:
                    self._ev.end[0] = self._exc or self._r
                    self._ev.set()
                    self._ev = None
        return aioctl.Taskctl._after(self, e)

    def rule(self, failed):
        """Return the `restart` policy for its last end."""
        if failed:
            e = self._exc or self._r
            if isinstance(e, self.no_restart_on):
                return "no"
            if isinstance(e, self.restart_on):
                return "on-failure"
        return self.restart

    def give_up(self, why):
        """Do as its `on_giveup` says; why: "gave up" or "stuck"."""
        if self.on_giveup:
            from .giveup import act

            try:
                act(self, why)
            except MemoryError:
                if self.state == "gave-up":
                    self.state = "error"  # it is started, and gives up, in a second
                raise

    def removed(self):
        """It is no longer in the registry."""

    def facts(self, info):
        """Add to its `info` what only its kind has."""


def text(ms):
    """Return ms as seconds: 1500 -> "1.5", 2000 -> "2"."""
    return ("%d.%03d" % (ms // 1000, ms % 1000)).rstrip("0").rstrip(".")


def alive(name=None):
    """Give a sign of life for the task that calls, or for that of a name; see `watchdog`.

    False if it has no watchdog. Within `asyncio.wait_for` and the like asyncio runs another
    task: give the name there. KeyError if there is no such task.
    """
    rec = _caller(name)
    if not isinstance(rec, Limited) or rec.watchdog is None:
        return False
    rec._fed = moment()
    return True


def ready(name=None):
    """Say that the task that calls, or that of a name, is ready; see the word `ready`.

    False if it did not declare that it would. KeyError if there is no such task.
    """
    rec = _caller(name)
    if not isinstance(rec, Limited) or rec.ready is None:
        return False
    rec.said_ready()  # pyright: ignore - a `Node`
    return True


def _caller(name):
    if name is None:
        return getattr(core.cur_task, "coro", None)
    return aioctl.find(name, True)[0]
