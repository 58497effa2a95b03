"""Records of tasks that wait for others: `ready`, `after`, `needs`, `binds`; children of trees.

A record that has to wait is parked: its asyncio task lives and is in no queue, its state is
"scheduled". What it waits for wakes it, and it looks again; nothing polls.
Source: systemd.unit (After=, Requires=, BindsTo=), systemd.service (Type=notify).
"""

import asyncio
from asyncio import core

import aioctl

from .limits import Limited, ago, deadlines, moment, text
from .words import limit

_waiting = {}  # name -> the `_Queue` of those that wait for the task of that name


class Node(Limited):
    """The record of a task that waits for others, or others for it.

    ready: ms from its start to its `aioctl.ready()`, or None. after, needs, binds: names. sup:
    the `Supervisor` that it is a child of; team: the one that it runs; None without.
    """

    after = needs = binds = ()
    first = False  # does `start_child` wait for it?
    extra = False  # was it added while its supervisor ran?

    def __init__(self):
        super().__init__()
        self._again = None
        self.go = False  # has its supervisor let it begin?
        self.up = False  # does it run, and has it said that it is ready?
        self.stuck = False  # has it not ended in time?
        self.quitting = False  # is it its supervisor that stops it, and no verb?

    def enter(self, sup, team):
        """Take its place in a tree; ValueError if it would wait for itself."""
        self.sup = sup
        self.team = team
        if sup or self.waits_on():
            _refuse_cycle(self)

    def waits_on(self):
        """Return the names of all that it ever waits for."""
        return self.after + self.needs + self.binds

    def blocks(self):
        """Yield the names of what it would have to wait for now."""
        for name in self.after:
            if _late(name):
                yield name
        for name in self.needs + self.binds:
            if _away(name):
                yield name

    def declares(self):
        """Tell whether it says when it is ready."""
        return self.ready is not None or self.team is not None

    def launch(self, ms=0):
        """Start it as a `Taskctl`, unless its supervisor does not run: ValueError."""
        if self.sup and not self.sup.rec.live():
            names = self.name, self.sup.rec.name
            raise ValueError("%s: its supervisor %s does not run: start that" % names)
        Limited.launch(self, ms)

    def hold(self):
        """As of a `Taskctl`; it may be parked."""
        t = self.task
        self.go = False
        if self.live() and parked(t):
            t.data.remove(t)
            core._task_queue.push(t)
        return Limited.hold(self)

    def _first(self):
        if self._parks():
            return GATE
        for name in self.binds:
            _hear_end(name)
        self.go = self.up = self.stuck = self.quitting = False
        if self._again is not None:
            self._again = None  # start() of what was on its way
        if self.sup and self.sup.calls:
            self.sup.wake()
        return Limited._first(self)

    def _parks(self):
        # Before a start: does it have to wait?
        sup = self.sup
        name = None
        if not sup or not sup.busy or self.go:
            if self.after or self.needs or self.binds:
                name = next(self.blocks(), None)
            if name is None:
                return False
        if self.state != "scheduled":
            self.state = "scheduled"
            self._t0 = aioctl.clock.now()
        if name is None:
            self.task.data = GATE
        else:
            _park(self, name)
        if sup:
            sup.wake()
        return True

    def said_ready(self):
        """It has said that it is ready."""
        if not self.up and self._c and self._t1 is None:
            self.up = True
            wake(self.name)
            if self.sup:
                self.sup.wake()

    # Its limits and its end

    def _left(self):
        left = Limited._left(self)
        if self.ready is not None and not self.up and self._asked is None:
            ms = self.ready - ago(self._began)
            if left is None or ms < left:
                left = ms
        return left

    def _exceeded(self):
        ms = self.ready
        if ms is not None and not self.up and ms <= ago(self._began):
            return asyncio.TimeoutError("not ready within %s s" % text(ms))
        return Limited._exceeded(self)

    def _over(self):
        asked = self._asked is not None
        ms = Limited._over(self)
        if asked and ms is None:
            self.stuck = True
            if self.sup:
                self.sup.wake()
        return ms

    def told(self):
        """A verb has cancelled it: what follows is no longer its supervisor's affair."""
        self.quitting = False
        Limited.told(self)

    def quit(self):
        """Let it end, for its supervisor, which waits for that no longer than its grace."""
        self._again = None
        try:
            if self._asked is None:
                if not (self.shield and self._c and self._t1 is None):
                    aioctl.cancel(self)
                self._asked = aioctl.clock.now()
                self.quitting = True
                Limited.told(self)
            if self._c and not self._t and not self.stuck and self.shutdown is not None:
                self._told_at = moment()
                deadlines().insert(self, self.shutdown)  # also a callback may take no longer
        except MemoryError:
            pass  # its grace has no limit

    def _end(self, e):
        c = Limited._end(self, e)
        if hasattr(c, "send") and self.quitting and self.shutdown is not None and not self._t:
            try:
                deadlines().insert(self, max(0, self.shutdown - ago(self._told_at)))
            except MemoryError:
                pass  # then its callback has no limit
        return c

    def _after(self, e):
        ms = Limited._after(self, e)
        self.go = self.up = False
        if self.team:
            self.team.ended()
        if self.sup:
            if not self.sup.rec.live():
                ms = None  # whatever a verb said meanwhile
            self.sup.hear(self, ms)
        return ms

    def rule(self, failed):
        """Return the `restart` policy for its last end, which its supervisor may overrule."""
        word = Limited.rule(self, failed)
        if self.sup and word != "no" and (failed or word == "always" and self.state == "done"):
            return self.sup.rule(self, word)
        if self.team and not self.sup and failed:
            return self.team.root_rule(word)
        return word

    # Its place in the registry, and what is told of it

    def removed(self):
        """It is no longer in the registry, and so are its children."""
        wake(self.name)
        if self.sup:
            self.sup.forget(self)
        if self.team:
            for c in self.team.children[:]:
                if registered(c):
                    aioctl.group().remove(c.name)  # pyright: ignore[reportCallIssue]

    def facts(self, info):
        """Add to its `info`: parent, children, waits_for, ready."""
        info["parent"] = self.sup and self.sup.rec.name
        if self.team:
            info["children"] = [c.name for c in self.team.children if registered(c)]
        if self.declares():
            info["ready"] = self.up
        if self.state == "scheduled" and not (aioctl.holds and aioctl.holds(self.name)):
            names = []
            for name in self.blocks():
                if name not in names:
                    names.append(name)
            if self.sup and self.sup.busy and not self.go:
                names.append(self.sup.rec.name)
            info["waits_for"] = names


