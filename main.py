"""The default program: starts what config.json says, then app.py, all of it supervised.

Without an app.py it reports its health. Type `aioctl.status()` at the prompt, `aioctl.log()`
for the log, Ctrl-D to end the program. docs/first-board.md tells of config.json and app.py.
"""

import asyncio
import gc
import sys

import aioctl
from aioconfig import load

config, errors = load()
log = None  # a logger, if config.json does not switch it off

if "log" in config:
    import logging

    import aiolog

    if config["log"]["size"] != 2000:
        aiolog.streamlog = aiolog.AioStream(config["log"]["size"])
    aioctl.set_log(aiolog.streamlog)
    logging.basicConfig(
        level=config["log"]["level"],
        format="%(asctime)s [%(name)s] [%(levelname)s] [%(taskName)s] %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        stream=aiolog.streamlog,
    )
    log = logging.getLogger(sys.platform)
if "scheduler" in config or "watcher" in config:
    import aioschedule
if any(config.get("scheduler", {}).values()):
    from aioconfig.plan import enter

    errors += enter(config["scheduler"])
if "repl" in config:
    import aiorepl

for line in errors:
    print("config.json: " + line)
    if log:
        log.warning("config.json: %s", line)


async def health(log):
    """Log how much of the heap is free, and how many tasks live."""
    gc.collect()
    free = gc.mem_free()
    if log:
        log.info("%d bytes free, %d tasks", free, len(aioctl.tasks()))
    return free


async def main():
    from aioconfig.app import start

    if "repl" in config:
        aioctl.add(aiorepl.task, name="repl", **config["repl"])
    if "watcher" in config:
        aioctl.add(aioschedule.watcher_loop, log, config["watcher"]["sleep"])
    if "scheduler" in config:
        aioctl.add(aioschedule.schedule_loop)
    if not start(*[config["app"]] if "app" in config else []) and "scheduler" in config:
        if "health" not in aioschedule.group():
            aioschedule.schedule("health", start_in=1, repeat=60)
        aioctl.add(health, log)
    gc.collect()
    gc.threshold(config["gc"]["threshold"] or gc.mem_free() // 4)
    while aioctl.tasks():
        await asyncio.gather(*aioctl.tasks())


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass  # Ctrl-D on a board: back to its own REPL
