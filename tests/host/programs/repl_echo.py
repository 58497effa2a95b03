# The REPL, tasks with names, and one that prints what is put into a file `say` of the folder
# that the environment names; after "fail" a task fails that nobody waits for.
import asyncio
import os

import aioctl
import aiorepl

SAY = os.getenv("FOLDER") + "/say"
HISTORY = os.getenv("HISTORY")


async def echo():
    while True:
        await asyncio.sleep_ms(5)
        try:
            with open(SAY) as f:
                text = f.read()
        except OSError:
            continue
        os.remove(SAY)
        if text == "fail":
            asyncio.create_task(failing())
        else:
            print(text, end="")


async def failing():
    await asyncio.sleep_ms(0)
    raise ValueError("failed")


async def sensor():
    await asyncio.Event().wait()


class Proxy:
    asked = ()

    def __getattr__(self, name):
        self.asked += (name,)
        raise AttributeError(name)

    @property
    def failing(self):
        raise ValueError


async def main():
    aioctl.add(sensor, name="sensor_in")
    aioctl.add(sensor, name="sensor_out")
    aioctl.add(echo)
    aioctl.add(aiorepl.task, name="repl", history=HISTORY)
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
