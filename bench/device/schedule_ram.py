"""Bytes of an idle schedule, and of a task that waits for its first start with it.

Options: n schedules; cron=1: by a cron expression, which is not counted, instead of an interval.
"""

import asyncio

import gauge

import aioctl
import aioschedule


@aioctl.aiotask
async def worker():
    pass


def schedule(name):
    if gauge.option("cron"):
        aioschedule.schedule(name, cron="*/5 8-18 * * mon-fri")
    else:
        aioschedule.schedule(name, start_in=7200, repeat=3600)


async def turns():
    for _ in range(5):
        await asyncio.sleep_ms(0)


async def main():
    n = gauge.option("n")
    names = ["held%d" % i for i in range(n)]
    ended = ["ended%d" % i for i in range(n)]
    aioctl.add(aioschedule.schedule_loop)
    schedule("first")  # loads what it takes
    aioctl.add(worker, name="first")
    await turns()
    before = gauge.used()
    for name in names:
        schedule(name)
        aioctl.add(worker, name=name)
    await turns()
    held = gauge.used() - before
    for name in ended:
        aioctl.add(worker, name=name)
    await turns()
    before = gauge.used()
    for name in ended:
        schedule(name)
    await turns()
    gauge.report(schedule=(gauge.used() - before) / n, held=held / n)


asyncio.run(main())
