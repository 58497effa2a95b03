"""A sensor that fails now and then, restarted with a back-off, and a report of what it read.

Type `aioctl.status()`, `aioctl.log()`, or `aioctl.stop("sensor")` at the prompt.
"""

import asyncio
import logging
import random

import aioctl
import aiorepl
import aioschedule
from aiolog import streamlog

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s [%(levelname)s] %(message)s",
    datefmt="%H:%M:%S",
    stream=streamlog,
)
log = logging.getLogger("sensor")
aioctl.set_log(streamlog)

readings = []


@aioctl.aiotask(restart="always", backoff=(0.5, 8))
async def sensor(period, log=None):
    while True:
        await asyncio.sleep(period)
        if random.getrandbits(3) == 0:
            raise OSError(5)
        readings.append(random.getrandbits(8))
        del readings[:-60]


@aioschedule.schedule_task(start_in=2, repeat=5)
@aioctl.aiotask
async def report(log):
    mean = sum(readings) // len(readings) if readings else None
    log.info("[report] mean of the last %d readings: %s", len(readings), mean)
    return mean


async def main():
    aioctl.add(sensor, 0.2, log=log)
    aioctl.add(report, log)
    aioctl.add(aiorepl.task, name="repl")
    aioctl.add(aioschedule.watcher_loop)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
