"""`aioctl.shutdown`: stop all tasks in order, and write what is only in memory.

Source: Erlang/OTP, supervisor, "Shutdown"; systemd.kill (TimeoutStopSec=).
"""

from asyncio import CancelledError, core, sleep_ms
from time import ticks_add, ticks_diff, ticks_ms

import aioctl

from .flush import flush, open_files


async def shutdown(timeout=10):
    """Stop all tasks but the caller's one by one, the last added first; write what is in memory.

    What a task waits for (`after`, `needs`, `binds`) ends later than it, and a supervisor stops
    its children. Each has the seconds of its `shutdown` to end, all together `timeout` seconds;
    then the rest is cancelled at once. At last logs in files and the crash history are written.
    Prints and returns (a list) the names of tasks that did not end.
    """
    from aioschedule import seconds_ms

    ms = seconds_ms("timeout", timeout)
    if ms >> 29:
        raise ValueError("timeout: expected at most 6 days, got %r" % (timeout,))
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
    rest = None  # when the time is over, those that are there by then
    for r in aioctl.records():
        if not r.live():
            aioctl.stop(r.name)  # what is only scheduled shall not begin meanwhile
    while True:
        # Anew each time: one that ends may add another.
        live = [r for r in aioctl.records() if r.live() and r not in told]
        if rest:
            live = [r for r in live if r in rest]
        elif ticks_diff(over, ticks_ms()) <= 0:
            rest = live
        if not live:
            break
        r = _next(live)
        aioctl.stop(r.name)
        await _end(r, over)
        if rest or r.live():
            told.append(r)


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


async def _end(r, over):
    # Wait until the record has ended, as long as it may take.
    await _turns()
    left = ticks_diff(over, ticks_ms())
    ms = r.shutdown
    if ms is None:
        ms = left
    elif type(r) is not aioctl.Taskctl and r.shield:
        ms *= 2  # it is cancelled when the first is over
    if r.live() and left > 0 < ms:
        try:
            await aioctl.join(r.name, min(ms, left) / 1000)
        except (CancelledError, SystemExit, KeyboardInterrupt):
            raise
        except BaseException:  # noqa: BLE001 - its own end, or the time is over: its record tells
            pass
    if r.live() and ticks_diff(over, ticks_ms()) <= 0:
        aioctl.cancel(r)  # now without its shield
        await _turns()


async def _turns():
    # To be cancelled takes one, to end by it as well, and so does a callback.
    for _ in range(3):
        await sleep_ms(0)
