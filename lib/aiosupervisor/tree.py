"""Supervisors: tasks that start, restart and stop their children together.

Source: Erlang/OTP, supervisor.
"""

import asyncio
from asyncio import core

import aioctl

from .node import GATE, registered
from .policy import allowed
from .report import err_text
from .words import merge

_STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
_WORDS = ("restart", "backoff", "shutdown", "ready", "after", "needs", "binds", "log")


class SupervisorError(Exception):
    """A supervisor has stopped its children, and gives up."""


class Supervisor:
    """A task that keeps its children running, and is a child itself if it has a `parent`.

    children: their records, in the order of start. rec: its own. busy: do children wait for it
    before they begin? closing: are they no longer restarted? calls: events of those who wait for
    what it does.
    """

    def __init__(
        self,
        name="supervisor",
        strategy="one_for_one",
        intensity=(5, 60),
        on_giveup=None,
        parent=None,
        **words,
    ):
        """Enter it in the registry; it starts its children in the next turn of the loop.

        strategy: what starts anew with a child that failed: only that ("one_for_one"), all
        ("one_for_all"), or those after it ("rest_for_one"). intensity: (restarts, seconds), then
        it fails itself; without parent on_giveup says what follows: "reset", "soft-reset", "stop",
        "stop-all", a function of its record. words: of `aioctl.add`, those in `_WORDS`.
        """
        if strategy not in _STRATEGIES:
            raise ValueError("strategy: expected one of %s, got %r" % (_STRATEGIES, strategy))
        if parent is not None and not isinstance(parent, Supervisor):
            raise TypeError("parent: expected a Supervisor, got %r" % (parent,))
        if parent and on_giveup is not None:
            raise ValueError("on_giveup: goes without parent, which otherwise decides")
        for w in words:
            if w not in _WORDS:
                raise TypeError("Supervisor: unexpected %r; takes %s" % (w, _WORDS))
        self.strategy = strategy
        self.intensity = merge({"intensity": intensity})["intensity"]
        self.children = []
        self.calls = []
        self.busy = True
        self._ring = [None] * (self.intensity[0] + 1)  # see `allowed`
        self._i = 0
        self._fault = self._from = self._cause = self._awaited = None
        self._started = self.closing = False
        self._bell = _Bell()
        hasattr(aioctl, "cancel")  # loads the verbs while there is memory for them
        words.setdefault("shutdown", None)
        words["name"] = name
        if parent:
            self.rec = parent.enter(self._run, (), words, self)
        else:
            # "stop" is what it has done already.
            words["on_giveup"] = {None: "reset", "stop": "ignore"}.get(on_giveup, on_giveup)
            words["intensity"] = self.intensity  # of starts that fail
            self.rec = aioctl.add(self._run, _place=(None, self), **words)

    def __getattr__(self, name):
        # The verbs of OTP.
        from . import children

        return children.of_supervisor(self, name)

    def add(self, coro, *args, **words):
        """Make a task a child, after those that there are; return its record.

        Arguments as of `aioctl.add`; restart is also "permanent", "transient", "temporary". It
        is started with its supervisor or, if that runs, at once.
        """
        return self.enter(coro, args, words)

    def enter(self, coro, args, words, team=None):
        """Do as `add`; team: the supervisor whose task it is, or None."""
        self.children.append(None)  # takes its place in memory first
        try:
            rec = aioctl.add(coro, *args, _place=(self, team), **words)
        except BaseException:
            self.children.pop()
            raise
        self.children[-1] = rec
        if self._started:
            rec.extra = True  # pyright: ignore - a `Node`
        if self.closing or not self.rec.live():
            rec.hold()
        return rec

    def child(self, name):
        """Return the record of a child; KeyError if there is none of that name."""
        for c in self.children:
            if c.name == name and registered(c):
                return c
        raise KeyError(name)

    # Its life

    async def _run(self, log=None):
        self._begin()
        try:
            while True:
                if self._fault:
                    raise SupervisorError(self._fault)
                if self._from is not None:
                    await self._bring_down()
                    continue
                c = self._next()
                if c:
                    await self._bring_up(c)
                else:
                    if not (self.busy or self._started):
                        self._started = True
                        self.rec.said_ready()  # pyright: ignore - a `Node`
                    await self._bell  # pyright: ignore - MicroPython awaits what iterates
        finally:
            self.busy = self.closing = True
            await self._close()

    def _begin(self):
        self._bell = _Bell()  # a new one for each loop of asyncio
        self._fault = self._from = self._cause = self._awaited = None
        self._started = self.closing = False
        self.busy = True
        for i in range(len(self._ring)):
            self._ring[i] = None
        self.children = [c for c in self.children if registered(c)]
        for c in self.children:
            c.go = False
            if c._c:
                self._fault = c.name + ": stuck, from before"
            elif not c.live() and not (c.starts and hasattr(c.coro, "send")):
                if c.state == "gave-up":
                    c._ring = c._delay = None
                _to_wait(c)

    def wake(self):
        """Something happened to a child: look."""
        self._bell.ring()
        for ev in self.calls:
            ev.set()

    def _next(self):
        # The next child to start, or None. While one of a group is in its back-off the others
        # wait for it.
        first = None
        delayed = False
        for c in self.children:
            if c.state == "backoff":
                delayed = self.strategy != "one_for_one"
            elif not first and not c.go and _due(c):
                first = c
        self.busy = first is not None
        return None if delayed else first

    async def _bring_up(self, c):
        c.go = True
        if not c.live():
            c.launch()
        elif c.task.data is GATE:
            core._task_queue.push(c.task)
        if not c.declares():
            return
        self._awaited = c
        while not (c.up or self._fault or self._from is not None or self._settled(c)):
            if c.task.data is GATE:  # told to restart meanwhile
                c.go = True
                core._task_queue.push(c.task)
            await self._bell  # pyright: ignore - MicroPython awaits what iterates
        self._awaited = None
        if c.state in ("error", "timeout") and not self._started:
            raise SupervisorError("start of %s failed: %s" % (c.name, err_text(c._r)))

    def _settled(self, c):
        # Is there no more to wait for: has it ended, or waits for something else?
        if not c.live() or c.state == "backoff" and self._started:
            return True
        return c.state == "scheduled" and c.task.data is not None and c.task.data is not GATE

    async def _bring_down(self):
        # Stop the group, the last first; it is started again from where it stopped.
        group = self.children[self._from :]
        self._from = None
        for c in reversed(group):
            c.go = False
            if c._c:
                if not await self._end(c):
                    raise SupervisorError(c.name + ": stuck")
                if c.quitting and not c.live():
                    c.quitting = False
                    if c.restart != "no":
                        _to_wait(c)
            elif not c.live() and c.state == "done" and c.restart != "no":
                _to_wait(c)

    async def _end(self, c):
        # Stop a child; False if it would not.
        c.quit()
        while c._c and not c.stuck:
            await self._bell  # pyright: ignore - MicroPython awaits what iterates
        return not c._c

    async def _close(self):
        # Stop all, the last first; a full heap does not prevent it.
        while True:
            c = self._last()
            if not c:
                break
            c.quit()
            try:
                await self._bell  # pyright: ignore - MicroPython awaits what iterates
            except asyncio.CancelledError:
                pass  # who told this task to stop can only tell it once

    def _last(self):
        # The last child that is still to end, or None.
        for i in range(len(self.children) - 1, -1, -1):
            c = self.children[i]
            if c.live() and not c.stuck:
                return c

    def ended(self):
        """Its own run is over."""
        self.busy = self.closing = True
        for c in self.children:
            if _due(c):  # it came last, or nothing ever ran
                if c.live():
                    c.quit()
                else:
                    aioctl.settle(c)
        self.wake()

    # Ends of children

    def rule(self, c, word):
        """Return the `restart` policy of a child that has failed."""
        if self.closing or not self.rec.live() or not registered(c) or c.first:
            return "no"
        if c is self._awaited and not self._started:
            return "no"  # its start failed, and so does this one's
        if aioctl.holds and aioctl.holds(c.name):
            return word
        if not allowed(self, aioctl.clock.s):
            n, s = self.intensity
            names = n, s, c.name, err_text(c._r) if c.state != "done" else "done"
            self._fault = "more than %d restarts in %d s, the last of %s: %s" % names
            return "no"
        self._cause = c
        return word

    def hear(self, c, ms):
        """Hear of the end of a child, which starts again in `ms`, or not (None)."""
        if c is self._cause:
            self._cause = None
            if ms is not None and self.strategy != "one_for_one":
                i = 0 if self.strategy == "one_for_all" else self.children.index(c)
                self._from = i if self._from is None else min(i, self._from)
                self.busy = True
        elif ms is None:
            listed = registered(c)
            if listed and c.extra and c.restart == "no" and not c.first:
                aioctl.group().remove(c.name)  # pyright: ignore[reportCallIssue]
                listed = False
            if not listed and c in self.children:
                self.children.remove(c)
        if self.busy or self.calls or ms is None:
            self.wake()

    def forget(self, c):
        """Hear that a child is no longer in the registry."""
        if not c.live() and c in self.children:
            self.children.remove(c)

    def escalate(self, c, why):
        """Fail, since a child says so; why: "gave up" or "stuck"."""
        if not self._fault:
            self._fault = "%s: %s" % (c.name, why)
        self.wake()

    def root_rule(self, word):
        """Return the `restart` policy of the supervisor itself, which has no parent."""
        # A start that failed is tried again, within the intensity that `Watcher.decide` minds.
        if self._started and isinstance(self.rec._r, SupervisorError):
            self.rec.state = "gave-up"
            self.rec.give_up("gave up")  # pyright: ignore - a `Node`
            return "no"
        return word


class _Bell:
    # What a supervisor waits for: as an asyncio.Event, but to wait takes no memory.

    def __init__(self):
        self.task = None  # that waits
        self.rung = False
        self._over = StopIteration()

    def ring(self):
        self.rung = True
        t = self.task
        if t:
            self.task = None
            core._task_queue.push(t)

    def __iter__(self):
        return self

    def __next__(self):
        if self.rung:
            self.rung = False
            self._over.__traceback__ = None
            raise self._over
        self.task = core.cur_task
        core.cur_task.data = self  # asyncio takes it for a queue of tasks
        return None

    def remove(self, t):
        self.task = None


def _to_wait(c):
    # It is to start when its turn comes.
    c.state = "scheduled"
    c._t0 = aioctl.clock.now()


def _due(c):
    # Has this child yet to begin?
    if c.live():
        return not c._c
    return c.state == "scheduled" and not (aioctl.holds and aioctl.holds(c.name))
