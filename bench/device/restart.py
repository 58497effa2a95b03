"""From a crash to the first line of the restarted task.

Options: n crashes; count=1 counts the turns of the loop meanwhile, by a task that does
nothing else; eager=1 asks an implementation that polls to do so in each turn; idle turns of
the loop before all that, for the driver to know what one costs.
"""

import asyncio
import time

import gauge

if gauge.SIDE == "bare":
    import bare
else:
    import aioctl
    import aioschedule

n = gauge.option("n")
times = []
turns_taken = []
turns = 0
crashed_us = None
crashed_turn = 0
over = asyncio.Event()


async def crasher():
    global crashed_us, crashed_turn
    if crashed_us is not None:
        times.append(time.ticks_diff(time.ticks_us(), crashed_us))
        turns_taken.append(turns - crashed_turn)
    if len(times) >= n:
        over.set()
        return
    crashed_turn = turns
    crashed_us = time.ticks_us()
    raise ValueError("measured crash")


async def count():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(0)


def supervise():
    if gauge.SIDE == "bare":
        asyncio.create_task(bare.keep(crasher))
    elif hasattr(aioctl, "join"):
        aioctl.add(aioschedule.watcher_loop)
        aioctl.add(crasher, name="crasher", restart="on-failure", backoff=(0, 0))
    else:  # the earlier interface: no policy, the watcher looks around now and then
        period = {"sleep": 0} if gauge.option("eager") else {}
        aioctl.add(aioschedule.watcher_loop, **period)
        aioctl.add(aioctl.aiotask(crasher), name="crasher")


async def main():
    global n
    if gauge.SIDE != "bare" and not hasattr(aioctl, "join") and not gauge.option("eager"):
        n = min(n, 1)  # each one waits for the watcher's round
    for _ in range(gauge.option("idle")):
        await asyncio.sleep_ms(0)
    if gauge.option("count"):
        asyncio.create_task(count())
    if n:
        supervise()
        await over.wait()
    times.sort()
    turns_taken.sort()
    middle = len(times) // 2
    if n:
        gauge.report(ms=times[middle] / 1000, turns=turns_taken[middle])


asyncio.run(main())
