"""Heap growth over task lives: a run to its end, a restart, a crash, deletion of both.

Option: n rounds, each under names that were not there before. An implementation with
policies also has a task that crashes and is restarted by the watcher all the time.
"""

import asyncio

import gauge

if gauge.SIDE != "bare":
    import aioctl
    import aioschedule

crashes = 0


async def worker():
    await asyncio.sleep_ms(0)


async def crasher():
    await asyncio.sleep_ms(0)
    raise ValueError("measured crash")


async def restless():
    global crashes
    crashes += 1
    await asyncio.sleep_ms(1)
    raise ValueError("measured crash")


async def turns():
    for _ in range(4):
        await asyncio.sleep_ms(0)


async def guarded():
    try:
        await crasher()
    except ValueError:
        return


async def live(i):
    if gauge.SIDE == "bare":
        for coro in (worker, worker, guarded):
            asyncio.create_task(coro())
            await turns()
        return
    life = "life%d" % i
    death = "death%d" % i
    aioctl.add(aioctl.aiotask(worker), name=life)
    await turns()
    aioctl.start(life)
    aioctl.add(aioctl.aiotask(crasher), name=death)
    await turns()
    aioctl.delete(life)
    aioctl.delete(death)
    await turns()


async def main():
    n = gauge.option("n")
    if gauge.SIDE != "bare" and hasattr(aioctl, "join"):
        aioctl.add(aioschedule.watcher_loop)
        aioctl.add(restless, name="restless", restart="on-failure", backoff=(0, 0))
    for i in range(100):
        await live(1000000 + i)  # as wide a name as any later one
    before = gauge.used()
    for i in range(n):
        await live(2000000 + i)
    gauge.report(bytes=gauge.used() - before, crashes=crashes)


asyncio.run(main())
