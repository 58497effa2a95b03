"""Ten tasks that are due in two hours, and nothing else to do.

Option: seconds to stay. Reports the heap that was taken meanwhile, collections being off.
"""

import asyncio
import gc

import gauge

if gauge.SIDE == "bare":
    import bare
else:
    import aioctl
    import aioschedule


async def worker():
    pass


def start():
    for i in range(10):
        if gauge.SIDE == "bare":
            asyncio.create_task(bare.every(7200000, 3600000, worker))
        else:
            name = "task%d" % i
            aioschedule.schedule(name, start_in=7200, repeat=3600)
            aioctl.add(aioctl.aiotask(worker), name=name)
    if gauge.SIDE != "bare":
        aioctl.add(aioschedule.watcher_loop)
        aioctl.add(aioschedule.schedule_loop)


async def main():
    start()
    stay_ms = gauge.option("seconds") * 1000
    await asyncio.sleep_ms(1500)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    await asyncio.sleep_ms(stay_ms)
    gauge.report(bytes=gc.mem_alloc() - before)


asyncio.run(main())
