"""Random tasks fail, hang, block, swallow cancels and hog memory, started and stopped at random.

The generator is seeded: a failure names its seed and step, and comes again.
"""

import asyncio
import gc

import aiocrash
import aioctl
import aioschedule
from aiosupervisor import limits
from support import FakeClock, Random, printed

TIMEOUT = 300
HEAP = "400wK"
STEPS = 34_000  # of each seed, 10**5 in all
NAMES = ("a", "b", "c", "d", "e", "f")
ENDED = ("done", "stopped", "error", "timeout", "gave-up")

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()


class Gate:
    """What a task waits at until its fate is decided."""

    def __init__(self):
        self.event = asyncio.Event()
        self.fate = None

    def open(self, fate):
        self.fate = fate
        self.event.set()


gates = {}


async def body(name):
    gate = gates[name] = Gate()
    while True:
        try:
            await gate.event.wait()
        except asyncio.CancelledError:
            if gate.fate != "swallow":
                raise
            gate.fate = None
        gate.event.clear()
        fate = gate.fate
        if fate == "fail":
            raise ValueError(name)
        if fate == "odd":
            raise GeneratorExit
        if fate == "return":
            return name
        if fate == "memory":
            bytearray(1 << 29)
        if fate == "block":
            clock.advance(4)  # nobody else gets a turn meanwhile
        if fate == "alive":
            aioctl.alive()


FATES = "fail fail odd return memory block alive alive swallow wait".split()
POLICIES = (
    {},
    {"restart": "always", "backoff": (0, 0)},
    {"restart": "no"},
    {"backoff": (0, 0), "intensity": (5, 20)},
    {"backoff": (0, 0), "timeout": 7},
    {"backoff": (0, 0), "watchdog": 3, "shutdown": 2, "on_giveup": lambda rec: None},
    {"restart": "always", "backoff": (0, 0), "watchdog": 5, "timeout": 9, "intensity": (3, 9)},
    {"restart_on": ValueError, "restart": "no", "backoff": (0, 0), "shutdown": 0},
    {"no_restart_on": (GeneratorExit, MemoryError), "backoff": (0, 0), "shutdown": None},
)


def act(random):
    """Do one thing at random; return what."""
    name = random.of(NAMES)
    what = random.of(("fate",) * 8 + ("time",) * 4 + ("stop", "start", "restart", "delete", "add"))
    if what == "time":
        clock.advance(random.below(4))
        limits.deadlines().wake()
    elif what == "fate":
        fate = random.of(FATES)
        if name in gates:
            if fate == "swallow":
                gates[name].fate = fate  # the next cancel is not heard
            elif fate != "wait":
                gates[name].open(fate)
        what = fate
    elif what == "add":
        if name not in aioctl.info():
            aioctl.add(body, name, name=name, **random.of(POLICIES))
    elif name in aioctl.info():
        getattr(aioctl, what)(name)
    return what + " " + name


def check(where):
    """Assert what holds between any two turns of the loop."""
    armed = 0
    for r in aioctl.records():
        live = r.live()
        assert live is not r.task.done(), (where, r.name, r.state)
        assert live is (r.state in ("running", "backoff")), (where, r.name, r.state, live)
        assert live or r.state in ENDED, (where, r.name, r.state)
        if live and r.state == "running" and r._c and r.starts:
            assert r.name == "watcher_loop" or r._t1 is None, (where, r.name)
        armed += getattr(r, "_t", None) is not None if isinstance(r, limits.Limited) else 0
    assert aioctl.state("watcher_loop") == "running", where
    queued = 0
    queue = limits.deadlines()._due
    held = []
    while queue.peek():
        t = queue.peek()
        queue.pop()
        held.append(t)
    for t in held:
        queued += isinstance(t.coro, limits.Limited)
        queue.push(t, t.ph_key)
    # A deleted task that swallowed its cancellation stays there until its grace is over.
    assert queued >= armed, (where, queued, armed)


async def soak(seed):
    random = Random(seed)
    lost = []
    loop = asyncio.get_event_loop()
    loop.set_exception_handler(lambda loop, context: lost.append(context))
    aioctl.add(aioschedule.watcher_loop)
    aiocrash.start(keep=5)
    await asyncio.sleep_ms(0)
    used = []
    for step in range(STEPS):
        what = act(random)
        for _ in range(random.below(3)):
            await asyncio.sleep_ms(0)
        where = "seed %d, step %d: %s" % (seed, step, what)
        assert not lost, (where, lost)
        if step % 20 == 0:
            check(where)
        if step in (STEPS // 3, STEPS - 1):
            aioctl.delete(*(n for n in NAMES if n in aioctl.info()))
            for gate in gates.values():
                gate.open("return")
            for _ in range(10):
                await asyncio.sleep_ms(0)
            gates.clear()
            assert list(aioctl.info()) == ["watcher_loop"], where
            gc.collect()
            gc.collect()
            used.append(gc.mem_alloc())
    assert len(aiocrash.history.entries) == 5
    assert "Traceback" in printed(aioctl.crashes)
    assert used[1] - used[0] < 6000, used


async def test_whatever_happens_the_supervisor_goes_on_1():
    await soak(1)


async def test_whatever_happens_the_supervisor_goes_on_2():
    await soak(20261)


async def test_whatever_happens_the_supervisor_goes_on_3():
    await soak(777777)
