"""Trees whose members fail, hang, come, go and are told things at random.

The generator is seeded: a failure names its seed and step, and comes again.
"""

import asyncio
import gc

import aioctl
import aioschedule
from aiosupervisor import limits
from aiosupervisor.tree import Supervisor
from support import FakeClock, Random, turns

TIMEOUT = 300
STEPS = 3000  # of each seed

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()


class Child:
    """A task whose end is decided on from outside; `swallows` cancellations does it not hear."""

    def __init__(self, sup, name, **policy):
        self.swallows = 0
        self.rec = sup.add(self.run, name=name, backoff=(0, 0), **policy)

    async def run(self):
        self.gate = asyncio.Event()
        while True:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.swallows:
                    raise
                self.swallows -= 1
                continue
            self.gate.clear()
            if self.fate == "return":
                return 5
            if self.fate == "fail":
                raise ValueError
            aioctl.ready()

    def do(self, fate):
        self.fate = fate
        self.gate.set()


POLICIES = (
    {},
    {"restart": "permanent"},
    {"restart": "temporary"},
    {"ready": 7},
    {"ready": 7, "restart": "permanent"},
    {"shutdown": 2, "watchdog": 9},
    {"shutdown": 0},
    {"intensity": (3, 9), "on_giveup": "escalate"},
    {"needs": "a"},
    {"binds": "d", "ready": 5},
    {"after": ("b", "e"), "shield": True, "shutdown": 1},
    {"timeout": 9},
)


class Forest:
    """Two trees whose members change at random."""

    def __init__(self, random):
        self.random = random
        self.sups = {}
        self.children = {}
        self.all = []  # those that were deleted as well
        self.shoot("r1")
        self.shoot("r2")

    def shoot(self, name, parent=None):
        strategy = self.random.of(("one_for_one", "one_for_all", "rest_for_one"))
        words = {"backoff": (0, 0)}
        if parent:
            words["parent"] = parent
        else:
            words["on_giveup"] = "stop"
        self.sups[name] = Supervisor(name, strategy, (4, 10), **words)

    def sprout(self, name, sup):
        policy = self.random.of(POLICIES)
        try:
            self.children[name] = Child(sup, name, **policy)
            self.all.append(self.children[name])
        except ValueError as e:
            assert "cycle" in e.args[0], e

    def act(self):
        """Do one thing at random; return what."""
        r = self.random
        name = r.of("abcdefgh")
        what = r.of(("fate",) * 8 + ("time",) * 4 + ("stop", "start", "restart", "delete", "add"))
        if what == "time":
            clock.advance(r.below(4))
            limits.deadlines().wake()
        elif what == "fate":
            what = r.of(("fail", "fail", "ready", "ready", "return", "swallow", "alive"))
            c = self.children.get(name)
            if c and c.rec.state == "running" and c.rec._c:
                if what == "swallow":
                    c.swallows = r.below(3)
                elif what == "alive":
                    c.rec._fed = limits.moment()
                else:
                    c.do(what)
        else:
            if r.below(3) == 0:
                name = r.of(("r1", "r2", "s1", "s2"))
            self.tell(what, name)
        return what + " " + name

    def tell(self, what, name):
        known = name in aioctl.info()
        if what == "add" and not known:
            parents = [s for s in self.sups.values() if s.rec.name in aioctl.info()]
            if name[0] == "r":
                self.shoot(name)
            elif parents and name[0] == "s":
                self.shoot(name, self.random.of(parents))
            elif parents:
                self.sprout(name, self.random.of(parents))
        elif what != "add" and known:
            try:
                getattr(aioctl, what)(name)
            except ValueError as e:
                assert "does not run" in e.args[0], e

    def check(self, where):
        """Assert what holds between any two turns of the loop."""
        for r in aioctl.records():
            state = r.state
            live = r.live()
            assert live is not (r.task is None or r.task.done()), (where, r.name, state)
            if live:
                assert state in ("running", "backoff", "scheduled"), (where, r.name, state)
            else:
                assert state not in ("running", "backoff"), (where, r.name, state)

    async def rest(self, where):
        """Let all that is under way end, and assert what holds then."""
        for _ in range(12):
            self.all = [c for c in self.all if c.rec.live() or c.rec in aioctl.records()]
            for c in self.all:
                c.swallows = 0
                if c.rec._c and c.rec._asked is not None:
                    c.do("return")
                elif c.rec.state == "running" and c.rec._c and c.rec.ready and not c.rec.up:
                    c.do("ready")
            await turns(20)
        self.check(where)
        info = aioctl.info()
        for r in aioctl.records():
            if r.name == "watcher_loop":
                continue
            if r.sup and r.sup.rec.live():
                assert r in r.sup.children, (where, r.name)
                assert not r.sup.busy or r.sup.rec.state == "scheduled", (where, r.name)
                if r.state == "scheduled":
                    waits = [n for n in info[r.name]["waits_for"] if n != r.sup.rec.name]
                    assert waits or r.sup.rec.state == "scheduled", (where, r.name)
                    for n in waits:
                        gone = n not in info or info[n]["state"] not in ("running", "done")
                        assert gone, (where, r.name, waits)
            elif r.sup:
                assert not r.live(), (where, r.name, r.state)
        for s in self.sups.values():
            assert s.calls == []


class Nowhere:
    """A log stream that keeps nothing."""

    def write(self, text):
        pass

    def cat(self, **words):
        pass


async def soak(seed):
    lost = []
    asyncio.get_event_loop().set_exception_handler(lambda loop, context: lost.append(context))
    aioctl.set_log(Nowhere())
    aioctl.add(aioschedule.watcher_loop)
    forest = Forest(Random(seed))
    used = []
    for step in range(STEPS):
        what = forest.act()
        await turns(forest.random.below(4))
        where = "seed %d, step %d: %s" % (seed, step, what)
        assert not lost, (where, lost)
        if step % 10 == 0:
            forest.check(where)
        if step % 50 == 49:
            await forest.rest(where)
        if step in (STEPS // 3, STEPS - 1):
            aioctl.delete(*(n for n in aioctl.info() if n != "watcher_loop"))
            await forest.rest(where)
            assert list(aioctl.info()) == ["watcher_loop"], (where, aioctl.info())
            forest.sups.clear()
            forest.children.clear()
            forest.all = []
            gc.collect()
            gc.collect()
            used.append(gc.mem_alloc())
    assert used[1] - used[0] < 8000, used  # tables that grew once


async def test_whatever_happens_to_trees_they_go_on_1():
    await soak(1)


async def test_whatever_happens_to_trees_they_go_on_2():
    await soak(20261)


async def test_whatever_happens_to_trees_they_go_on_3():
    await soak(777777)
