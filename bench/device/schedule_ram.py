"""Bytes of an idle interval schedule, and of a task that waits for its first start with it.

Option: n schedules.
"""

import asyncio

import gauge

import aioctl
import aioschedule


@aioctl.aiotask
async def worker():
    pass


async def turns():
    for _ in range(5):
        await asyncio.sleep_ms(0)


async def main():
    n = gauge.option("n")
    names = ["held%d" % i for i in range(n)]
    ended = ["ended%d" % i for i in range(n)]
    aioctl.add(aioschedule.schedule_loop)
    aioctl.add(worker, name="first")
    before = gauge.used()
    for name in names:
        aioschedule.schedule(name, start_in=7200, repeat=3600)
        aioctl.add(worker, name=name)
    await turns()
    held = gauge.used() - before
    for name in ended:
        aioctl.add(worker, name=name)
    await turns()
    before = gauge.used()
    for name in ended:
        aioschedule.schedule(name, start_in=7200, repeat=3600)
    await turns()
    gauge.report(schedule=(gauge.used() - before) / n, held=held / n)


asyncio.run(main())
