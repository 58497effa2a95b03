"""`aioctl.shutdown`: stop all tasks in order, and write what is only in memory.

Source: Erlang/OTP, supervisor, "Shutdown"; systemd.kill (TimeoutStopSec=).
"""

from asyncio import TimeoutError, core, wait_for
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

import aioctl

from .flush import flush, open_files

_LAST_MS = const(100)  # for what is cancelled when the time is over


async def shutdown(timeout=10):
    """Stop all tasks but the caller's one by one, the last added first; write what is in memory.

    What a task waits for (`after`, `needs`, `binds`) ends later than it, and a supervisor stops
    its children. Each has the seconds of its `shutdown` to end, all together `timeout` seconds;
    then the rest is cancelled at once. At last logs in files and the crash history are written.
    Prints and returns (a list) the names of tasks that did not end.
    """
    from aioschedule import seconds_ms

    ms = seconds_ms("timeout", timeout, 0, 6 * 86400)
    files = open_files[:]  # a log is still written when the task that follows it has ended
    mine = _of_caller()
    nodes = [(r, r.binds) for r in mine if hasattr(r, "binds")]
    for r, _ in nodes:
        _spare(r, (), True)
    try:
        await _stop_all(mine, ticks_add(ticks_ms(), ms))
    finally:
        for r, names in nodes:
            _spare(r, names, False)
    left = [r.name for r in reversed(aioctl.records()) if r.live() and r not in mine]
    for name in left:
        print("shutdown: %s does not end" % name)
    flush(files)
    return left


def _of_caller():
    # The records that go on: of the caller, of the REPL at which it is typed, and of the
    # supervisors above, whose end would be its own.
    found = []
    caller = core.cur_task
    for t in (caller, getattr(caller.coro, "owner", None)):
        r = t and t.coro
        while isinstance(r, aioctl.Taskctl):
            found.append(r)
            sup = getattr(r, "sup", None)
            r = sup and sup.rec
    return found


def _spare(r, binds, on):
    # Neither what it is bound to nor a failing child beside it shall stop it.
    r.binds = binds
    if r.team:
        r.team.closing = on


async def _stop_all(mine, over):
    told = mine[:]  # and those that did not end
    for r in aioctl.records():
        if not r.live():
            aioctl.stop(r.name)  # what is only scheduled shall not begin meanwhile
    while True:
        # Anew each time: one that ends may add another.
        live = [r for r in aioctl.records() if r.live() and r not in told]
        left = ticks_diff(over, ticks_ms())
        if not live or left <= 0:
            return await _stop_rest(live)
        r = _next(live)
        ev = aioctl.ending(r)
        aioctl.stop(r.name)
        if not await _heard(ev, min(left, _grace(r, left))) and ticks_diff(over, ticks_ms()) > 0:
            told.append(r)


async def _stop_rest(live):
    # All at once, without their shields.
    until = ticks_add(ticks_ms(), _LAST_MS)
    evs = [aioctl.ending(r) for r in live]
    for r in reversed(live):
        aioctl.stop(r.name)
        aioctl.cancel(r)
    for ev in evs:
        await _heard(ev, ticks_diff(until, ticks_ms()))


def _grace(r, left):
    # The ms for which it is waited for.
    ms = r.shutdown
    if ms is None:
        return left
    # With a shield it is cancelled when the first is over.
    return ms * 2 if type(r) is not aioctl.Taskctl and r.shield else ms


async def _heard(ev, ms):
    # Wait for an end, at most so long; True if it came.
    if not ev.is_set() and ms > 0:
        try:
            await wait_for(ev.wait(), ms / 1000)
        except TimeoutError:
            pass
    return ev.is_set()


def _next(live):
    # The last that nobody else holds up.
    nodes = [r for r in live if hasattr(r, "waits_on")]
    for r in reversed(live):
        sup = getattr(r, "sup", None)
        for other in nodes:
            if sup and sup.rec is other:
                break
            if other is not r and r.name in other.waits_on():
                break
        else:
            return r
    return live[-1]
