# A counter and the REPL; main waits for both.
import asyncio

import aiorepl

n = 0


async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(5)


async def double(x):
    await asyncio.sleep_ms(1)
    return 2 * x


async def main():
    await asyncio.gather(asyncio.create_task(count()), asyncio.create_task(aiorepl.task()))


asyncio.run(main())
