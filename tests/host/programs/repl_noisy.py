# Tasks that print all the time, and one that counts, beside the REPL.
import asyncio

import aioctl
import aiorepl

n = 0


async def noise(what):
    while True:
        print("noise of", what)
        await asyncio.sleep_ms(2)


async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(5)


async def main():
    aioctl.add(noise, "a", name="a")
    aioctl.add(noise, "b", name="b")
    aioctl.add(count)
    aioctl.add(aiorepl.task, name="repl")
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
