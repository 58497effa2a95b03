"""Starts of two repeated tasks, one each second and one each quarter of a second.

Option: seconds to watch from the first start on. Reports the times of the starts in
milliseconds since the loop's start.
"""

import asyncio
import time

import gauge

if gauge.SIDE == "bare":
    import bare
else:
    import aioctl
    import aioschedule

whole = []
quarter = []


async def each_second():
    whole.append(time.ticks_us())


async def each_quarter():
    quarter.append(time.ticks_us())


async def main():
    if gauge.SIDE == "bare":
        asyncio.create_task(bare.every(1000, 1000, each_second))
        asyncio.create_task(bare.every(1000, 250, each_quarter))
    else:
        for coro, period in ((each_second, 1), (each_quarter, 0.25)):
            aioschedule.schedule(coro.__name__, start_in=1, repeat=period)
            aioctl.add(aioctl.aiotask(coro))
        aioctl.add(aioschedule.schedule_loop)
    await asyncio.sleep_ms(200)
    whole.clear()  # an implementation that runs a scheduled task when added: not its schedule
    quarter.clear()
    await asyncio.sleep_ms(gauge.option("seconds") * 1000 + 900)
    gauge.report(
        whole=[time.ticks_diff(t, whole[0]) / 1000 for t in whole],
        quarter=[time.ticks_diff(t, quarter[0]) / 1000 for t in quarter],
    )


asyncio.run(main())