def valid(word, v):
    """Return the value of ready, after, needs or binds as a record has it."""
    if word == "ready":
        return limit(word)(v)
    found = (v,) if isinstance(v, str) else v
    if not isinstance(found, (tuple, list)) or not all(isinstance(n, str) for n in found):
        raise TypeError("%s: expected names of tasks, got %r" % (word, v))
    for n in found:
        if not n or "*" in n:
            raise ValueError("%s: expected whole names of tasks, got %r" % (word, n))
    return tuple(found)


class _Gate:
    # Where children wait for their supervisor. asyncio takes it for a queue of tasks.
    def remove(self, t):
        pass

    # And the guard for a coroutine, at the step at which a task is parked.
    def send(self, v):
        pass


GATE = _Gate()


class _Queue:
    # Those that wait for one task. asyncio takes it for a queue of tasks.

    def __init__(self, name):
        self.name = name
        self.recs = []

    def remove(self, t):
        """Take one out: it was cancelled."""
        self.recs = [r for r in self.recs if r.task is not t]
        if not self.recs and _waiting.get(self.name) is self:
            del _waiting[self.name]


class _End(asyncio.Event):
    # In place of the event that `join` makes: tells those who wait for the task as well.

    def __init__(self, rec):
        super().__init__()
        self.rec = rec
        self.end = [None, None]
        if rec._ev:
            self.waiting = rec._ev.waiting
            self.end = rec._ev.end

    def set(self):
        super().set()
        wake(self.rec.name)
        if self.rec.state != "done":
            for r in aioctl.records():
                if isinstance(r, Node) and self.rec.name in r.binds and r._c:
                    _turn_back(r)


