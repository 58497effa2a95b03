"""Bytes that a running task takes, all included. Option: n tasks."""

import asyncio

import gauge

if gauge.SIDE != "bare":
    import aioctl


async def worker():
    await asyncio.sleep_ms(3600000)


if gauge.SIDE != "bare":
    supervised = aioctl.aiotask(worker)


def start(name):
    if gauge.SIDE == "bare":
        asyncio.create_task(worker())
    else:
        aioctl.add(supervised, name=name)


async def main():
    names = ["task%d" % i for i in range(gauge.option("n"))]
    start("first")  # what the first one sets up once is not the price of a task
    await asyncio.sleep_ms(0)
    before = gauge.used()
    for name in names:
        start(name)
    for _ in range(3):
        await asyncio.sleep_ms(0)
    gauge.report(bytes=(gauge.used() - before) / len(names))


asyncio.run(main())
