"""The default program: a health report in the log, and the REPL, all of it supervised.

Type `aioctl.status()` at the prompt, `aioctl.log()` for the log, Ctrl-D to end the program.
"""

import asyncio
import gc
import logging
import sys

import aioctl
import aiorepl
import aioschedule
from aiolog import streamlog

logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s [%(name)s] [%(levelname)s] %(message)s",
    datefmt="%Y-%m-%d %H:%M:%S",
    stream=streamlog,
)
log = logging.getLogger(sys.platform)
aioctl.set_log(streamlog)


@aioschedule.schedule_task(start_in=1, repeat=60)
@aioctl.aiotask
async def health(log):
    """Log once a minute how much of the heap is free, and how many tasks live."""
    gc.collect()
    free = gc.mem_free()
    log.info("[health] %d bytes free, %d tasks", free, len(aioctl.tasks()))
    return free


async def main():
    aioctl.add(health, log)
    aioctl.add(aiorepl.task, name="repl")
    aioctl.add(aioschedule.watcher_loop, log)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.gather(*aioctl.tasks())


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass  # Ctrl-D on a board: back to its own REPL
