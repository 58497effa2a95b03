"""Print the status of running tasks, for the driver to count instructions.

Options: n tasks, calls of status(), named=1 for the status of one of them.
"""

import asyncio
import gc

import gauge

if gauge.SIDE == "bare":
    import bare as registry
else:
    import aioctl as registry


async def worker():
    await asyncio.sleep_ms(3600000)


if gauge.SIDE != "bare":
    worker = registry.aiotask(worker)


async def main():
    n = gauge.option("n")
    name = "task%03d" % (n // 2) if gauge.option("named") else None
    for i in range(n):
        registry.add(worker, name="task%03d" % i)
    await asyncio.sleep_ms(10)
    registry.status("task000")
    gc.collect()
    for _ in range(gauge.option("calls")):
        registry.status(name)


asyncio.run(main())
