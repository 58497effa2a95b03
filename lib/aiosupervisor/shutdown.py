"""`aioctl.shutdown`: stop all tasks in order, and write what is only in memory.

Source: Erlang/OTP, supervisor, "Shutdown"; systemd.kill (TimeoutStopSec=).
"""

from asyncio import core, sleep_ms
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
    over = ticks_add(ticks_ms(), ms)
    mine = (core.cur_task, getattr(core.cur_task.coro, "owner", None))
    left = []
    files = open_files[:]  # a log is still written when the task that follows it has ended
    for r in aioctl.records():
        if not r.live():
            aioctl.stop(r.name)  # what is only scheduled shall not begin meanwhile
    while True:
        # Anew each time: one that ends may add another.
        live = [r for r in aioctl.records() if r.live() and r.task not in mine and r not in left]
        if not live:
            break
        r = _next(live)
        aioctl.stop(r.name)
        await _end(r, over)
        if r.live():
            left.append(r)
            print("shutdown: %s does not end" % r.name)
    flush(files)
    return [r.name for r in left]


def _next(live):
    # The last that nobody else holds up.
    for r in reversed(live):
        for other in live:
            if getattr(r, "sup", None) and r.sup.rec is other:
                break
            if hasattr(other, "waits_on") and other is not r and r.name in other.waits_on():
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
        except Exception:  # noqa: BLE001 - its own end, or the time is over: its record tells
            pass
    if r.live() and ticks_diff(over, ticks_ms()) <= 0:
        aioctl.cancel(r)  # now without its shield
        await _turns()


async def _turns():
    # To be cancelled takes one, to end by it as well, and so does a callback.
    for _ in range(3):
        await sleep_ms(0)