def _turn_back(rec):
    # What is bound to another that has ended: stop it, and let it wait for that again.
    if rec._asked is None and rec._t1 is None:
        if hasattr(rec.coro, "send"):
            aioctl.stop(rec.name)  # a coroutine runs once
        else:
            aioctl.restart(rec.name)


def parked(t):
    """Tell whether this asyncio task of a record waits for others to begin."""
    return t.data is GATE or isinstance(t.data, _Queue)


def registered(rec):
    """Tell whether a record is in the registry."""
    g = aioctl.group()
    return g is not None and g.tasks.get(rec.name) is rec


def _park(rec, name):
    # Let it wait until something happens to the task of that name.
    q = _waiting.get(name)
    if not q:
        q = _waiting[name] = _Queue(name)
    q.recs.append(rec)
    rec.task.data = q
    g = aioctl.group()
    if g is None:
        g = aioctl.TaskGroup()
        aioctl.set_group(g)
    _hear_adding(g)
    x = g.tasks.get(name)
    if x:
        _hear_begin(x)
        _hear_end(name)


def wake(name):
    """Something happened to the task of that name: let those who wait for it look again."""
    q = _waiting.pop(name, None)
    if q:
        for r in q.recs:
            if r.live() and r.task.data is q:
                core._task_queue.push(r.task)


# The registry says nothing of starts itself: few ask, and all would pay. So what is waited for
# gets a method of its own, until it has told.


def _hear_adding(g):
    if "add_task" in g.__dict__:
        return

    def added(rec):
        if not _waiting:
            del g.add_task
        aioctl.TaskGroup.add_task(g, rec)
        wake(rec.name)

    g.add_task = added


def _hear_begin(x):
    if "_first" in x.__dict__:
        return

    def begun():
        del x._first
        wake(x.name)
        return x._first()

    x._first = begun


def _hear_end(name):
    x = aioctl.group().tasks.get(name)
    if x and not isinstance(x._ev, _End):
        x._ev = _End(x)


# What it waits for


def _of(name):
    g = aioctl.group()
    return g.tasks.get(name) if g else None


def _unready(x):
    return isinstance(x, Node) and x.declares() and not x.up


def _late(name):
    # Has the task of that name yet to start? One that ended will not.
    x = _of(name)
    if not x or not x.live():
        return x is not None and x.state == "scheduled"
    return not x.starts or _unready(x)


def _away(name):
    # Does it not run, nor did it what it had to do?
    x = _of(name)
    if x and x.live() and x._c and x._t1 is None:
        return _unready(x)
    return not x or x.state != "done"


def _refuse_cycle(rec):
    # Follow the names, the nearest first, and look whether one of them waits for `rec`.
    g = aioctl.group()
    tasks = g.tasks if g else {}
    name = rec.name
    n = 1
    while name in tasks:  # then it will get another name
        name = "%s@%d" % (rec.name, n)
        n += 1
    ways = [[name]]
    seen = set()
    for way in ways:
        x = rec if way is ways[0] else tasks.get(way[-1])
        if isinstance(x, Node) and way[-1] not in seen:
            seen.add(way[-1])
            above = (x.sup.rec.name,) if x.sup else ()  # it starts when that has
            for word in x.waits_on() + above:
                if word == name:
                    raise ValueError("after, needs: a cycle, " + " -> ".join(way + [name]))
                ways.append(way + [word])
